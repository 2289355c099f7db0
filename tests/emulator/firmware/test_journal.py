"""The black box writes itself out when somebody looks: whenever that is, bytes and chain are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.journal import Journal, read_body
from emulator.firmware.ticks import Tick
from protocols.chain import verify
from protocols.errors import DocumentError
from protocols.link.records import Record, ScreenShown

RECORDS: st.SearchStrategy[Record] = st.builds(ScreenShown, st.sampled_from(["a", "b", ""]), st.just(""))


@given(
    written=st.lists(st.tuples(st.integers(0, 10**9), RECORDS), max_size=200),
    looks=st.sets(st.integers(0, 199)),
    size=st.integers(1, 100),
)
def test_when_one_looks_changes_nothing_and_what_is_left_can_be_verified(
    written: list[tuple[int, Record]], looks: set[int], size: int
) -> None:
    small = type("SmallJournal", (Journal,), {"__slots__": (), "size": size})
    watched, left_alone = small(), small()
    for number, (at, record) in enumerate(written):
        for journal in (watched, left_alone):
            journal.append(Tick(at), record)
        if number in looks:
            assert watched.head.number == number + 1
    assert (watched.entries, watched.base, watched.head) == (
        left_alone.entries,
        left_alone.base,
        left_alone.head,
    )
    logged = [read_body(entry.body) for entry in watched.entries]
    assert [(each.tick, each.record) for each in logged] == written[-size:]
    assert verify(watched.entries, watched.base, watched.head) is None


@pytest.mark.parametrize(
    "record",
    [
        b'{"event":"claim","source":"moon","verdict":"agrees","offset_ms":0,"time_ms":0}',
        b'{"event":"clock","status":"trusted","earliest_ms":0,"latest_ms":0,"cause":"whim","nonce":""}',
        b'{"event":"credit","balance_ueur":0,"emergency_ueur":0,"cause":"whim"}',
        b'{"event":"order","order":"","kind":"","object":"","rev":0,"verdict":"maybe","reason":""}',
        b'{"event":"screen","text":"","code":"7"}',
        b'{"event":"dream"}',
    ],
)
def test_a_journal_with_a_word_that_is_none_of_ours_is_an_error_in_words(record: bytes) -> None:
    with pytest.raises(DocumentError, match="journal entry: Invalid "):
        read_body(b'{"tick":0,"record":%b}' % record)
