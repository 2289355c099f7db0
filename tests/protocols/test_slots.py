"""Power cut at every byte of every write: the last state or the next, never a mixture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import slots
from protocols.slots import memory_bytes, read, write

PAYLOAD_BYTES_MAX = 12
PAYLOADS = st.binary(max_size=PAYLOAD_BYTES_MAX)
GARBAGE = st.binary(max_size=2 * memory_bytes(PAYLOAD_BYTES_MAX))


def single_bytes(memory: bytearray, payload: bytes) -> list[tuple[int, int]]:
    """A write as the memory takes it: one byte after the other."""
    return [(offset + at, byte) for offset, data in write(memory, payload) for at, byte in enumerate(data)]


def put(memory: bytearray, writes: list[tuple[int, int]]) -> None:
    for offset, byte in writes:
        memory[offset] = byte


def store(memory: bytearray, payload: bytes) -> None:
    put(memory, single_bytes(memory, payload))


@given(payloads=st.lists(PAYLOADS, max_size=6), fill=st.sampled_from([0x00, 0xFF]))
def test_a_power_cut_at_any_byte_of_a_write_leaves_the_old_or_the_new_state(
    payloads: list[bytes], fill: int
) -> None:
    memory = bytearray([fill]) * memory_bytes(PAYLOAD_BYTES_MAX)
    last: bytes | None = None
    for payload in payloads:
        writes = single_bytes(memory, payload)
        for cut in range(len(writes)):
            torn = bytearray(memory)
            put(torn, writes[:cut])
            # The sequence may be complete before its last byte is written, if that byte is zero.
            assert read(torn) in (last, payload)
            if cut < len(writes) - 8:
                assert read(torn) == last
        put(memory, writes)
        assert read(memory) == payload
        last = payload


def blind(_data: bytes, _value: int = 0) -> int:
    """A checksum with the worst of luck: it finds nothing."""
    return 0


@given(
    payloads=st.lists(PAYLOADS, min_size=1, max_size=6), begun_at=st.sampled_from([1, 253, 65_533, 2**32 - 3])
)
def test_the_order_of_the_writes_protects_the_state_without_the_checksum(
    payloads: list[bytes], begun_at: int
) -> None:
    memory = bytearray(memory_bytes(PAYLOAD_BYTES_MAX))
    half = len(memory) // 2
    states: list[bytes | None] = [None, b""]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slots, "crc32", blind)
        store(memory, b"")
        # Sequences near a carry, where a torn one could be taken for another.
        put(memory, list(enumerate(begun_at.to_bytes(8, "big"))))
        for payload in payloads:
            writes = single_bytes(memory, payload)
            in_use = half * (writes[0][0] < half)
            for cut in range(len(writes)):
                torn = bytearray(memory)
                put(torn, writes[:cut])
                assert read(torn) in (states[-1], payload)
                # And should the slot in use be lost as well, there is no mixture either.
                torn[in_use : in_use + half] = bytes(half)
                assert read(torn) in (*states, payload)
            put(memory, writes)
            states.append(payload)


@given(steps=st.lists(st.tuples(PAYLOADS, st.none() | st.integers(0, 60)), max_size=12))
def test_writes_work_after_any_number_of_interrupted_writes(steps: list[tuple[bytes, int | None]]) -> None:
    memory = bytearray(memory_bytes(PAYLOAD_BYTES_MAX))
    last: bytes | None = None
    for payload, cut in steps:
        writes = single_bytes(memory, payload)[:cut]
        for at in range(len(writes)):
            torn = bytearray(memory)
            put(torn, writes[:at])
            assert read(torn) in (last, payload)
        put(memory, writes)
        assert read(memory) in (last, payload)
        if cut is None:
            assert read(memory) == payload
        last = read(memory)


@given(payloads=st.lists(PAYLOADS, min_size=1, max_size=4))
def test_a_write_leaves_every_byte_of_the_slot_in_use_alone(payloads: list[bytes]) -> None:
    memory = bytearray(memory_bytes(PAYLOAD_BYTES_MAX))
    half = len(memory) // 2
    for number, payload in enumerate(payloads):
        slots_written = {offset // half for offset, _byte in single_bytes(memory, payload)}
        assert slots_written == {number % 2}
        store(memory, payload)


@given(data=st.data(), payloads=st.lists(PAYLOADS, min_size=2, max_size=4))
def test_one_lost_slot_leaves_the_other_and_two_leave_nothing(
    data: st.DataObject, payloads: list[bytes]
) -> None:
    memory = bytearray(memory_bytes(PAYLOAD_BYTES_MAX))
    for payload in payloads:
        store(memory, payload)
    half = len(memory) // 2
    newest = (len(payloads) - 1) % 2

    def spoil(slot: int) -> None:
        memory[slot * half + data.draw(st.integers(0, 15))] ^= 1 << data.draw(st.integers(0, 7))

    spoil(newest)
    assert read(memory) == payloads[-2]
    spoil(1 - newest)
    assert read(memory) is None
    store(memory, b"new")
    assert read(memory) == b"new"


@given(garbage=GARBAGE, payload=PAYLOADS)
def test_garbage_raises_no_error_and_can_be_overwritten(garbage: bytes, payload: bytes) -> None:
    memory = bytearray(garbage)
    read(memory)
    if len(memory) >= memory_bytes(PAYLOAD_BYTES_MAX):
        store(memory, payload)
        assert read(memory) == payload


def test_a_payload_too_large_for_its_slot_is_the_callers_mistake() -> None:
    memory = bytearray(memory_bytes(PAYLOAD_BYTES_MAX))
    with pytest.raises(ValueError, match="payload of 13 bytes; a slot holds 12"):
        write(memory, bytes(13))
    assert read(memory) is None


def test_the_layout_on_paper() -> None:
    memory = bytearray(memory_bytes(2))
    store(memory, b"A1")
    store(memory, b"B2")
    # sequence u64, length u32, payload, CRC-32
    assert memory == bytes.fromhex(
        "0000000000000001 00000002 4131 ccf4d8630000000000000002 00000002 4232 4f38c087"
    )
