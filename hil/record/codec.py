"""The record of a run as JSON, with its version in front, so that no other file is taken for one.

What is written can be read again: values are checked on both ways. A log never costs a run its record: what
is too long is shortened where everybody sees it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from hil.record.files import write_whole
from hil.record.model import Attachment, Measurement, RunRecord, StoryRecord, StoryVerdict
from protocols.errors import InputError, quoted
from protocols.instants import EARLIEST_MS, LATEST_MS, UtcMs, ms_from_iso

VERSION: Final = 1
RECORD_FILE: Final = "record.json"
# The suite's record is about a megabyte. A week on hardware with all its logs stays below this, and a browser
# still shows a page made of it.
RECORD_BYTES_MAX: Final = 64 * 1024 * 1024
# A serial line at 9,600 bit/s fills this in a quarter of an hour.
ATTACHMENT_CHARS_MAX: Final = 1_000_000
# A log that is shorter than this says nothing any more.
_ATTACHMENT_CHARS_MIN: Final = 1_000
# What JSON's readers and msgspec keep exactly: 64 bits with a sign.
_INT_MAX: Final = 2**63 - 1


class _Marked(msgspec.Struct):
    """What tells a record from any other file."""

    relance_hil_record: int


_marked = msgspec.json.Decoder(_Marked)
_record = msgspec.json.Decoder(RunRecord)


def encode_record(record: RunRecord, bytes_max: int = RECORD_BYTES_MAX) -> bytes:
    """The JSON of a record, of at most `bytes_max`.

    Long attachments lose their middle, all of them more where the whole is too long. Raises InputError for
    values that no record can have, and where the rest alone is too long.
    """
    for fault in _faults(record):
        raise InputError(f"record: {fault}")
    chars_max = ATTACHMENT_CHARS_MAX
    while True:
        encoded = _encoded(_shortened(record, chars_max))
        if len(encoded) <= bytes_max:
            return encoded
        if chars_max <= _ATTACHMENT_CHARS_MIN:
            raise InputError(
                f"record: {len(encoded):,} bytes with the shortest attachments; allowed: {bytes_max:,}"
            )
        chars_max //= 2


def decode_record(data: bytes, where: str) -> RunRecord:
    """The record that `data` holds; `where` begins an error's line.

    Raises InputError for a file that is none, of another version, too large or with values that cannot be.
    """
    if len(data) > RECORD_BYTES_MAX:
        raise InputError(f"{where}: {len(data):,} bytes; allowed: at most {RECORD_BYTES_MAX:,}")
    try:
        version = _marked.decode(data).relance_hil_record
        if version != VERSION:
            raise InputError(
                f"{where}: relance_hil_record: {version}; allowed: {VERSION}, which this program reads"
            )
        record = _record.decode(data)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {error}; allowed: a record that `relance-hil run` has written") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Besides its own errors msgspec lets through Python's, for strings that are no UTF-8 and for nesting.
        raise InputError(
            f"{where}: no JSON: {error}; allowed: a record that `relance-hil run` has written"
        ) from None
    for fault in _faults(record):
        raise InputError(f"{where}: {fault}")
    return record


def recordable(story: StoryRecord) -> StoryRecord:
    """The story as a record can hold it: one with a value that none can have is an error, and says which.

    So one story's value never costs the others their record.
    """
    fault = next(_story_faults(story), None)
    if fault is None:
        return story
    began_ms = UtcMs(min(max(story.began_ms, EARLIEST_MS), LATEST_MS))
    return replace(
        story,
        verdict=StoryVerdict.ERROR,
        why=" ".join(filter(None, (story.why, f"Not recorded: {fault}"))),
        began_ms=began_ms,
        ended_ms=began_ms,
        took_ms=min(max(story.took_ms, 0), _INT_MAX),
        measurements=(),
        timeline=(),
    )


def write_record(record: RunRecord, path: Path, option: str = "--out") -> None:
    """Write the record's file, whole or not at all. Raises InputError as `encode_record`, and as files do."""
    write_whole(path, encode_record(record).decode(), option)


