"""A record is read as it was written, and nothing else is read as one."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.record.codec import (
    ATTACHMENT_CHARS_MAX,
    decode_record,
    encode_record,
    read_record,
    write_record,
)
from hil.record.model import Attachment, Calibration, Measurement, RunRecord
from protocols.errors import InputError
from protocols.instants import UtcMs
from tests.hil.recorded import EVENING_MS, night, records, run_record, story


@given(records)
def test_a_record_is_read_as_it_was_written(record: RunRecord) -> None:
    assert decode_record(encode_record(record), "record.json") == record


def test_a_file_is_there_whole_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "out" / "record.json"
    write_record(run_record(), path)
    write_record(night(), path)
    assert read_record(path) == read_record(path.parent) == night()
    assert [each.name for each in path.parent.iterdir()] == ["record.json"]


def test_a_file_that_cannot_be_written_is_told_and_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_record(night(), path)
    (tmp_path / "record.json.new").mkdir()
    with pytest.raises(InputError, match=r"--out: .*record\.json: cannot be written: Is a directory"):
        write_record(run_record(), path)
    assert read_record(path) == night()


def _fields(**changes: object) -> bytes:
    fields = msgspec.json.decode(encode_record(run_record(story("one"))))
    return msgspec.json.encode(fields | changes)


WRONG = [
    (b"", "no JSON"),
    (b"{", "no JSON"),
    (b"\xff\xfe{}", "no JSON"),
    (_fields(run_id="?").replace(b"?", b"\xff"), "no JSON"),
    (b'{"relance_hil_record": 1, "x": ' + b"[" * 200_000, "no JSON"),
    (b"[]", "Expected `object`, got `array`; allowed: a record that `relance-hil run` has written"),
    (b"{}", "missing required field `relance_hil_record`; allowed: a record that `relance-hil run`"),
    (b'{"relance_hil_record": 1}', "missing required field `run_id`"),
    (_fields(relance_hil_record=2), "relance_hil_record: 2; allowed: 1, which this program reads"),
    (_fields(stories=[{}]), r"- at `\$.stories[0]`"),
    (_fields(took_ms=-1), "took_ms: -1; allowed: 0 to"),
    (_fields(began="yesterday"), 'began: "yesterday"; allowed: an instant with its offset'),
    (_fields(began="0001-01-01T00:00:00+02:00"), 'began: "0001-01-01T00:00:00+02:00"; allowed: an instant'),
    (_fields(began="2026-11-30T08:00:00"), 'began: "2026-11-30T08:00:00"; allowed: an instant with its'),
]


@pytest.mark.parametrize(("data", "said"), WRONG, ids=lambda each: str(each)[:40])
def test_a_file_of_others_is_refused_with_where_and_what_is_allowed(data: bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        decode_record(data, "x.json")
    assert str(caught.value).startswith("x.json: ")
    assert said.replace("\\", "") in str(caught.value)
    assert "\n" not in str(caught.value)


ONE = story("one")


def one(**changes: object) -> RunRecord:
    return run_record(replace(ONE, **changes))  # type: ignore[arg-type] # as named


def measured(value: int, low: int | None, high: int, margin: int = 0) -> RunRecord:
    return one(measurements=(Measurement("m", value, "s", low, high, margin),))


NO_DATE = (Calibration("dmm", "20260301", "2027-03-01"),)
IMPOSSIBLE = [
    (run_record(ONE, ONE), 'stories: "one" stands 2 times; allowed: each name once'),
    (one(took_ms=-1), "stories[0].took_ms: -1; allowed: 0 to 9223372036854775807"),
    (one(ended_ms=UtcMs(0)), f"stories[0].ended_ms: 0; allowed: from its began_ms on, {EVENING_MS}"),
    (one(ended_ms=UtcMs(2**62)), "stories[0].ended_ms: 4611686018427387904; allowed"),
    (measured(2**63, 0, 1), "stories[0].measurements[0].value"),
    (measured(0, 2, 1), "measurements[0].low: 2; allowed: at most its high, 1"),
    (measured(0, None, 1, -1), "measurements[0].margin: -1; allowed: 0 to"),
    (run_record(calibrations=NO_DATE), 'calibrations[0].calibrated: "20260301"; allowed: a date, 2026-11-30'),
]


@pytest.mark.parametrize(("record", "said"), IMPOSSIBLE)
def test_values_that_no_record_can_have_are_neither_written_nor_read(record: RunRecord, said: str) -> None:
    with pytest.raises(InputError) as caught:
        encode_record(record)
    assert said in str(caught.value)
    fields = {"relance_hil_record": 1} | msgspec.to_builtins(record)
    try:
        data = msgspec.json.encode(fields)
    except OverflowError:
        return  # JSON has no such number either
    with pytest.raises(InputError) as caught:
        decode_record(data, "x.json")
    assert said in str(caught.value)


def _with_logs(*texts: str) -> RunRecord:
    logs = tuple(Attachment("console", "text/plain", text) for text in texts)
    return run_record(story("one", attachments=logs))


def test_a_long_log_loses_its_middle_and_says_so() -> None:
    log = "began " + "x" * ATTACHMENT_CHARS_MAX + " ended"
    (read,) = decode_record(encode_record(_with_logs(log)), "x").stories[0].attachments
    assert read.text.startswith("began ")
    assert read.text.endswith(" ended")
    assert "[… 12 characters left out …]" in read.text


@given(st.integers(2_000, 6_000))
def test_a_record_is_never_larger_than_allowed_whatever_its_logs_hold(bytes_max: int) -> None:
    encoded = encode_record(_with_logs("ab" * 9_000, "short"), bytes_max + 2_000)
    assert len(encoded) <= bytes_max + 2_000
    first, short = decode_record(encoded, "x").stories[0].attachments
    assert (first.text[:2], first.text[-2:], short.text) == ("ab", "ab", "short")


def test_what_is_too_large_without_its_logs_is_told() -> None:
    with pytest.raises(InputError, match=r"bytes with the shortest attachments; allowed: 300"):
        encode_record(night(), 300)


def test_bytes_of_a_wire_that_are_no_text_are_written_out() -> None:
    log = b"\x02ok\xff".decode("utf-8", "surrogateescape")
    (read,) = decode_record(encode_record(_with_logs(log)), "x").stories[0].attachments
    assert read.text == "\x02ok\\udcff"


def test_a_huge_file_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match=r"1,099,511,627,776 bytes; allowed: at most 67,108,864"):
        read_record(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"record\.json: cannot be read: No such file"):
        read_record(tmp_path)
