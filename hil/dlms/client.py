"""A DLMS client by the TCP wrapper (IEC 62056-4-7), for as long as one exchange takes.

Pure but for its port. An association is opened for each exchange: between two of them hours may pass.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from emulator.faces.dlms.values import BrokenPduError, Datum
from emulator.faces.dlms.wrapper import WrappedPdu, take_frame, write_frame
from hil.byte_port import BytePort
from hil.capabilities import BenchError
from hil.dlms.pdus import (
    RELEASE,
    RELEASED,
    CosemMember,
    acts,
    agreed_bytes,
    check_acted,
    get,
    opening,
    value_of,
)
from protocols.instants import SECOND_MS

# Client 2: low level security (docs/faces.md); the logical device of the wrapper.
_CLIENT, _DEVICE = 2, 1
ANSWER_MS_MAX: Final = 5_000


class DlmsClient:
    """A client at a port. What goes wrong raises BenchError: of the meter nothing is known then."""

    def __init__(self, port: BytePort, where: str, password: str) -> None:
        self._port = port
        self._where = where
        self._password = password
        self._bytes_max = 0

    @contextmanager
    def associated(self) -> Iterator[None]:
        """An association, in which attributes are read and methods called."""
        self._port.forget()
        with self._told():
            self._bytes_max = agreed_bytes(self._ask(opening(self._password)))
        yield
        with self._told():
            answer = self._ask(RELEASE)
            if answer[:1] != bytes((RELEASED,)):
                raise BrokenPduError(f"an RLRE expected; found: {answer[:40].hex(' ')}")

    def read(self, member: CosemMember) -> Datum:
        """An attribute."""
        with self._told():
            return value_of(self._ask(get(member)))

    def act(self, member: CosemMember, value: Datum) -> None:
        """Call a method with a value."""
        with self._told():
            for request in acts(member, value, self._bytes_max):
                check_acted(self._ask(request))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except BrokenPduError as error:
            raise BenchError(f"DLMS {self._where}: {error}") from None

    def _ask(self, pdu: bytes) -> bytes:
        self._port.send(write_frame(WrappedPdu(_CLIENT, _DEVICE, pdu)))
        held = b""
        until_s = time.monotonic() + ANSWER_MS_MAX / SECOND_MS
        while (left_s := until_s - time.monotonic()) > 0:
            held += self._port.receive(max(1, int(left_s * SECOND_MS)))
            frame, held = take_frame(held)
            if frame is not None:
                return frame.pdu
        found = held[:40].hex(" ") or "nothing"
        raise BrokenPduError(f"an answer within {ANSWER_MS_MAX} ms expected; found: {found}")
