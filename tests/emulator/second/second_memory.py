"""What a meter is told, once more, read from the design (§4.2, §5): holds, flags, orders, calendar, lease."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from protocols.reasons import FlagName
from protocols.spans import Span, Window


@dataclass
class Object:
    """One hold or flag: the floor of two people, and the revisions of one person above it."""

    floor_rev: int = 0
    floor: Span | None = None
    above: dict[int, Span] = field(default_factory=dict)

    def protect(self, rev: int, span: Span) -> None:
        if rev > self.floor_rev:
            self.above[rev] = span

    def lower(self, rev: int, span: Span | None) -> None:
        self.floor_rev, self.floor = rev, span
        self.above = {each: span for each, span in self.above.items() if each > rev}

    def has(self, rev: int) -> bool:
        return rev <= self.floor_rev or rev in self.above

    def in_force(self) -> Span | None:
        spans = [each for each in (self.floor, *self.above.values()) if each and each.from_ms < each.until_ms]
        if not spans:
            return None
        return Span(min(each.from_ms for each in spans), max(each.until_ms for each in spans))


@dataclass(frozen=True)
class Ordered:
    """A cut order in force, and the interval in which it cuts."""

    from_ms: int
    until_ms: int


@dataclass(frozen=True)
class Opened:
    """The last opening: all that was known then, so that it can be judged again."""

    epoch: int
    tick: int
    earliest_ms: int
    latest_ms: int
    cause: str


@dataclass
class SecondMemory:
    """`calendar`: its number and windows; `lease`: the number, the end, and the holds that it names."""

    holds: dict[str, Object] = field(default_factory=dict)
    flags: dict[FlagName, Object] = field(default_factory=dict)
    orders: dict[str, Ordered] = field(default_factory=dict)
    tombstones: set[str] = field(default_factory=set)
    calendar: tuple[int, tuple[Window, ...]] | None = None
    lease: tuple[int, int, tuple[tuple[str, int], ...]] | None = None

    def forbidden(self, earliest_ms: int, latest_ms: int) -> bool:
        """Whether a hold or a flag intersects the interval."""
        return any(each.from_ms <= latest_ms and earliest_ms < each.until_ms for each in self._in_force())

    def is_protected(self, latest_ms: int) -> bool:
        flag = self.flags.get(FlagName.PROTECTED)
        span = None if flag is None else flag.in_force()
        return span is not None and span.from_ms <= latest_ms

    def window_start_ms(self, earliest_ms: int, latest_ms: int) -> int | None:
        """The start of the window that holds the whole interval, where calendar and lease permit a cut."""
        if self.calendar is None or self.lease is None:
            return None
        (number, windows), (leased, ends_ms, names) = self.calendar, self.lease
        stored = all(name in self.holds and self.holds[name].has(rev) for name, rev in names)
        if number != leased or latest_ms >= ends_ms or not stored:
            return None
        inside = (
            each.start_ms for each in windows if each.start_ms <= earliest_ms and latest_ms < each.end_ms
        )
        return next(inside, None)

    def _in_force(self) -> Iterator[Span]:
        forbidding = (self.flags.get(name) for name in (FlagName.MEDICAL, FlagName.DISPUTE))
        for each in (*self.holds.values(), *forbidding):
            span = None if each is None else each.in_force()
            if span is not None:
                yield span


def joined(windows: Iterable[Window]) -> tuple[Window, ...]:
    """Windows that touch or overlap are one."""
    found: list[Window] = []
    for start_ms, end_ms in sorted(windows):
        if found and start_ms <= found[-1].end_ms:
            found[-1] = Window(found[-1].start_ms, max(end_ms, found[-1].end_ms))
        elif start_ms < end_ms:
            found.append(Window(start_ms, end_ms))
    return tuple(found)
