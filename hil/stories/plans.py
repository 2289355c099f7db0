"""What stories share: a cut at an instant, a window, honest witnesses, for either firmware; sums in cents."""

from decimal import Decimal
from typing import Final

from emulator.scenario.model import CutCalendarSpec, ProgrammedCutSpec, WitnessSpec
from hil.capabilities import Authorities, JournalReader
from hil.stories.stage import StoryBench
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS, UtcMs, iso_or_none
from protocols.link.records import ClaimHeard
from protocols.reasons import ClaimSource, Source
from protocols.spans import Window

LEGACY: Final = "legacy-2020"
AUTHORITIES: Final = (Source.HEADEND, Source.TIMESERVER)
# For so long a planned cut may be carried out. A meter's spread takes a quarter of that at most (design §4.2,
# rule 6): so the cut can come within the five minutes of requirement I7.
PLAN_MS: Final = 16 * MINUTE_MS
# Where the warning has to run once more: it takes an hour, and the spread of so long a window another one.
LONG_PLAN_MS: Final = 4 * HOUR_MS
_CENTS: Final = 100


def is_legacy(bench: StoryBench) -> bool:
    """Whether the meter obeys any date, and reads cards of 2020."""
    return bench.word("identity", "firmware") == LEGACY


def bring_date(bench: StoryBench, date_ms: int) -> None:
    """A date that nobody has signed reaches the meter; its black box says so, where a bench can read it."""
    bench.clock_fault.set_date(UtcMs(date_ms))
    _check_heard(bench, ClaimSource.UNSIGNED, date_ms)


def tell_time(bench: StoryBench, *sources: Source, offset_ms: int = 0, fresh: bool = True) -> None:
    """Each of these says what time it is, or lies by an offset; the meter hears it."""
    for source in sources or AUTHORITIES:
        bench.authorities.tell(WitnessSpec(source, offset_ms, None, fresh=fresh, spread_ms=SECOND_MS))
        _check_heard(bench, ClaimSource(source), bench.now_ms + offset_ms)


def _check_heard(bench: StoryBench, source: ClaimSource, time_ms: int) -> None:
    """A word that never came would look like one that did no harm. A card meter writes down none."""
    if not bench.has(JournalReader) or is_legacy(bench):
        return
    heard = [
        (each.source, each.time_ms) for _, each in bench.journal.records() if isinstance(each, ClaimHeard)
    ]
    told = f"in the black box, {iso_or_none(time_ms)} by {source}"
    bench.check(told, expected=True, found=(source, time_ms) in heard)


def permit(bench: StoryBench, *windows: Window) -> None:
    """Two people permit cuts in these windows. Where there are authorities, both tell the time first."""
    if bench.has(Authorities):
        tell_time(bench)
    ends_ms = max(window.end_ms for window in windows)
    bench.orders.bring(CutCalendarSpec("bench", "UTC", "none", ends_ms, windows, names=()))


def plan_cut(bench: StoryBench, at_ms: int, name: str = "plan", lasts_ms: int = PLAN_MS) -> None:
    """A cut at an instant, as its firmware wants it: written on a card, or in a window and signed by two."""
    if is_legacy(bench):
        bench.orders.bring(ProgrammedCutSpec(name, at_ms, None, None))
        return
    permit(bench, Window(at_ms, at_ms + lasts_ms))
    bench.orders.bring(ProgrammedCutSpec(name, None, at_ms, at_ms + lasts_ms))


def at(bench: StoryBench, after_ms: int) -> UtcMs:
    """An instant so long after now."""
    return UtcMs(bench.now_ms + after_ms)


def cents(bench: StoryBench, key: str = "balance_eur") -> int:
    """A sum that the console's line `balance` tells, in whole cents."""
    return int(Decimal(bench.word("balance", key)) * _CENTS)
