"""A face behind a pseudo terminal, which others open by its path as they would a serial port.

The path is a link that we make and take away. We keep the terminal's other end open too, so that readers
come and go without a hang-up. Three things about Linux (measured, docs/faces.md): the speed that a reader has
set is seen here; word length and parity are not, since the kernel keeps 8N1; and a reader that sets 7E1
without changing anything else is refused by the C library, so that between sessions the speed is 50 baud,
which no reader wants.
"""

import array
import asyncio
import errno
import fcntl
import os
import termios
import tty
from pathlib import Path
from typing import Final

from emulator.faces.line_format import LineFormat
from emulator.faces.serving.lines import Attach, Listener
from protocols.errors import InputError

_READ_BYTES: Final = 4096
_WAITING_BYTES_MAX: Final = 64 * 1024
_CFLAG, _ISPEED, _OSPEED = 2, 4, 5
_DEVICES: Final = "/dev/pts/"
_BAUDS: Final = {
    getattr(termios, f"B{baud}"): baud
    for baud in (110, 300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400)
}


class PtyPort:
    """A pseudo terminal at a path. It is one line, from beginning to end."""

    def __init__(self, path: str, where: str, attach: Attach) -> None:
        """Raises InputError where the path is there already, or cannot be made."""
        self._path = Path(path)
        self._master, self._slave = os.openpty()
        try:
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            self._name = os.ttyname(self._slave)
            _link(self._path, self._name, where)
        except BaseException:
            self._close_both()
            raise
        self._waiting = b""
        self._seen: LineFormat | None = None
        self._set_resting_speed()
        self._listener: Listener | None = attach(self)
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    @property
    def where(self) -> str:
        return f"pty:{self._path}"

    @property
    def format(self) -> LineFormat | None:
        """The speed that a reader has set last; None: none has set any.

        A reader that keeps the terminal open from one session to the next keeps its speed too.
        """
        speed = termios.tcgetattr(self._master)[_OSPEED]
        if speed != termios.B50:
            self._seen = LineFormat(_BAUDS.get(speed, 0))
        return self._seen

    def send(self, data: bytes, *, latest: bool = False) -> None:
        """As `FaceLine`. What a reader leaves unread is kept up to a bound, and then thrown away."""
        if latest or len(self._waiting) + len(data) > _WAITING_BYTES_MAX:
            self._waiting = b""
            if self._unread_bytes():
                termios.tcflush(self._slave, termios.TCIFLUSH)
        self._waiting += data
        self._write()

    def rest(self) -> None:
        """Set the speed that the next reader will change; what was seen before counts until it does."""
        _ = self.format
        self._set_resting_speed()

    def hang_up(self) -> None:
        """A terminal stays where it is."""

    def _set_resting_speed(self) -> None:
        attributes = termios.tcgetattr(self._slave)
        attributes[_ISPEED] = attributes[_OSPEED] = termios.B50
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)

    async def close(self) -> None:
        """Take the link away, if it is still ours."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._master)
        loop.remove_writer(self._master)
        if self._path.is_symlink() and str(self._path.readlink()) == self._name:
            self._path.unlink()
        self._close_both()

    def _write(self) -> None:
        """Write what the terminal takes; the rest once it takes more."""
        loop = asyncio.get_running_loop()
        try:
            written = os.write(self._master, self._waiting)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EIO):
                raise
            written = 0
        self._waiting = self._waiting[written:]
        if self._waiting:
            loop.add_writer(self._master, self._write)
        else:
            loop.remove_writer(self._master)

    def _unread_bytes(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self._slave, termios.FIONREAD, count)
        return count[0]

    def _readable(self) -> None:
        try:
            data = os.read(self._master, _READ_BYTES)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EIO):
                raise
            return
        if self._listener is not None:
            self._listener.received(data)

    def _close_both(self) -> None:
        os.close(self._master)
        os.close(self._slave)


def _link(path: Path, device: str, where: str) -> None:
    """A link to the device. One that a killed run has left is replaced: it leads nowhere, or to our own."""
    try:
        if path.is_symlink():
            found = str(path.readlink())
            if found == device or (found.startswith(_DEVICES) and not path.exists()):
                path.unlink()
        path.symlink_to(device)
    except FileExistsError:
        raise InputError(f"{where}: {path}: it is there already; allowed: a path where nothing is") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{where}: {path}: {why}; allowed: a path in a folder that you may write") from None
