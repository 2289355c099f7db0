"""What stories share: a cut at an instant, a window, honest witnesses, for either firmware; sums in cents."""

from decimal import Decimal
from typing import Final

from emulator.scenario.model import CutCalendarSpec, ProgrammedCutSpec, WitnessSpec
from hil.stories.stage import StoryBench
from protocols.instants import HOUR_MS, SECOND_MS, UtcMs
from protocols.reasons import Source
from protocols.spans import Window

LEGACY: Final = "legacy-2020"
AUTHORITIES: Final = (Source.HEADEND, Source.TIMESERVER)
# For so long a planned cut may be carried out: the warning and the spread take an hour each.
PLAN_MS: Final = 4 * HOUR_MS
_CENTS: Final = 100


def is_legacy(bench: StoryBench) -> bool:
    """Whether the meter obeys any date, and reads cards of 2020."""
    return bench.word("identity", "firmware") == LEGACY


def tell_time(bench: StoryBench, *sources: Source, offset_ms: int = 0, fresh: bool = True) -> None:
    """Each of these says what time it is, or lies by an offset."""
    for source in sources or AUTHORITIES:
        bench.orders.bring(WitnessSpec(source, offset_ms, None, fresh=fresh, spread_ms=SECOND_MS))


def permit(bench: StoryBench, *windows: Window) -> None:
    """Both authorities tell the time, and two people permit cuts in these windows."""
    tell_time(bench)
    ends_ms = max(window.end_ms for window in windows)
    bench.orders.bring(CutCalendarSpec("bench", "UTC", "none", ends_ms, windows, names=()))


def plan_cut(bench: StoryBench, at_ms: int, name: str = "plan") -> None:
    """A cut at an instant, as its firmware wants it: written on a card, or in a window and signed by two."""
    if is_legacy(bench):
        bench.orders.bring(ProgrammedCutSpec(name, at_ms, None, None))
        return
    permit(bench, Window(at_ms, at_ms + PLAN_MS))
    bench.orders.bring(ProgrammedCutSpec(name, None, at_ms, at_ms + PLAN_MS))


def at(bench: StoryBench, after_ms: int) -> UtcMs:
    """An instant so long after now."""
    return UtcMs(bench.now_ms + after_ms)


def cents(bench: StoryBench, key: str = "balance_eur") -> int:
    """A sum that the console's line `balance` tells, in whole cents."""
    return int(Decimal(bench.word("balance", key)) * _CENTS)
