"""Records of runs for the tests: one of each verdict to look at, and any that there can be."""

from datetime import datetime

from hypothesis import strategies as st

from hil.record.model import (
    Attachment,
    Calibration,
    Dut,
    Lane,
    Measurement,
    RunRecord,
    StoryMoment,
    StoryRecord,
    StoryVerdict,
)
from protocols.instants import EARLIEST_MS, HOUR_MS, LATEST_MS, SECOND_MS, UtcMs, ms_from_iso

EVENING_MS = ms_from_iso("2020-07-02T22:59:00+02:00")
CUT_MS = ms_from_iso("2020-07-03T23:01:00+02:00")


def moment(after_ms: int, lane: Lane, text: str, *, is_on: bool | None = None) -> StoryMoment:
    return StoryMoment(UtcMs(EVENING_MS + after_ms), lane, text, is_on)


def story(name: str, verdict: StoryVerdict = StoryVerdict.PASSED, **fields: object) -> StoryRecord:
    """A story of one minute, in which nothing is measured."""
    values: dict[str, object] = {
        "title": name.replace("-", " "),
        "requirements": ("I1",),
        "needs": ("Console",),
        "tags": ("date",),
        "why": "" if verdict is StoryVerdict.PASSED else "expected supply on, found off",
        "began_ms": EVENING_MS,
        "ended_ms": UtcMs(EVENING_MS + 60 * SECOND_MS),
        "took_ms": 812,
    }
    return StoryRecord(name=name, verdict=verdict, **(values | fields))  # type: ignore[arg-type] # as named


def run_record(*stories: StoryRecord, **fields: object) -> RunRecord:
    values: dict[str, object] = {
        "run_id": "run-1",
        "bench": "virtual",
        "bench_sha256": "ab" * 32,
        "dut": Dut("sound", "m00042", "guarded", "wallonia-smart", "electricity"),
        "version": "0.9.0",
        "commit": "1a2b3c4d5e6f",
        "began": "2026-11-30T08:00:00Z",
        "took_ms": 4_321,
    }
    return RunRecord(stories=stories, **(values | fields))  # type: ignore[arg-type] # as named


THE_NIGHT = (
    moment(0, Lane.BENCH, "mains on", is_on=True),
    moment(0, Lane.SUPPLY, "supply on", is_on=True),
    moment(2_000, Lane.CREDIT, "20.00 €"),
    moment(5_000, Lane.ORDERS, "plans a cut for Fri 3 Jul 23:01"),
    moment(60_000, Lane.CLOCK, "a date that nobody signed: Fri 3 Jul 22:59"),
    moment(180_000, Lane.SUPPLY, "supply off", is_on=False),
    moment(180_200, Lane.CHECK, "supply is on", is_on=False),
    moment(25 * HOUR_MS, Lane.CREDIT, "18.20 €"),
)
RELEASE = Measurement("release_to_supply", 4_900, "ms", None, 5_000, 500)


def night() -> RunRecord:
    """A run with a story of each verdict, as people look at it."""
    return run_record(
        story(
            "a-day-too-early",
            StoryVerdict.FAILED,
            title="A date a day ahead cuts nobody",
            requirements=("I1", "I7", "QA-04"),
            why="expected supply on, found off\nat Thu 2 Jul 2020 23:02:00.200",
            ended_ms=UtcMs(EVENING_MS + 25 * HOUR_MS),
            timeline=THE_NIGHT,
            measurements=(
                Measurement("seconds_early", 86_220, "s", None, 0),
                Measurement("balance_error", 0, "quanta", 0, 0),
            ),
            attachments=(
                Attachment("console", "text/plain", "> supply\n< supply off <b>&\n> \x02balance\r\n"),
                Attachment("apdu", "text/plain", "00A4 0400 → 9000\n" * 40),
            ),
        ),
        story("no-answer", StoryVerdict.ERROR, why='console: expected "ok", got nothing within 2 s'),
        story("card-torn", StoryVerdict.NOT_RUN, why="the bench has no MeterSlot", requirements=("QA-07",)),
        story(
            "release",
            StoryVerdict.MARGINAL,
            why="release_to_supply: 4,900 ms, 100 ms from its limit",
            requirements=("I3", "L9"),
            measurements=(RELEASE, Measurement("credit_after", 1_500, "cent", 1_000, 2_000, 100)),
            timeline=(
                moment(0, Lane.SUPPLY, "supply off", is_on=False),
                moment(4_900, Lane.SUPPLY, "supply on", is_on=True),
            ),
        ),
        story("moratorium", requirements=("L6",), took_ms=12),
        calibrations=(
            Calibration("supply sensor", "2025-03-01", "2026-03-01"),
            Calibration("reference clock", "2026-10-01", "2027-10-01"),
        ),
        notes=("The window was open; 8 °C.",),
    )


