"""The agent: holds one opened key, and signs for its own account until its time is over.

One agent for an account: whoever sits there speaks for one person. The key is never written and never handed
out; no other process of the account can read this one's memory, and it leaves no core dump.
"""

import ctypes
import fcntl
import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from protocols.documents.envelope import Signer
from protocols.errors import DocumentError, InputError, RefusedError, RelanceError
from protocols.rim.agent.messages import AgentAnswer, AgentAsk, Wish, read_ask, write_line
from protocols.rim.agent.place import make_place, peer_uid, read_line
from protocols.rim.agent.rules import Signable, left_ms, signable

_LOOK_EVERY_S: Final = 0.5
# A command says what it wants at once.
_PATIENCE_S: Final = 2.0
_PR_SET_DUMPABLE: Final = 4  # prctl(2)


class Agent:
    """One person's opened key. `tick_ms`: a count that nobody can set. `tell`: is told what was signed.

    `why_over`: why it signs no more although its time lasts, such as the end of its shift; empty: it signs.
    `check`: raises RefusedError for what it does not sign here, of all that it can name.
    """

    def __init__(
        self,
        holder: str,
        signer: Signer,
        length_ms: int,
        tick_ms: Callable[[], int],
        tell: Callable[[Signable], None],
        why_over: Callable[[], str] = lambda: "",
        check: Callable[[Signable], None] = lambda _what: None,
    ) -> None:
        self.holder = holder
        self.signed = 0
        self.closed = False
        self._signer = signer
        self.length_ms = length_ms
        self._tick_ms = tick_ms
        self._tell = tell
        self._why_over = why_over
        self._check = check
        self._opened_ms = tick_ms()

    @property
    def left_ms(self) -> int:
        """How long it is open yet; 0 when it is closed."""
        return 0 if self._ended() else left_ms(self._opened_ms, self.length_ms, self._tick_ms())

    @property
    def keyid(self) -> str:
        """Of the key that is open."""
        return self._signer.keyid

    def answer(self, ask: AgentAsk) -> AgentAnswer:
        """What it answers; its time is looked at anew for each ask."""
        if ask.wish is Wish.CLOSE:
            self.closed = True
        if not self.left_ms:
            return self._answer(refused="" if ask.wish is Wish.CLOSE else self._ended() or "its time is over")
        if ask.wish is not Wish.SIGN:
            return self._answer()
        try:
            what = signable(ask.data)
            self._check(what)
        except RefusedError as error:
            return self._answer(refused=str(error))
        # Told first: no signature goes out that the log does not have.
        self._tell(what)
        try:
            signature = self._signer.private.sign(ask.data)
        except RelanceError as error:
            # A token was pulled out: that is said there, and the agent stays.
            return self._answer(refused=str(error))
        self.signed += 1
        return self._answer(signature)

    def _ended(self) -> str:
        """Why it is closed before its time; empty: it is not."""
        return "it is closed" if self.closed else self._why_over()

    def _answer(self, signature: bytes = b"", refused: str = "") -> AgentAnswer:
        return AgentAnswer(
            holder=self.holder,
            keyid=self.keyid,
            left_ms=self.left_ms,
            signed=self.signed,
            signature=signature,
            refused=refused,
        )


@contextmanager
def only_agent(path: Path, program: str) -> Iterator[None]:
    """Within this block nobody else opens an agent at `path`: an account speaks for one person.

    Raises RefusedError where one is open, InputError where others get at its folder.
    """
    make_place(path)
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(lock, program)
        # What is there is of an agent that was killed.
        path.unlink(missing_ok=True)
        yield
    finally:
        os.close(lock)


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """The account's socket, inside `only_agent`; gone at the end. Raises InputError where none can be."""
    with socket.socket(socket.AF_UNIX) as server:
        _bind(server, path)
        try:
            yield server
        finally:
            path.unlink(missing_ok=True)


def serve_agent(agent: Agent, server: socket.socket, told_to_stop: Callable[[], bool]) -> None:
    """Answer until its time is over or it is closed. Raises OSError where its log takes nothing."""
    server.settimeout(_LOOK_EVERY_S)
    while agent.left_ms and not told_to_stop():
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        with connection:
            _answer_one(agent, connection)


def keep_memory_private() -> None:
    """No core dump, and no debugger of the same account (prctl(2), PR_SET_DUMPABLE)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise InputError(f"agent: its memory cannot be kept private: {os.strerror(ctypes.get_errno())}")


def _answer_one(agent: Agent, connection: socket.socket) -> None:
    connection.settimeout(_PATIENCE_S)
    if peer_uid(connection) != os.getuid():
        return
    try:
        ask = read_ask(read_line(connection))
    except (OSError, DocumentError):
        # It has gone, or says nothing that is a wish: the next one is heard.
        return
    answer = write_line(agent.answer(ask))
    with suppress(OSError):  # it has gone: its act is rolled back
        connection.sendall(answer)


def _lock(lock: int, program: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RefusedError(
            "an agent is open at this account, which speaks for one person at a time; "
            f"`{program} agent status` says whose, `{program} agent close` closes it"
        ) from None


def _bind(server: socket.socket, path: Path) -> None:
    before = os.umask(0o177)
    try:
        server.bind(str(path))
        server.listen()
    except OSError as error:
        raise InputError(f"{path}: no socket can be there: {error.strerror or error}") from None
    finally:
        os.umask(before)
