"""The card's store: power lost at any step of a commit leaves all files old or all new, never a mixture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.card.store import (
    BLOCK_BYTES,
    CARD_BYTES,
    PAGE_BYTES,
    PAGES,
    Store,
    WholeMemory,
    format_store,
)
from cardreader.iso7816.status import StatusError
from tests.cardreader.tearing import PowerLost, TornMemory, Way

Files = dict[int, bytes]

CONTENTS = st.binary(max_size=20) | st.builds(
    bytes.__mul__, st.binary(min_size=1, max_size=1), st.integers(0, 700)
)
CHANGES = st.dictionaries(st.integers(1, 4), CONTENTS, max_size=3)


def formatted() -> bytes:
    memory = WholeMemory()
    format_store(memory)
    return bytes(memory.content)


def files_in(content: bytes | bytearray) -> Files:
    store = Store(WholeMemory(bytes(content)))
    return {name: store.read(name) for name in store.names}


def after(files: Files, changes: Files) -> Files:
    return {name: data for name, data in (files | changes).items() if data}


@given(changes=st.lists(CHANGES, max_size=5))
def test_what_is_committed_is_read_also_after_power_was_gone(changes: list[Files]) -> None:
    memory, files = WholeMemory(formatted()), Files()
    store = Store(memory)
    for each in changes:
        store.commit(each)
        files = after(files, each)
        assert {name: store.read(name) for name in store.names} == files
        assert files_in(memory.content) == files


@given(
    before=st.lists(CHANGES, max_size=2),
    change=CHANGES,
    way=st.sampled_from(Way),
    garbage=st.sampled_from([0x00, 0x01, 0x5A, 0xFF]),
    place=st.integers(0, 10**6),
)
def test_a_cut_at_any_step_of_a_commit_leaves_all_files_old_or_all_new(
    before: list[Files], change: Files, way: Way, garbage: int, place: int
) -> None:
    memory, files = WholeMemory(formatted()), Files()
    for each in before:
        Store(memory).commit(each)
        files = after(files, each)
    whole = TornMemory(bytes(memory.content), way)
    Store(whole).commit(change)
    torn = TornMemory(bytes(memory.content), way, place % (whole.count + 1), garbage)
    try:
        Store(torn).commit(change)
    except PowerLost:
        assert files_in(torn.content) in (files, after(files, change))
    else:
        assert files_in(torn.content) == after(files, change)
    # Whatever was torn, the same commit succeeds afterwards.
    Store(WholeMemory(bytes(torn.content))).commit(change)
    assert after(files_in(torn.content), change) == after(files, change)


@pytest.mark.parametrize("way", Way)
def test_every_step_of_one_commit_of_three_files(way: Way) -> None:
    """Not a sample: the first step, the last one, and all between."""
    old: Files = {1: b"one", 2: 300 * b"2", 3: 130 * b"3"}
    change: Files = {1: 200 * b"n", 2: 299 * b"2" + b"!", 3: b""}
    memory = WholeMemory(formatted())
    Store(memory).commit(old)
    whole = TornMemory(bytes(memory.content), way)
    Store(whole).commit(change)
    seen = set[bool]()
    for steps in range(whole.count):
        torn = TornMemory(bytes(memory.content), way, steps)
        with pytest.raises(PowerLost):
            Store(torn).commit(change)
        found = files_in(torn.content)
        assert found in (old, after(old, change))
        seen.add(found == old)
    # New before the last step only where the last bytes stay as they were.
    assert True in seen


@given(steps=st.lists(st.tuples(CHANGES, st.sampled_from(Way), st.none() | st.integers(0, 900)), max_size=8))
def test_commits_go_on_after_any_number_of_torn_ones(
    steps: list[tuple[Files, Way, int | None]],
) -> None:
    content, files = formatted(), Files()
    for change, way, cut in steps:
        memory = TornMemory(content, way, cut)
        try:
            Store(memory).commit(change)
        except PowerLost:
            found = files_in(memory.content)
            assert found in (files, after(files, change))
            files = found
        else:
            files = after(files, change)
            assert files_in(memory.content) == files
        content = bytes(memory.content)


def test_a_commit_that_changes_nothing_writes_nothing() -> None:
    memory = TornMemory(formatted())
    Store(memory).commit({1: b"one"})
    done = memory.count
    Store(memory).commit({1: b"one", 2: b""})
    assert memory.count == done


def test_a_page_that_stays_is_not_written_again() -> None:
    memory = TornMemory(formatted())
    Store(memory).commit({1: 10 * PAGE_BYTES * b"a"})
    begun = memory.count
    Store(memory).commit({1: 10 * PAGE_BYTES * b"a" + b"b"})
    assert memory.count - begun < PAGE_BYTES


def test_what_does_not_fit_is_refused_before_anything_is_written() -> None:
    memory = TornMemory(formatted())
    store = Store(memory)
    store.commit({1: PAGE_BYTES * (PAGES - 2) * b"a"})
    begun = memory.count
    assert store.free_bytes == 2 * PAGE_BYTES
    with pytest.raises(StatusError, match="does not fit"):
        store.commit({2: 2 * PAGE_BYTES * b"b" + b"c"})
    assert memory.count == begun
    assert files_in(memory.content) == {1: PAGE_BYTES * (PAGES - 2) * b"a"}
    store.commit({2: 2 * PAGE_BYTES * b"b"})
    assert store.free_bytes == 0


def test_a_full_card_has_room_for_files_of_every_size_in_its_directory() -> None:
    store = Store(WholeMemory(formatted()))
    store.commit(dict.fromkeys(range(1, 32), PAGE_BYTES * 8 * b"f"))
    assert store.free_bytes == 0


def test_memory_that_fails_is_seen() -> None:
    memory = WholeMemory(formatted())
    Store(memory).commit({1: b"content"})
    memory.content[CARD_BYTES - PAGES * PAGE_BYTES] ^= 1
    with pytest.raises(StatusError, match="damaged"):
        Store(memory).read(1)


def test_memory_without_a_directory_is_no_store() -> None:
    with pytest.raises(StatusError, match="damaged"):
        Store(WholeMemory())
    with pytest.raises(ValueError, match="32768 bytes"):
        WholeMemory(b"short")


def test_slots_and_pages_begin_at_blocks() -> None:
    """Else a block that is erased for one of them would take a part of another with it."""
    assert PAGE_BYTES % BLOCK_BYTES == 0
    assert (CARD_BYTES - PAGES * PAGE_BYTES) % (2 * BLOCK_BYTES) == 0