_TEXT = st.text(max_size=6)
_NAMES = st.text(min_size=1, max_size=8)
_INT = st.integers(-(2**63) + 1, 2**63 - 1)
_INSTANT = st.integers(EARLIEST_MS, LATEST_MS).map(UtcMs)
_FEW_TEXTS = st.lists(_TEXT, max_size=3).map(tuple)


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    low, high = draw(st.none() | _INT), draw(st.none() | _INT)
    if low is not None and high is not None and low > high:
        low, high = high, low
    return Measurement(draw(_NAMES), draw(_INT), draw(_TEXT), low, high, draw(st.integers(0, 2**63 - 1)))


def _moments() -> st.SearchStrategy[StoryMoment]:
    return st.builds(StoryMoment, _INSTANT, st.sampled_from(Lane), _TEXT, st.none() | st.booleans())


@st.composite
def stories(draw: st.DrawFn) -> StoryRecord:
    began_ms, ended_ms = sorted((draw(_INSTANT), draw(_INSTANT)))
    return StoryRecord(
        name=draw(_NAMES),
        title=draw(_TEXT),
        requirements=draw(_FEW_TEXTS),
        needs=draw(_FEW_TEXTS),
        tags=draw(_FEW_TEXTS),
        verdict=draw(st.sampled_from(StoryVerdict)),
        why=draw(_TEXT),
        began_ms=began_ms,
        ended_ms=ended_ms,
        took_ms=draw(st.integers(0, 2**40)),
        measurements=tuple(draw(st.lists(measurements(), max_size=2))),
        timeline=tuple(draw(st.lists(_moments(), max_size=2))),
        attachments=tuple(draw(st.lists(st.builds(Attachment, _TEXT, _TEXT, st.text()), max_size=2))),
    )


def _days() -> st.SearchStrategy[str]:
    return st.dates().map(lambda day: day.isoformat())


records = st.builds(
    RunRecord,
    run_id=_TEXT,
    bench=_TEXT,
    bench_sha256=_TEXT,
    dut=st.builds(Dut, _TEXT, _TEXT, _TEXT, _TEXT, _TEXT),
    version=_TEXT,
    commit=_TEXT,
    began=st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)).map(  # noqa: DTZ001
        lambda each: each.isoformat() + "+02:00"
    ),
    took_ms=st.integers(0, 2**40),
    stories=st.lists(stories(), max_size=2, unique_by=lambda each: each.name).map(tuple),
    calibrations=st.lists(st.builds(Calibration, _TEXT, _days(), _days()), max_size=2).map(tuple),
    notes=_FEW_TEXTS,
)

# Runs of the same few stories, to compare: their names meet, and their numbers are near their limits.
_SMALL = st.integers(-2, 2)


@st.composite
def alike_runs(draw: st.DrawFn) -> RunRecord:
    told = draw(st.dictionaries(st.sampled_from("abc"), st.sampled_from(StoryVerdict)))
    names = st.dictionaries(st.sampled_from("mn"), st.tuples(_SMALL, _SMALL))
    asked = st.lists(st.sampled_from(("I1", "L6", "QA-04", "X9")), max_size=2, unique=True).map(tuple)
    return run_record(
        *(
            story(
                name,
                verdict,
                requirements=draw(asked),
                measurements=tuple(
                    Measurement(each, value, "s", None, high, 1)
                    for each, (value, high) in draw(names).items()
                ),
            )
            for name, verdict in told.items()
        )
    )
