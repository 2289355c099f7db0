"""What became of each meter of a played scenario: a row per meter, and a row per further cut (design §9).

meter  cuts  when                     why             at the end
m1        0                                           on
old1      1  Thu 2020-07-02 23:01:00  programmed_cut  off
"""

from collections.abc import Iterator, Sequence
from typing import Final

from emulator.scenario.meter_play import MeterOutcome
from emulator.scenario.timeline import Part, Timeline
from protocols.instants import UtcMs
from protocols.reasons import Supply, SupplyReason

# Of a fleet, how many meters have a row, the meters that were cut first; and how many cuts of each.
METERS_SHOWN_MAX: Final = 30
CUTS_SHOWN_MAX: Final = 8
# A longer name stands on a line of its own: the rest still fits 80 columns.
NAME_CHARS_MAX: Final = 24

_WHEN_WIDTH: Final = len("Thu 2020-07-02 22:59:00")
_WHY_WIDTH: Final = max(len(reason) for reason in SupplyReason)


def summary(timeline: Timeline, outcomes: Sequence[MeterOutcome]) -> Iterator[list[Part]]:
    """The table, line by line."""
    shown = _shown(outcomes)
    names = {outcome.meter for outcome in shown}
    width = max(len("meter"), *(len(name) for name in names if len(name) <= NAME_CHARS_MAX), 0)
    yield [(f"{'meter':<{width}}  cuts  {'when':<{_WHEN_WIDTH}}  {'why':<{_WHY_WIDTH}}  at the end", "bold")]
    for outcome in shown:
        yield from _rows(timeline, outcome, width)
    others = [outcome for outcome in outcomes if outcome.meter not in names]
    if others:
        cut = sum(bool(outcome.cuts) for outcome in others)
        yield [(f"and {len(others):,} more meters: {cut:,} were cut, {len(others) - cut:,} were not", "dim")]


def _shown(outcomes: Sequence[MeterOutcome]) -> list[MeterOutcome]:
    """All of a few meters, in their order; of many the first, those that were cut before the others."""
    if len(outcomes) <= METERS_SHOWN_MAX:
        return list(outcomes)
    return sorted(outcomes, key=lambda outcome: not outcome.cuts)[:METERS_SHOWN_MAX]


def _rows(timeline: Timeline, outcome: MeterOutcome, width: int) -> Iterator[list[Part]]:
    name = outcome.meter
    if len(name) > width:
        yield [(name, "cyan")]
        name = ""
    cuts = outcome.cuts[:CUTS_SHOWN_MAX]
    head: list[Part] = [(f"{name:<{width}}  ", "cyan"), (f"{len(outcome.cuts):>4}  ", "")]
    end: Part = (str(outcome.supply), _style(outcome.supply))
    if not cuts:
        yield [*head, (" " * (_WHEN_WIDTH + _WHY_WIDTH + 4), ""), end]
    for number, cut in enumerate(cuts):
        blank: list[Part] = [(" " * (width + 8), "")]
        row = [*(blank if number else head), *_cut(timeline, outcome.meter, cut)]
        yield row if number else [*row, end]
    if len(outcome.cuts) > len(cuts):
        yield [(" " * (width + 8), ""), (f"and {len(outcome.cuts) - len(cuts):,} more", "dim")]


def _cut(timeline: Timeline, meter: str, cut: tuple[UtcMs, SupplyReason]) -> list[Part]:
    at_ms, reason = cut
    return [(timeline.when(meter, at_ms) + "  ", ""), (f"{reason:<{_WHY_WIDTH}}  ", "red")]


def _style(supply: Supply) -> str:
    return "bold red" if supply is Supply.OFF else "green" if supply is Supply.ON else "yellow"
