"""How records lie in a file, linear and cyclic, and what does not go in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.card.records import join, read_record, split, with_record
from cardreader.files.layout import DIR, LOG
from cardreader.iso7816.status import StatusError

RECORDS = st.lists(st.binary(min_size=1, max_size=255), max_size=6)
VISIT = bytes(range(LOG.record_bytes_max))


@given(records=RECORDS)
def test_records_that_are_joined_are_split_again(records: list[bytes]) -> None:
    assert split(join(records)) == records
    for number, record in enumerate(records, start=1):
        assert read_record(join(records), number) == record


@pytest.mark.parametrize("number", [0, 3])
def test_a_record_that_is_not_there_is_told(number: int) -> None:
    with pytest.raises(StatusError, match="6A83"):
        read_record(join([b"one", b"two"]), number)


def test_a_linear_file_takes_as_many_records_as_it_may_and_changes_them() -> None:
    data = with_record(DIR, b"", b"first")
    assert split(with_record(DIR, data, b"other", 1)) == [b"other"]
    with pytest.raises(StatusError, match="6A84"):
        with_record(DIR, data, b"second")
    with pytest.raises(StatusError, match="6A83"):
        with_record(DIR, data, b"second", 2)


@given(count=st.integers(1, 40))
def test_a_cyclic_file_keeps_the_newest(count: int) -> None:
    data = b""
    for number in range(count):
        data = with_record(LOG, data, bytes([number]) + VISIT[1:])
    assert [record[0] for record in split(data)] == list(range(count))[::-1][: LOG.records_max]


def test_a_record_of_a_cyclic_file_stays_as_it_is() -> None:
    with pytest.raises(StatusError, match="6981"):
        with_record(LOG, join([VISIT]), VISIT, 1)


@pytest.mark.parametrize("record", [b"", VISIT + b"x"], ids=["empty", "too long"])
def test_a_record_of_another_length_is_refused(record: bytes) -> None:
    with pytest.raises(StatusError, match="6700"):
        with_record(LOG, b"", record)
