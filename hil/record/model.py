"""The record of a run, as values. Everything that a report shows is in it, and nothing is computed twice.

Layout after the test record of OpenHTF (phases, measurements with limits and a marginal zone, attachments).
Instants are UTC milliseconds by the bench's reference clock; on a virtual bench that is true time.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from protocols.instants import UtcMs


class StoryVerdict(StrEnum):
    """How a story or a measurement ended, from good to bad."""

    PASSED = "passed"
    # Within its limits, and so near to one that the next meter may not be.
    MARGINAL = "marginal"
    # Not asked: the bench or the meter has not what it needs, or it was left out.
    NOT_RUN = "not run"
    # The meter did something else than the story expects.
    FAILED = "failed"
    # The bench or a wire did not do its part: of the meter nothing is known.
    ERROR = "error"


class Lane(StrEnum):
    """A line of a story's timeline, from top to bottom."""

    BENCH = "bench"
    ORDERS = "orders"
    CLOCK = "clock"
    SUPPLY = "supply"
    CREDIT = "credit"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A value with its limits, both inclusive; None: no limit. Within `margin` of a limit it is marginal."""

    name: str
    value: int
    unit: str
    low: int | None
    high: int | None
    margin: int = 0

    @property
    def room(self) -> int | None:
        """How far the value is within its nearest limit, below 0 outside; None without limits."""
        gaps = [self.value - self.low] if self.low is not None else []
        gaps += [self.high - self.value] if self.high is not None else []
        return min(gaps, default=None)

    @property
    def verdict(self) -> StoryVerdict:
        """Passed, marginal, or failed."""
        room = self.room
        if room is not None and room < 0:
            return StoryVerdict.FAILED
        return StoryVerdict.MARGINAL if room is not None and room < self.margin else StoryVerdict.PASSED


@dataclass(frozen=True, slots=True)
class StoryMoment:
    """Something that happened. `is_on`: what a state became; of the bench: the mains; of a check: right."""

    at_ms: UtcMs
    lane: Lane
    text: str
    is_on: bool | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """What came over a wire, as text: a serial log, a trace of APDUs, a telegram, a journal."""

    name: str
    media_type: str
    text: str


@dataclass(frozen=True, slots=True)
class StoryRecord:
    """One story, told. `why`: for all but passed, what was expected and what was found."""

    name: str
    title: str
    requirements: tuple[str, ...]
    needs: tuple[str, ...]
    tags: tuple[str, ...]
    verdict: StoryVerdict
    why: str
    began_ms: UtcMs
    ended_ms: UtcMs
    # By the clock on the wall.
    took_ms: int
    measurements: tuple[Measurement, ...] = ()
    timeline: tuple[StoryMoment, ...] = ()
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Dut:
    """The device under test, as it says of itself or as the tester wrote it down."""

    name: str
    serial: str
    firmware: str
    profile: str
    energy: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """When an instrument of the bench was calibrated last, and until when that holds. Dates, YYYY-MM-DD."""

    instrument: str
    calibrated: str
    valid_until: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A whole run. `commit`: of relance; empty where it was not run from a checkout."""

    run_id: str
    bench: str
    bench_sha256: str
    dut: Dut
    version: str
    commit: str
    began: str
    took_ms: int
    stories: tuple[StoryRecord, ...]
    calibrations: tuple[Calibration, ...] = ()
    notes: tuple[str, ...] = field(default=())