def read_record(path: Path) -> RunRecord:
    """The record of a file, or of the folder that `relance-hil run --out` filled. Raises InputError."""
    file = path / RECORD_FILE if path.is_dir() else path
    try:
        size = file.stat().st_size
        if size > RECORD_BYTES_MAX:
            raise InputError(f"{file}: {size:,} bytes; allowed: at most {RECORD_BYTES_MAX:,}")
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    return decode_record(data, str(file))


def _encoded(record: RunRecord) -> bytes:
    fields = {"relance_hil_record": VERSION} | _in_utf8(msgspec.to_builtins(record))
    return msgspec.json.format(msgspec.json.encode(fields), indent=1) + b"\n"


def _in_utf8(value: Any) -> Any:  # noqa: ANN401 # whatever JSON can be
    r"""A byte of a wire that was no UTF-8, and came as a lone surrogate, is written out: `\udcff`."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {key: _in_utf8(each) for key, each in value.items()}
        case list() | tuple():
            return [_in_utf8(each) for each in value]
        case _:
            return value


def _shortened(record: RunRecord, chars_max: int) -> RunRecord:
    stories = tuple(
        replace(story, attachments=tuple(_without_middle(each, chars_max) for each in story.attachments))
        for story in record.stories
    )
    return replace(record, stories=stories)


def _without_middle(attachment: Attachment, chars_max: int) -> Attachment:
    """An attachment of at most about `chars_max`: how a log began and how it ended explain a failure."""
    text = attachment.text
    if len(text) <= chars_max:
        return attachment
    half = chars_max // 2
    left_out = len(text) - 2 * half
    return replace(attachment, text=f"{text[:half]}\n[… {left_out:,} characters left out …]\n{text[-half:]}")


def _faults(record: RunRecord) -> Iterator[str]:
    """What is wrong with a record although its form is right: where, what, and what is allowed."""
    if not _is_instant(record.began):
        yield f"began: {quoted(record.began)}; allowed: an instant with its offset, 2026-11-30T08:00:00Z"
    yield from _number("took_ms", record.took_ms, 0)
    for index, calibration in enumerate(record.calibrations):
        for name, day in (
            ("calibrated", calibration.calibrated),
            ("valid_until", calibration.valid_until),
        ):
            if not _is_date(day):
                yield f"calibrations[{index}].{name}: {quoted(day)}; allowed: a date, 2026-11-30"
    for name, count in Counter(story.name for story in record.stories).items():
        if count > 1:
            yield f"stories: {quoted(name)} stands {count} times; allowed: each name once"
    for index, story in enumerate(record.stories):
        yield from (f"stories[{index}].{fault}" for fault in _story_faults(story))


def _story_faults(story: StoryRecord) -> Iterator[str]:
    yield from _number("took_ms", story.took_ms, 0)
    for name, at_ms in (("began_ms", story.began_ms), ("ended_ms", story.ended_ms)):
        yield from _number(name, at_ms, EARLIEST_MS, LATEST_MS)
    if story.ended_ms < story.began_ms:
        yield f"ended_ms: {story.ended_ms}; allowed: from its began_ms on, {story.began_ms}"
    for index, moment in enumerate(story.timeline):
        yield from _number(f"timeline[{index}].at_ms", moment.at_ms, EARLIEST_MS, LATEST_MS)
    for index, measurement in enumerate(story.measurements):
        yield from (f"measurements[{index}].{fault}" for fault in _measurement_faults(measurement))


def _measurement_faults(measurement: Measurement) -> Iterator[str]:
    yield from _number("value", measurement.value, -_INT_MAX)
    yield from _number("margin", measurement.margin, 0)
    for name, limit in (("low", measurement.low), ("high", measurement.high)):
        if limit is not None:
            yield from _number(name, limit, -_INT_MAX)
    if None not in (measurement.low, measurement.high) and measurement.low > measurement.high:  # type: ignore[operator] # both are there
        yield f"low: {measurement.low}; allowed: at most its high, {measurement.high}"


def _number(name: str, value: int, low: int, high: int = _INT_MAX) -> Iterator[str]:
    if not low <= value <= high:
        yield f"{name}: {value}; allowed: {low} to {high}"


def _is_instant(text: str) -> bool:
    try:
        return EARLIEST_MS <= ms_from_iso(text) <= LATEST_MS
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
