"""A receipt printer at a device or at an address: asked for paper first, and again when all is sent.

Paper is asked for by `DLE EOT 4` (Epson, ESC/POS command reference): an answer of one byte, of which bits 5
and 6 mean the end of the paper. Whoever prints keeps the receipt until this has come back without an error.
"""

import os
import select
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from protocols.errors import InputError, UnreachableError, quoted

ALLOWED: Final = "file:/dev/usb/lp0 or tcp:HOST:PORT"
_ASK_PAPER: Final = bytes([0x10, 0x04, 0x04])
_PAPER_END: Final = 0b0110_0000
# Bits 0 and 7 of an answer are 0, bits 1 and 4 are 1.
_FIXED, _FIXED_MASK = 0b0001_0010, 0b1001_0011
_PATIENCE_S: Final = 3.0
_PORT_MAX: Final = 65_535


class PaperOutError(UnreachableError):
    """The printer has no paper: nothing is lost, and it is printed again."""


class PrinterPlace(NamedTuple):
    """Where a printer is: a device's path, or a host with a port."""

    name: str
    path: str = ""
    host: str = ""
    port: int = 0


def printer_place(text: str, where: str = "--printer") -> PrinterPlace:
    """Raises InputError for anything but `file:PATH` and `tcp:HOST:PORT`."""
    scheme, _, rest = text.partition(":")
    if scheme == "file" and rest and "\0" not in rest:
        return PrinterPlace(text, path=rest)
    host, _, port = rest.rpartition(":")
    if scheme == "tcp" and host and port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _PORT_MAX:
        return PrinterPlace(text, host=host.strip("[]"), port=int(port))
    raise InputError(f"{where}: {quoted(text)}; allowed: {ALLOWED}")


def print_bytes(place: PrinterPlace, data: bytes) -> None:
    """Prints.

    A regular file gets the bytes at its end: nobody there can be asked. Raises PaperOutError where the paper
    is out, before or meanwhile; UnreachableError for a printer that is not there or does not answer.
    """
    try:
        with _opened(place) as (line, answers):
            if answers:
                _check_paper(place, line)
            _write(place, line, data)
            if answers:
                _check_paper(place, line)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UnreachableError(f"printer {place.name}: {why}; is it on?") from None


@contextmanager
def _opened(place: PrinterPlace) -> Iterator[tuple[int, bool]]:
    """The printer's file descriptor, non-blocking, and whether somebody there answers."""
    if place.host:
        with socket.create_connection((place.host, place.port), _PATIENCE_S) as connection:
            connection.setblocking(False)  # as the socket names it
            yield connection.fileno(), True
        return
    is_plain = not os.path.exists(place.path) or stat.S_ISREG(os.stat(place.path).st_mode)  # noqa: PTH110, PTH116
    mode = os.O_WRONLY | os.O_CREAT | os.O_APPEND if is_plain else os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY
    device = os.open(place.path, mode | os.O_CLOEXEC, 0o600)
    try:
        yield device, not is_plain
        if is_plain:
            os.fsync(device)
    finally:
        os.close(device)


def _check_paper(place: PrinterPlace, line: int) -> None:
    _write(place, line, _ASK_PAPER)
    end_s = time.monotonic() + _PATIENCE_S
    while (left_s := end_s - time.monotonic()) > 0:
        if not select.select([line], [], [], left_s)[0]:
            break
        answer = os.read(line, 16)
        if not answer:
            break
        # The last one counts: a printer may say by itself that something has changed.
        if answer[-1] & _FIXED_MASK == _FIXED:
            if answer[-1] & _PAPER_END:
                raise PaperOutError(f"printer {place.name}: out of paper")
            return
    raise UnreachableError(f"printer {place.name}: it does not say whether it has paper; is it on?")


def _write(place: PrinterPlace, line: int, data: bytes) -> None:
    rest = memoryview(data)
    end_s = time.monotonic() + _PATIENCE_S
    while rest:
        left_s = end_s - time.monotonic()
        if left_s <= 0 or not select.select([], [line], [], left_s)[1]:
            raise UnreachableError(f"printer {place.name}: it takes nothing; is its cover open?")
        rest = rest[os.write(line, rest) :]
