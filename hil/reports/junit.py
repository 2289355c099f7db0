"""The record of a run as JUnit's XML: a suite of one case per story, for a CI server. Pure.

JUnit knows no marginal story: one passes, and its property `verdict` says so. Attachments stand in the output
of the stories that failed; all of them are in the record.
"""

from collections.abc import Iterator
from typing import Final

from hil.record.model import Attachment, Measurement, RunRecord, StoryRecord, StoryVerdict
from protocols.instants import iso_from_ms, ms_from_iso
from protocols.junit import HEAD, TAIL, CaseEnd, JunitCase, JunitSuite, suite_xml

_ENDS: Final = {
    StoryVerdict.FAILED: CaseEnd.FAILURE,
    StoryVerdict.ERROR: CaseEnd.ERROR,
    StoryVerdict.NOT_RUN: CaseEnd.SKIPPED,
}
# What a CI server shows of one attachment: its end, where a failure is.
ATTACHMENT_CHARS_SHOWN: Final = 20_000


def junit_of(record: RunRecord) -> str:
    """The document of a run."""
    suite = JunitSuite(
        f"relance-hil on {record.bench}",
        tuple(map(_case, record.stories)),
        # Without an offset: what xs:dateTime of most readers expects. It is UTC.
        iso_from_ms(ms_from_iso(record.began)).removesuffix("Z"),
        record.took_ms,
        tuple(_run_properties(record)),
    )
    return HEAD + suite_xml(suite) + TAIL


def limits_of(measurement: Measurement) -> str:
    """The limits of a measurement in words: `0 to 5,000 ms`, `at most 5,000 ms`, `no limit`."""
    match measurement.low, measurement.high:
        case None, None:
            return "no limit"
        case None, high:
            return f"at most {high:,} {measurement.unit}"
        case low, None:
            return f"at least {low:,} {measurement.unit}"
        case low, high:
            return f"{low:,} to {high:,} {measurement.unit}"


def _run_properties(record: RunRecord) -> Iterator[tuple[str, str]]:
    yield "run", record.run_id
    yield "bench", record.bench
    yield "bench_sha256", record.bench_sha256
    for name in ("name", "serial", "firmware", "profile", "energy"):
        yield f"meter_{name}", getattr(record.dut, name)
    yield "relance", record.version
    yield "commit", record.commit
    for each in record.calibrations:
        yield f"calibration:{each.instrument}", f"{each.calibrated}, valid until {each.valid_until}"
    for note in record.notes:
        yield "note", note


def _case(story: StoryRecord) -> JunitCase:
    end = _ENDS.get(story.verdict)
    is_red = end in (CaseEnd.FAILURE, CaseEnd.ERROR)
    first, _, _rest = story.why.partition("\n")
    return JunitCase(
        classname=f"hil.{story.tags[0]}" if story.tags else "hil",
        name=story.name,
        end=end,
        message=first,
        details=story.why,
        took_ms=story.took_ms,
        properties=tuple(_story_properties(story)),
        output="\n".join(map(_output, story.attachments)) if is_red else "",
    )


def _story_properties(story: StoryRecord) -> Iterator[tuple[str, str]]:
    yield "verdict", story.verdict
    yield "title", story.title
    for requirement in story.requirements:
        yield "requirement", requirement
    for tag in story.tags:
        yield "tag", tag
    for measurement in story.measurements:
        yield f"measurement:{measurement.name}", _measured(measurement)


def _measured(measurement: Measurement) -> str:
    value = f"{measurement.value:,} {measurement.unit}"
    return f"{value}; allowed: {limits_of(measurement)}; {measurement.verdict}"


def _output(attachment: Attachment) -> str:
    left_out = len(attachment.text) - ATTACHMENT_CHARS_SHOWN
    if left_out <= 0:
        return f"--- {attachment.name}\n{attachment.text}"
    shown = attachment.text[left_out:]
    return f"--- {attachment.name}, without its first {left_out:,} characters\n{shown}"
