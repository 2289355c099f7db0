"""Frames of the TCP wrapper (IEC 62056-4-7): version, source, destination, length, and a PDU. Pure."""

import struct
from typing import Final, NamedTuple

from emulator.faces.dlms.values import BrokenPduError

# What a client may send at once; also told to it when it opens an association.
RECEIVE_BYTES_MAX: Final = 1_024
_VERSION: Final = 1
_HEAD: Final = struct.Struct(">HHHH")


class WrappedPdu(NamedTuple):
    """`source` and `destination` are the wrapper's ports: of a client, and of a logical device."""

    source: int
    destination: int
    pdu: bytes


def write_frame(frame: WrappedPdu) -> bytes:
    """The frame as it is sent."""
    return _HEAD.pack(_VERSION, frame.source, frame.destination, len(frame.pdu)) + frame.pdu


def take_frame(buffer: bytes) -> tuple[WrappedPdu | None, bytes]:
    """The first frame and what follows; None: it has not come whole.

    Raises BrokenPduError for what is no frame, or too long: where the next one begins is not known then.
    """
    if len(buffer) < _HEAD.size:
        return None, buffer
    version, source, destination, length = _HEAD.unpack_from(buffer)
    if version != _VERSION or length > RECEIVE_BYTES_MAX:
        raise BrokenPduError(f"a frame of version {version} with {length} bytes")
    end = _HEAD.size + length
    if len(buffer) < end:
        return None, buffer
    return WrappedPdu(source, destination, buffer[_HEAD.size : end]), buffer[end:]
