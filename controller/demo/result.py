"""The result of a replay as plain data: the report is made from it alone. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from controller.demo import night
from controller.demo.camera import Change, Fleet
from controller.demo.card_fleet import WayBack
from controller.demo.card_households import ByCard
from controller.demo.population import TwinHousehold
from protocols.cutting.cut_calendar import compile_windows
from protocols.cutting.rules import parse_rule
from protocols.instants import MINUTE_MS
from protocols.reasons import Supply, SupplyReason
from protocols.spans import Window

_NIGHT_FROM_MS: Final = night.LIE_MS - 120 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Heard:
    """A wrong date that a guarded meter heard and refused, as the controller has stored it."""

    meter: str
    received_ms: int
    source: str
    offset_ms: int


@dataclass(frozen=True, slots=True)
class Confirmations:
    """How many meters of the guarded fleet have confirmed an order."""

    what: str
    at_ms: int
    stored: int
    meters: int


@dataclass(frozen=True, slots=True)
class Result:
    """One replay. `release_s`: by meter, seconds from the release's commit until its report was stored.

    `by_card`: the households whose guarded meter has a card alone; None where there are none.
    """

    seed: int
    meters: int
    broker: str
    homes: Sequence[TwinHousehold]
    changes: Sequence[Change]
    heard: Sequence[Heard]
    reached: Sequence[Confirmations]
    ways_back: Sequence[WayBack]
    planned: frozenset[str]
    wrong_scope: frozenset[str]
    meant: frozenset[str]
    off_before_release: frozenset[str]
    release_s: dict[str, float]
    refused_plan: tuple[str, ...]
    paid_ueur: int
    credited_ueur: int
    messages: dict[str, int]
    steps: int
    wall_seconds: float
    decisions_sha256: str
    version: str = ""
    findings: tuple[str, ...] = field(default=())
    by_card: ByCard | None = None

    @property
    def openings(self) -> list[Change]:
        """Every cut of both fleets, by time."""
        found = [change for change in self.changes if change.is_opening]
        return sorted(found, key=lambda each: (each.true_ms, each.meter))

    def cuts(self, fleet: Fleet) -> list[Change]:
        """The cuts of one fleet, by time."""
        return [each for each in self.openings if each.fleet is fleet]

    def early(self, fleet: Fleet) -> list[Change]:
        """Cuts for a planned date, before that date."""
        return [each for each in self.cuts(fleet) if is_early(each, self.planned)]

    def night_cuts(self, fleet: Fleet) -> list[Change]:
        """Early cuts of the night itself: from two hours before the wrong date until the offices open."""
        return [each for each in self.early(fleet) if _NIGHT_FROM_MS <= each.true_ms < night.NIGHT_ENDS_MS]

    @property
    def by_mistake(self) -> frozenset[str]:
        """Meters off before the release that were cut by the wrong list of act two, and were not meant."""
        cut = {
            each.meter
            for each in self.cuts(Fleet.GUARDED)
            if each.reason is SupplyReason.CUT_ORDER and each.true_ms >= night.WRONG_CUT_MS
        }
        return (self.off_before_release & self.wrong_scope & cut) - self.meant

    def dark(self, fleet: Fleet, at_ms: int) -> int:
        """How many households of a fleet have no supply at an instant.

        An armed meter counts: without a press of the button there is no supply.
        """
        state: dict[str, bool] = {}
        for change in sorted(self.changes, key=lambda each: each.true_ms):
            if change.fleet is fleet and change.true_ms <= at_ms:
                state[change.meter] = change.after in {Supply.OFF, Supply.ARMED}
        return sum(state.values())


def is_early(change: Change, planned: frozenset[str]) -> bool:
    """Whether a meter opened for a programmed or ordered cut before that cut's own instant."""
    if change.fleet is Fleet.LEGACY:
        return change.reason is SupplyReason.PROGRAMMED_CUT and change.true_ms < night.PLANNED_CUT_MS
    if change.reason is not SupplyReason.CUT_ORDER:
        return False
    due_ms = night.PLANNED_CUT_MS if change.meter in planned else night.WRONG_CUT_MS
    return change.true_ms < due_ms


def windows() -> tuple[Window, ...]:
    """The windows of the guarded fleet's calendar."""
    rule = parse_rule(night.CALENDAR_RULE)
    return compile_windows(rule, night.ZONE, "BE", night.START_MS, night.CALENDAR_UNTIL_MS)


def inside_window(instant_ms: int, allowed: Sequence[Window]) -> bool:
    """Whether an instant lies in one of the windows."""
    return any(window.start_ms <= instant_ms < window.end_ms for window in allowed)


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The nearest-rank percentile of values in any order; None of an empty list."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
