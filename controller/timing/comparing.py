"""What a command may take from the service's clock, and where the two differ (design §6.1). Pure.

On the same boot the command's machine has the service's crystal: it ages the interval that `serve` wrote to
this very tick. Anywhere else the row only says that it cannot be earlier than that.
"""

from typing import Final

from msgspec import Struct

from protocols.instants import SECOND_MS
from protocols.timing import DIFFERENCE_MS_MAX, Bounds, Carried, Judgement

# `serve` writes its row every ten seconds: elsewhere a row of a service that runs is at most so old.
_ROW_AGE_MS: Final = 30 * SECOND_MS


class Here(Struct, frozen=True):
    """What the machine of a command shows: its system clock, and its ticks in which boot."""

    now_ms: int
    tick_ms: int
    boot: str


class ClockComparison(Struct, frozen=True, kw_only=True):
    """A command's clock beside the service's.

    `doubtful`: the service doubts its own clock. `offset_ms`: how far this machine is ahead of it, as far as
    that can be said (None: it cannot).
    `issue_ms`: the instant at which this command issues protection.
    """

    doubtful: bool
    same_boot: bool
    offset_ms: int | None
    issue_ms: int

    @property
    def differs(self) -> bool:
        """Whether the clocks differ, or the service has not written for so long that nobody can tell."""
        allowed_ms = DIFFERENCE_MS_MAX + (0 if self.same_boot else _ROW_AGE_MS)
        return self.offset_ms is not None and not -DIFFERENCE_MS_MAX <= self.offset_ms <= allowed_ms

    @property
    def forbids_harm(self) -> bool:
        return self.doubtful or self.differs


def compare(judged: Judgement | None, here: Here) -> ClockComparison:
    """Compare a command's clock with what `serve` believed when it last wrote; None where it never has."""
    nothing = ClockComparison(doubtful=False, same_boot=False, offset_ms=None, issue_ms=here.now_ms)
    if judged is None:
        return nothing
    same_boot = judged.boot == here.boot and judged.tick_ms <= here.tick_ms
    if not judged.trusted or judged.earliest_ms is None or judged.latest_ms is None:
        return ClockComparison(doubtful=True, same_boot=same_boot, offset_ms=None, issue_ms=here.now_ms)
    if not same_boot:
        offset_ms = _outside_ms(Bounds(judged.earliest_ms, judged.latest_ms), here.now_ms)
        issue_ms = max(here.now_ms, judged.earliest_ms)
        return ClockComparison(doubtful=False, same_boot=False, offset_ms=offset_ms, issue_ms=issue_ms)
    at_tick = judged.tick_ms
    bounds = Carried(judged.earliest_ms, at_tick, judged.latest_ms, at_tick).at(here.tick_ms)
    offset_ms = _outside_ms(bounds, here.now_ms)
    found = ClockComparison(doubtful=False, same_boot=True, offset_ms=offset_ms, issue_ms=here.now_ms)
    if not found.differs:
        return found
    return ClockComparison(doubtful=False, same_boot=True, offset_ms=offset_ms, issue_ms=bounds.middle_ms)


def _outside_ms(bounds: Bounds, now_ms: int) -> int:
    """How far an instant is outside an interval, with its sign; 0 inside."""
    return now_ms - min(max(now_ms, bounds.earliest_ms), bounds.latest_ms)
