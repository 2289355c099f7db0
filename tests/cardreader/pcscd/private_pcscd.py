"""A pcscd of our own: a socket that nobody else knows, readers that a test plugs in, cards that are objects.

pcscd is activated by its socket, as systemd does it (sd_listen_fds(3)), so it never touches the system's. It
wants to write below /run: it gets a /run of its own where that is allowed. It ends with the test run, however
that ends.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time  # noqa: TID251 # waits for a program
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cardreader.readers.pcsc_codes import PcscError
from cardreader.readers.pcsc_service import PcscService
from cardreader.readers.reader_states import ReaderState
from tests.cardreader.pcscd.card_slot import CardSlot, PoweredCard

SOCKET_VARIABLE: Final = "PCSCLITE_CSOCK_NAME"
_SOURCE: Final = Path(__file__).with_name("socket_reader.c")
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
# Dies with the test run (PR_SET_PDEATHSIG is 1), takes the socket as file 3, becomes the program.
_ACTIVATED: Final = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execvp(sys.argv[2], sys.argv[2:])
"""
_OWN_RUN: Final = "mount -t tmpfs none /run && mkdir /run/pcscd"
_PATIENCE_SECONDS: Final = 60.0  # a machine that does much else starts it late


def missing() -> list[str]:
    """What is not on this machine, and which Debian package brings it."""
    needs = [("pcscd", "pcscd"), ("gcc", "gcc"), ("pkg-config", "pkg-config"), ("opensc-tool", "opensc")]
    lacks = [package for command, package in needs if shutil.which(command, path=_PATH) is None]
    if not Path("/usr/include/PCSC/ifdhandler.h").exists():
        lacks.append("libpcsclite-dev")
    try:
        import smartcard.scard  # noqa: F401, PLC0415 # an extra
    except ImportError:
        lacks.append("pyscard (make setup)")
    return lacks


def build_reader(out: Path) -> Path:
    """Compiles the reader's driver into a folder. Takes less than a second."""
    flags = subprocess.run(
        ["pkg-config", "--cflags", "libpcsclite"], capture_output=True, text=True, check=True
    )
    library = out / "libsocket_reader.so"
    command = ["gcc", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    built = subprocess.run(
        [*command, *flags.stdout.split(), "-o", str(library), str(_SOURCE), "-lpthread"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return library


class PrivatePcscd:
    """The daemon with its readers. Its socket keeps its name: libpcsclite reads that once in a process."""

    def __init__(self, library: Path, readers: Sequence[str]) -> None:
        """Starts nothing yet: see `start`."""
        # A socket's name has 107 bytes at most, and pytest's folders are deep.
        self.folder = Path(tempfile.mkdtemp(prefix="pcscd-"))
        self.socket = self.folder / "pcscd.sock"
        self._library = library
        self._process: subprocess.Popen[bytes] | None = None
        self._is_whole = False
        self._log = self.folder / "log"
        self.slots = {name: CardSlot(self.folder / f"{number}.slot") for number, name in enumerate(readers)}
        self.environment = os.environ | {SOCKET_VARIABLE: str(self.socket)}
        os.environ[SOCKET_VARIABLE] = str(self.socket)

    def start(self, plugged: Sequence[str] | None = None) -> None:
        """Starts the daemon with these readers; by default all. Waits until it lists them."""
        assert self._process is None
        names = list(self.slots) if plugged is None else list(plugged)
        self._is_whole = len(names) == len(self.slots)
        listening = self._listening()
        config = self._configured(names)
        command = [*_prefix(), shutil.which("pcscd", path=_PATH) or "pcscd", "-f", "-c", str(config)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _ACTIVATED, str(listening.fileno()), *command],
                pass_fds=[listening.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        listening.close()
        self._wait_for(len(names))

    @property
    def is_running(self) -> bool:
        """Whether the daemon runs, with all its readers."""
        return self._process is not None and self._is_whole

    def kill(self) -> None:
        """Ends it as a crash does. Cards stay where they are, and lose their reader."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(5)
        self._process = None
        self.empty()

    def stop(self) -> int:
        """Ends it as the system does. Returns its exit status."""
        self.empty()
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(5)
        self._process = None
        return status

    def remove(self) -> None:
        """Forgets its files."""
        shutil.rmtree(self.folder)

    def insert(self, name: str, card: PoweredCard) -> None:
        """Puts a card into a reader, and waits until the daemon has seen it."""
        self.pull(name)
        self.slots[name].insert(card)
        self._until(lambda: self._state(name).has_card and not self._state(name).is_mute)

    def pull(self, name: str) -> None:
        """Pulls a reader's card out, and waits until the daemon has seen it."""
        self.slots[name].pull()
        self._until(lambda: not self._state(name).has_card)

    def empty(self) -> None:
        """Pulls all cards out."""
        for slot in self.slots.values():
            slot.pull()

    def log(self) -> str:
        """What it has said, for a test that fails."""
        return self._log.read_text(errors="replace")

    def _listening(self) -> socket.socket:
        self.socket.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self.socket))
        listening.listen(16)
        return listening

    def _configured(self, names: Sequence[str]) -> Path:
        config = self.folder / "readers"
        config.mkdir(exist_ok=True)
        stanzas = (
            f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:{self.folder}/{list(self.slots).index(name)}.slot\n'
            f"LIBPATH {self._library}\nCHANNELID {number}\n"
            for number, name in enumerate(names)
        )
        # One file: pcscd reads several in any order.
        (config / "all").write_text("\n".join(stanzas))
        return config

    def _wait_for(self, count: int) -> None:
        def lists_them() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self.log()
            try:
                with PcscService() as service:
                    return len(service.readers()) == count
            except PcscError:
                return False

        self._until(lists_them)

    def _state(self, name: str) -> ReaderState:
        with PcscService() as service:
            return next(each for each in service.readers() if each.name.startswith(f"{name} "))

    def _until(self, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE_SECONDS
        while not is_so():
            assert time.monotonic() < end, self.log()
            time.sleep(0.002)


def _prefix() -> list[str]:
    """What gives the daemon a /run of its own, if this machine lets us."""
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    probe = subprocess.run([*unshare, "sh", "-c", _OWN_RUN], capture_output=True, check=False)
    return [*unshare, "sh", "-c", f'{_OWN_RUN} && exec "$@"', "sh"] if probe.returncode == 0 else []
