"""The camera records every change of supply at the meters of both fleets, with its true instant.

It watches effects, not reports: so it sees what a meter did even where no report arrives. It decides nothing.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum, unique

from emulator.firmware.effects import Effect, SetSupply
from emulator.firmware.meter import Meter
from emulator.scenario.expectation import is_cut
from emulator.scenario.player import digest_of_decisions
from emulator.world.household import Household
from protocols.instants import HOUR_MS, SECOND_MS, UtcMs
from protocols.reasons import Supply, SupplyReason


@unique
class Fleet(StrEnum):
    """Both halves of the demo; the values stand in the report's data."""

    LEGACY = "legacy"
    GUARDED = "guarded"


@dataclass(frozen=True, slots=True)
class Change:
    """A meter's supply changed, at a true instant."""

    fleet: Fleet
    meter: str
    true_ms: UtcMs
    before: Supply
    after: Supply
    reason: SupplyReason

    @property
    def is_opening(self) -> bool:
        """Whether it is a cut: to `off`, for any cause but safety."""
        return is_cut(self.after, self.reason)

    @property
    def decision(self) -> str:
        """Its line in the digest `decisions_sha256`, as `emulator.scenario.player` writes it."""
        return f"{self.meter} {self.true_ms // SECOND_MS} opened {self.reason}\n"


class Camera:
    """All changes so far, in the order seen, and the supply of each fleet now."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.supply: dict[Fleet, Counter[Supply]] = {fleet: Counter() for fleet in Fleet}
        self.openings_by_hour: dict[Fleet, Counter[int]] = {fleet: Counter() for fleet in Fleet}

    def add(self, fleet: Fleet, meter: Meter) -> None:
        """Count the supply of a new meter."""
        self.supply[fleet][meter.glance.supply] += 1

    def see(self, fleet: Fleet, household: Household[Meter], effects: tuple[Effect, ...]) -> list[Change]:
        """Record the effects of a meter; returns the changes of supply among them."""
        seen = [
            Change(fleet, household.id, household.true_at(each.at_tick), each.before, each.after, each.reason)
            for each in effects
            if isinstance(each, SetSupply)
        ]
        for change in seen:
            self.changes.append(change)
            self.supply[fleet][change.before] -= 1
            self.supply[fleet][change.after] += 1
            if change.is_opening:
                self.openings_by_hour[fleet][change.true_ms // HOUR_MS] += 1
        return seen

    def openings(self, fleet: Fleet | None = None) -> list[Change]:
        """The cuts, by time and meter."""
        found = [each for each in self.changes if each.is_opening and fleet in {None, each.fleet}]
        return sorted(found, key=lambda each: (each.true_ms, each.meter))

    def decisions_sha256(self) -> str:
        """The digest over every cut of both fleets."""
        return digest_of_decisions(each.decision for each in self.changes if each.is_opening)
