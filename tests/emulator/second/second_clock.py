"""The interval clock once more, read from the design (§4.1) and from nothing else."""

from dataclasses import dataclass, field
from typing import Final

from protocols.instants import DAY_MS, MINUTE_MS
from protocols.reasons import ClockStatus, Source

NEVER_MS: Final = 1 << 80
_CLAIM_AGE_MS: Final = 40 * DAY_MS
_MISSES_MS_MAX: Final = MINUTE_MS
_SPREAD_MS_MIN: Final = 1_000


@dataclass(frozen=True)
class Point:
    """A bound that is never rewritten: it reads `value_ms` at `tick`, and less exactly later."""

    value_ms: int
    tick: int


@dataclass
class Heard:
    """What one source last said: its fresh answer, and the one-way time."""

    lower: Point | None = None
    upper: Point | None = None
    one_way: Point | None = None


@dataclass
class SecondClock:
    """`marks`: the epoch and tick at which each source last agreed with the envelope by a fresh answer."""

    start_ms: int
    ppm: int
    status: ClockStatus = ClockStatus.TRUSTED
    epoch: int = 0
    heard: dict[Source, Heard] = field(default_factory=dict)
    misses: list[tuple[int, int]] = field(default_factory=list)
    marks: dict[Source, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.vouched_ms = self.start_ms - 1_000
        self.lower = Point(self.start_ms - 1_000, 0)
        self.upper: Point | None = Point(self.start_ms + 1_000, 0)

    def margin_ms(self, ticks: int) -> int:
        return -(-ticks * self.ppm // (1_000_000 - self.ppm)) + 1

    def low(self, point: Point, tick: int) -> int:
        ticks = tick - point.tick
        return point.value_ms if ticks == 0 else point.value_ms + ticks - self.margin_ms(ticks)

    def high(self, point: Point, tick: int) -> int:
        ticks = tick - point.tick
        return point.value_ms + ticks + self.margin_ms(ticks)

    def earliest_ms(self, tick: int) -> int:
        return self.low(self.lower, tick)

    def latest_ms(self, tick: int) -> int:
        return NEVER_MS if self.upper is None else self.high(self.upper, tick)

    def estimate_ms(self, tick: int) -> int:
        """The middle of the envelope; its lower end while it has no upper one."""
        low_ms, high_ms = self.earliest_ms(tick), self.latest_ms(tick)
        return low_ms if self.upper is None else (low_ms + high_ms) // 2

    def last_agreed(self) -> tuple[int, int]:
        """When two sources last agreed: the second-latest of their marks."""
        marks = sorted(self.marks.values(), reverse=True)
        return marks[1] if len(marks) > 1 else (-1, 0)

    def lose_ticks(self, tick: int) -> None:
        """A new epoch: only what two sources once vouched for is left of the envelope."""
        self.heard, self.misses, self.epoch = {}, [], self.epoch + 1
        self.lower, self.upper = Point(self.vouched_ms, tick), None
        self.status = ClockStatus.LOST

    def hear(self, source: Source, time_ms: int, spread_ms: int, tick: int, *, fresh: bool) -> None:
        """Take in a claim and apply the rule over all that are held."""
        said, spread_ms = self.heard.setdefault(source, Heard()), max(spread_ms, _SPREAD_MS_MIN)
        if fresh:
            said.lower, said.upper = Point(time_ms - spread_ms, tick), Point(time_ms + spread_ms, tick)
        else:
            said.one_way = Point(time_ms - spread_ms, tick)
        if self.status is ClockStatus.DISPUTED:
            return
        excludes = fresh and (
            time_ms - spread_ms > self.latest_ms(tick) or time_ms + spread_ms + 1 < self.earliest_ms(tick)
        )
        self._forget(tick)
        if self._apply(tick) and fresh and not excludes:
            self.marks[source] = (self.epoch, tick)

    def _forget(self, tick: int) -> None:
        for said in self.heard.values():
            if said.lower is not None and tick - said.lower.tick > _CLAIM_AGE_MS:
                said.lower = said.upper = None
            if said.one_way is not None and tick - said.one_way.tick > _CLAIM_AGE_MS:
                said.one_way = None

    def _apply(self, tick: int) -> bool:
        """The second-highest lower and the second-lowest upper bound. False where they contradict."""
        floor_at, roof_at = self._second_lower(tick), self._second_upper(tick)
        floor_ms = -NEVER_MS if floor_at is None else self.low(floor_at, tick)
        roof_ms = NEVER_MS if roof_at is None else self.high(roof_at, tick)
        low_ms, high_ms = self.earliest_ms(tick), self.latest_ms(tick)
        if floor_ms > high_ms or roof_ms < low_ms or floor_ms > roof_ms:
            if floor_at is None or roof_at is None or not self._small_miss(floor_at, roof_at, tick):
                self.status = ClockStatus.DISPUTED
            return False
        if floor_at is not None:
            self.vouched_ms = max(self.vouched_ms, min(floor_at.value_ms, floor_ms))
            if floor_ms > low_ms:
                self.lower = floor_at
        if roof_at is not None and roof_ms < high_ms:
            self.upper = roof_at
        if self.status is ClockStatus.LOST and self.upper is not None:
            self.status = ClockStatus.TRUSTED
        return True

    def _small_miss(self, floor_at: Point, roof_at: Point, tick: int) -> bool:
        floor_ms, roof_ms = self.low(floor_at, tick), self.high(roof_at, tick)
        low_ms, high_ms = self.earliest_ms(tick), self.latest_ms(tick)
        if floor_ms > roof_ms or high_ms >= NEVER_MS:
            return False
        added_ms = max(0, low_ms - floor_ms) + max(0, roof_ms - high_ms)
        self.misses = [(at, ms) for at, ms in self.misses if tick - at < DAY_MS]
        if sum(ms for _, ms in self.misses) + added_ms > _MISSES_MS_MAX:
            return False
        self.misses.append((tick, added_ms))
        if floor_ms < low_ms:
            self.lower = floor_at
        if roof_ms > high_ms:
            self.upper = roof_at
        return True

    def _second_lower(self, tick: int) -> Point | None:
        best = [
            max(points, key=lambda point: self.low(point, tick))
            for said in self.heard.values()
            if (points := [each for each in (said.lower, said.one_way) if each is not None])
        ]
        best.sort(key=lambda point: self.low(point, tick), reverse=True)
        return best[1] if len(best) > 1 else None

    def _second_upper(self, tick: int) -> Point | None:
        uppers = [said.upper for said in self.heard.values() if said.upper is not None]
        uppers.sort(key=lambda point: self.high(point, tick))
        return uppers[1] if len(uppers) > 1 else None
