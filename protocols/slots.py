"""Memory that survives a power cut: two slots; a write changes only the slot that is not current.

Used for the meter's image, the card and the journal's head (design §4.4). A slot is
`sequence u64 | length u32 | payload | CRC-32`, big-endian; the CRC covers all before it. The current slot
is the valid one with the highest sequence; its payload is the state. If power fails after any byte of a
write, a read returns the old state or the new one, never a mixture.

The order of the writes guarantees that, not the checksum:

1. The slot's sequence is zeroed. 0 is never valid, and a half-zeroed sequence is below the current one.
2. Length, payload and CRC are written while the sequence is 0.
3. The sequence is written. Half written it is no higher than intended, and what follows it is complete.

The CRC detects memory that fails.

Pure: `write` returns the bytes and their offsets, in order; the caller performs the writes.
"""

from struct import Struct
from typing import Final
from zlib import crc32

_SEQUENCE: Final = Struct(">Q")
_LENGTH: Final = Struct(">I")
_CRC: Final = Struct(">I")
_HEADER_BYTES: Final = _SEQUENCE.size + _LENGTH.size
_FRAME_BYTES: Final = _HEADER_BYTES + _CRC.size
# A higher sequence is garbage: no memory lasts for as many writes.
_SEQUENCE_MAX: Final = 2**63

Memory = bytes | bytearray | memoryview


def memory_bytes(payload_bytes_max: int) -> int:
    """The size of a memory whose slots hold payloads of up to `payload_bytes_max` bytes."""
    return 2 * (_FRAME_BYTES + payload_bytes_max)


def read(memory: Memory) -> bytes | None:
    """The state. None if both slots are broken or nothing was ever written."""
    current = _current(memory)
    if current is None:
        return None
    slot, _sequence, length = current
    begin = slot * _slot_bytes(memory) + _HEADER_BYTES
    return bytes(memory[begin : begin + length])


def write(memory: Memory, payload: bytes) -> list[tuple[int, bytes]]:
    """The writes `(offset, bytes)` that make `payload` the state, to be performed in this order.

    Raises ValueError if the payload does not fit; `memory_bytes` gives the size that it needs.
    """
    slot_bytes = _slot_bytes(memory)
    if len(payload) > slot_bytes - _FRAME_BYTES:
        raise ValueError(f"payload of {len(payload)} bytes; a slot holds {slot_bytes - _FRAME_BYTES}")
    current = _current(memory)
    slot, sequence = (0, 1) if current is None else (1 - current[0], current[1] + 1)
    assert sequence < _SEQUENCE_MAX, sequence
    length = _LENGTH.pack(len(payload))
    crc = crc32(payload, crc32(length, crc32(_SEQUENCE.pack(sequence))))
    begin = slot * slot_bytes
    return [
        (begin, bytes(_SEQUENCE.size)),
        (begin + _SEQUENCE.size, length + payload + _CRC.pack(crc)),
        (begin, _SEQUENCE.pack(sequence)),
    ]


def _slot_bytes(memory: Memory) -> int:
    return len(memory) // 2


def _current(memory: Memory) -> tuple[int, int, int] | None:
    """`(slot, sequence, length)` of the valid slot with the highest sequence."""
    found = [(slot, *frame) for slot in (0, 1) if (frame := _frame(memory, slot)) is not None]
    return max(found, key=_sequence_of, default=None)


def _frame(memory: Memory, slot: int) -> tuple[int, int] | None:
    """`(sequence, length)` of a slot; None if it is not valid."""
    slot_bytes = _slot_bytes(memory)
    if slot_bytes < _FRAME_BYTES:
        return None
    begin = slot * slot_bytes
    (sequence,) = _SEQUENCE.unpack_from(memory, begin)
    (length,) = _LENGTH.unpack_from(memory, begin + _SEQUENCE.size)
    if not 0 < sequence < _SEQUENCE_MAX or length > slot_bytes - _FRAME_BYTES:
        return None
    end = begin + _HEADER_BYTES + length
    (crc,) = _CRC.unpack_from(memory, end)
    return (sequence, length) if crc == crc32(memory[begin:end]) else None


def _sequence_of(found: tuple[int, int, int]) -> int:
    return found[1]
