"""The report of a run for people: one HTML file that opens without a network and runs no script."""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from hil.record.model import Calibration, Measurement, RunRecord, StoryRecord, StoryVerdict
from hil.reports.junit import limits_of
from hil.reports.timeline import DrawnTimeline, timeline_of
from hil.requirements import matrix_of_record
from protocols.cutting.zones import load_zone
from protocols.words.en.times import local

SCALE_PX: Final = 220
_SCALE_EDGE_PX: Final = 20
# What is red comes first: a reader looks for it.
_ORDER: Final = (
    StoryVerdict.FAILED,
    StoryVerdict.ERROR,
    StoryVerdict.MARGINAL,
    StoryVerdict.PASSED,
    StoryVerdict.NOT_RUN,
)


@dataclass(frozen=True, slots=True)
class MeasuredScale:
    """A measurement between its limits, drawn: where low, high and the value stand; None where there is none.

    A value outside of its limits stands at the picture's edge.
    """

    measurement: Measurement
    limits: str
    low_px: float | None
    high_px: float | None
    value_px: float


@dataclass(frozen=True, slots=True)
class StoryShown:
    """A story as the page shows it."""

    record: StoryRecord
    number: int
    timeline: DrawnTimeline | None
    scales: tuple[MeasuredScale, ...]
    moments: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class CalibrationShown:
    """`is_valid`: on the day on which the run began, whenever the page is made."""

    calibration: Calibration
    is_valid: bool


def page_of(run: RunRecord, zone: str) -> str:
    """The page. Times are shown in `zone`, an IANA name. Raises InputError for one that there is not."""
    legal = load_zone(zone)
    counts = Counter(each.verdict for each in run.stories)
    in_order = sorted(enumerate(run.stories, 1), key=lambda each: _ORDER.index(each[1].verdict))
    return _template().render(
        run=run,
        zone=zone,
        counts=[(verdict.value, counts[verdict]) for verdict in _ORDER if counts[verdict]],
        stories=[_story(number, each, legal) for number, each in in_order],
        calibrations=[_calibration(each, run) for each in run.calibrations],
        matrix=matrix_of_record(run),
        numbers={each.name: number for number, each in enumerate(run.stories, 1)},
        scale_px=SCALE_PX,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("hil.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")


def _story(number: int, record: StoryRecord, zone: ZoneInfo) -> StoryShown:
    moments = tuple(
        (local(each.at_ms, zone), each.lane.value, each.text, "bad" if each.is_on is False else "")
        for each in record.timeline
    )
    scales = tuple(scale_of(each) for each in record.measurements)
    return StoryShown(record, number, timeline_of(record, zone), scales, moments)


def scale_of(measurement: Measurement) -> MeasuredScale:
    """Where a measurement's value and limits stand on a picture of `SCALE_PX`."""
    low, high, value = measurement.low, measurement.high, measurement.value
    limits = limits_of(measurement)
    # With one limit the other end is as far from it as the value, or the margin, whichever is further.
    reach = max([abs(value - each) for each in (low, high) if each is not None] + [measurement.margin, 1])
    if low is None and high is None:
        return MeasuredScale(measurement, limits, None, None, SCALE_PX / 2)
    left = low if low is not None else (high or 0) - reach
    right = high if high is not None else left + reach
    span = max(right - left, 1)

    def place(number: int) -> float:
        inner_px = SCALE_PX - 2 * _SCALE_EDGE_PX
        return min(max(_SCALE_EDGE_PX + (number - left) / span * inner_px, 2), SCALE_PX - 2)

    return MeasuredScale(
        measurement=measurement,
        limits=limits,
        low_px=None if low is None else place(low),
        high_px=None if high is None else place(high),
        value_px=place(value),
    )


def _calibration(calibration: Calibration, run: RunRecord) -> CalibrationShown:
    day = run.began[: len("2026-11-30")]
    return CalibrationShown(calibration, calibration.calibrated <= day <= calibration.valid_until)
