"""Frames: flags, format, addresses, control, check sequences (IEC 62056-46 §6.4). Pure.

    flag | format, length | destination | source | control | HCS | information | FCS | flag

HCS is there only before an information field. Nothing is stuffed: the length says where a frame ends.
"""

import binascii
from typing import Final, NamedTuple

FLAG: Final = 0x7E
# Most that an information field may hold here, whichever way.
INFO_BYTES_MAX: Final = 512
# Bytes of a frame come one after the other: what has begun so long before the next byte is garbage.
PAUSE_MS_MAX: Final = 1_000
_FORMAT_TYPE: Final = 0xA
_SEGMENTED: Final = 0x0800
_LENGTH_MASK: Final = 0x07FF
_CHECK_BYTES: Final = 2
_FORMAT_BYTES: Final = 2
_ADDRESS_BYTES: Final = (1, 2, 4)
_FRAME_BYTES_MIN: Final = _FORMAT_BYTES + 3 + _CHECK_BYTES
_FRAME_BYTES_MAX: Final = _FORMAT_BYTES + 4 + 4 + 1 + 2 * _CHECK_BYTES + INFO_BYTES_MAX
_LAST: Final = 0x01
_SEVEN_BITS: Final = 7
# Each byte with its bits in reverse: HDLC sends, and so divides, the lowest bit first.
_MIRROR: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class BrokenFrameError(Exception):
    """Bytes that are no frame, or parameters that are none."""


class HdlcFrame(NamedTuple):
    """`destination` and `source` as they are sent. `is_segmented`: more of the same message follows."""

    destination: bytes
    source: bytes
    control: int
    info: bytes = b""
    is_segmented: bool = False


def check_sequence(data: bytes) -> bytes:
    """HCS or FCS as it is sent: CRC-16/X-25, of which Python's `crc_hqx` is the mirror image."""
    crc = binascii.crc_hqx(data.translate(_MIRROR), 0xFFFF) ^ 0xFFFF
    return crc.to_bytes(_CHECK_BYTES, "big").translate(_MIRROR)


def upper_address(address: bytes) -> int:
    """The upper part of an address: a client, or a logical device. The lower one is a physical device."""
    upper = address[: max(1, len(address) // 2)]
    number = 0
    for byte in upper:
        number = number << _SEVEN_BITS | byte >> 1
    return number


def write_hdlc(frame: HdlcFrame) -> bytes:
    """The frame with both its flags."""
    checks = 2 * _CHECK_BYTES if frame.info else _CHECK_BYTES
    length = _FORMAT_BYTES + len(frame.destination) + len(frame.source) + 1 + len(frame.info) + checks
    form = _FORMAT_TYPE << 12 | (_SEGMENTED if frame.is_segmented else 0) | length
    body = form.to_bytes(_FORMAT_BYTES, "big") + frame.destination + frame.source + bytes((frame.control,))
    if frame.info:
        body += check_sequence(body) + frame.info
    return bytes((FLAG,)) + body + check_sequence(body) + bytes((FLAG,))


class Deframer:
    """Finds frames among whatever comes. It keeps no more than one that has not come whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._heard_ms = 0

    def reset(self) -> None:
        """Forget what has come of a frame."""
        self._rest = b""

    def feed(self, data: bytes, at_ms: int) -> list[HdlcFrame]:
        """The frames that are whole now. What is none is passed over, and a frame inside of it is found."""
        if at_ms - self._heard_ms > PAUSE_MS_MAX:
            self._rest = b""
        self._heard_ms = at_ms
        buffer, frames, at = self._rest + data, [], 0
        self._rest = b""
        while (at := buffer.find(FLAG, at)) >= 0:
            begin = at + 1
            length = _length_at(buffer, begin)
            if length is None or (end := begin + length) >= len(buffer):
                self._rest = buffer[at:]
                break
            frame = _read(buffer[begin:end]) if length and buffer[end] == FLAG else None
            if frame is not None:
                frames.append(frame)
            # The flag that ends a frame may begin the next one, and so may each flag inside of what is none.
            at = begin if frame is None else end
        return frames


def _length_at(buffer: bytes, begin: int) -> int | None:
    """How long the frame is that begins here; 0: none does; None: its format has not come yet."""
    if begin + _FORMAT_BYTES > len(buffer):
        return None
    form = int.from_bytes(buffer[begin : begin + _FORMAT_BYTES], "big")
    length = form & _LENGTH_MASK
    is_frame = form >> 12 == _FORMAT_TYPE and _FRAME_BYTES_MIN <= length <= _FRAME_BYTES_MAX
    return length if is_frame else 0


def _read(body: bytes) -> HdlcFrame | None:
    """A frame without its flags; None: it is none, or was damaged on its way."""
    if check_sequence(body[:-_CHECK_BYTES]) != body[-_CHECK_BYTES:]:
        return None
    destination = _address_at(body, _FORMAT_BYTES)
    source = _address_at(body, _FORMAT_BYTES + len(destination))
    control_at = _FORMAT_BYTES + len(destination) + len(source)
    rest = body[control_at + 1 : -_CHECK_BYTES]
    if not destination or not source or control_at >= len(body) - _CHECK_BYTES:
        return None
    if rest:
        if check_sequence(body[: control_at + 1]) != rest[:_CHECK_BYTES]:
            return None
        rest = rest[_CHECK_BYTES:]
    is_segmented = bool(int.from_bytes(body[:_FORMAT_BYTES], "big") & _SEGMENTED)
    return HdlcFrame(destination, source, body[control_at], rest, is_segmented)


def _address_at(body: bytes, at: int) -> bytes:
    """The address that begins here; its last byte is the first with the lowest bit set. Empty: none does."""
    for size in _ADDRESS_BYTES:
        if body[at + size - 1 : at + size] and body[at + size - 1] & _LAST:
            return body[at : at + size]
    return b""
