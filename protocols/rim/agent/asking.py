"""The command's side: finds the agent of its account, and has it sign as if the key were here."""

import os
import socket
from collections.abc import Container
from pathlib import Path
from typing import Final, Never

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocols.errors import DocumentError, RefusedError, UnreachableError
from protocols.rim.agent.messages import AgentAnswer, AgentAsk, Wish, read_answer, write_line
from protocols.rim.agent.place import peer_uid, read_line
from protocols.rim.terminal import complain, warn
from protocols.words.en.times import duration

_PATIENCE_S: Final = 5.0


class AgentClosedError(UnreachableError):
    """The agent was closed while a command worked with it: whatever comes next needs the passphrase."""


class AgentKey(Ed25519PrivateKey):
    """A private key that an agent holds: it signs, and nobody gets it."""

    def __init__(self, path: Path, public: bytes) -> None:
        self._path = path
        self._public = Ed25519PublicKey.from_public_bytes(public)

    def public_key(self) -> Ed25519PublicKey:
        return self._public

    def sign(self, data: bytes) -> bytes:  # type: ignore[override] # bytes are all that is signed
        """The agent's signature.

        Raises AgentClosedError where it has been closed, RefusedError where it does not sign that.
        """
        answer = ask_agent(self._path, AgentAsk(Wish.SIGN, bytes(data)))
        if answer is None:
            raise AgentClosedError("the agent was closed meanwhile; nothing was done: type the passphrase")
        if not answer.left_ms:
            raise AgentClosedError(f"{answer.holder}'s agent: {answer.refused}; nothing was done")
        if answer.refused:
            raise RefusedError(f"{answer.holder}'s agent: {answer.refused}")
        try:
            self._public.verify(answer.signature, data)
        except InvalidSignature:
            raise RefusedError(f"{answer.holder}'s agent holds another key now; nothing was done") from None
        return answer.signature

    def private_bytes(self, *_given: object, **_more: object) -> Never:
        raise TypeError("an agent hands out no key")

    def private_bytes_raw(self) -> Never:
        raise TypeError("an agent hands out no key")

    def __copy__(self) -> "AgentKey":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "AgentKey":
        return self


def open_agent(path: Path, wanted: Container[str]) -> AgentAnswer | None:
    """The account's agent, if it has one of the wanted keys open; None: it has not, or does not answer.

    Whoever sits here is told that it signs.
    """
    try:
        answer = ask_agent(path, AgentAsk(Wish.STATUS))
    except UnreachableError as error:
        # An agent that hangs must not stop somebody from restoring a household's supply.
        warn([str(error)])
        return None
    if answer is None or not answer.left_ms or answer.keyid not in wanted:
        return None
    complain(f"{answer.holder}'s agent signs; it is open for another {duration(answer.left_ms)}.")
    return answer


def ask_agent(path: Path, ask: AgentAsk) -> AgentAnswer | None:
    """What the agent answers; None where none is open.

    Raises UnreachableError where somebody else listens there, or the agent does not answer.
    """
    if not path.is_socket():
        return None
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_PATIENCE_S)
            connection.connect(str(path))
            if peer_uid(connection) != os.getuid():
                raise UnreachableError(f"{path}: another account listens there; it gets nothing to sign")
            connection.sendall(write_line(ask))
            line = read_line(connection)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except OSError as error:
        raise UnreachableError(f"{path}: the agent does not answer: {error.strerror or error}") from None
    try:
        return read_answer(line) if line else None
    except DocumentError as error:
        raise UnreachableError(f"{path}: {error}") from None
