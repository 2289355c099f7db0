"""What both ends agree on when a link is opened: lengths and windows (IEC 62056-46 §6.4.4.4.3). Pure."""

from typing import Final, NamedTuple

from emulator.faces.hdlc.frames import INFO_BYTES_MAX, BrokenFrameError

_FORMAT, _GROUP = 0x81, 0x80
_SEND_BYTES, _RECEIVE_BYTES, _SEND_WINDOW, _RECEIVE_WINDOW = 5, 6, 7, 8
# Sequence numbers have three bits.
_WINDOW_MAX: Final = 7
_HEAD_BYTES: Final = 3


class LinkParameters(NamedTuple):
    """As one end sees them: bytes of an information field, and frames until an answer is waited for.

    What an end does not name is as here (the standard's defaults).
    """

    send_bytes: int = 128
    receive_bytes: int = 128
    send_window: int = 1
    receive_window: int = 1


def agreed(info: bytes) -> LinkParameters:
    """What our end keeps to, by the information field of a SNRM. Raises BrokenFrameError.

    Each is the smaller of what one end sends and the other receives.
    """
    theirs = _read_parameters(info)
    return LinkParameters(
        min(theirs.receive_bytes, INFO_BYTES_MAX),
        min(theirs.send_bytes, INFO_BYTES_MAX),
        min(theirs.receive_window, _WINDOW_MAX),
        min(theirs.send_window, _WINDOW_MAX),
    )


def write_parameters(parameters: LinkParameters) -> bytes:
    """The information field of a UA."""
    body = b"".join(
        bytes((number, size)) + value.to_bytes(size, "big")
        for number, value, size in (
            (_SEND_BYTES, parameters.send_bytes, _size(parameters.send_bytes)),
            (_RECEIVE_BYTES, parameters.receive_bytes, _size(parameters.receive_bytes)),
            (_SEND_WINDOW, parameters.send_window, 4),
            (_RECEIVE_WINDOW, parameters.receive_window, 4),
        )
    )
    return bytes((_FORMAT, _GROUP, len(body))) + body


def _size(value: int) -> int:
    return (value.bit_length() + 7) // 8


def _read_parameters(info: bytes) -> LinkParameters:
    if not info:
        return LinkParameters()
    if len(info) < _HEAD_BYTES or (info[0], info[1]) != (_FORMAT, _GROUP):
        raise BrokenFrameError("no parameters")
    body, found, at = info[_HEAD_BYTES : _HEAD_BYTES + info[2]], {}, 0
    if len(body) != info[2]:
        raise BrokenFrameError("parameters that end too soon")
    while at < len(body):
        number, size = body[at], body[at + 1] if at + 1 < len(body) else 0
        value = body[at + 2 : at + 2 + size]
        if not size or len(value) != size or not any(value):
            raise BrokenFrameError(f"parameter {number} of {size} bytes")
        found[number] = int.from_bytes(value, "big")
        at += 2 + size
    default = LinkParameters()
    return LinkParameters(
        found.get(_SEND_BYTES, default.send_bytes),
        found.get(_RECEIVE_BYTES, default.receive_bytes),
        found.get(_SEND_WINDOW, default.send_window),
        found.get(_RECEIVE_WINDOW, default.receive_window),
    )
