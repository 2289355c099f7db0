"""The plan of a fleet: a meter's energy, drift, first credit and load, from a seed and the meter's name.

They depend on nothing else, so that adding a meter to a fleet changes no other. Pure.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from emulator.firmware.profile import Profile
from emulator.population.profile_form import ProfileData
from emulator.world.loads import QUARTER_MS, HouseholdLoad
from protocols.reasons import Energy
from protocols.units import QUANTA_PER_EUR

# One meter of this many measures gas: in 2012 about 20,000 of 77,000 active budget meters did.
_GAS_ONE_IN: Final = 5
# How much of its bound a crystal's rate may use: the bound must also hold in the cold.
_DRIFT_OF_BOUND_PERCENT: Final = 80
_BALANCE_CENT_MAX: Final = 60_00


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """The size, seed and profile of a fleet. `load_every_ms`: how often a household's load may change."""

    meters: int
    links: int
    seed: int
    profile: ProfileData
    load_every_ms: int = QUARTER_MS

    def ids(self) -> list[str]:
        return [f"m{number:05d}" for number in range(1, self.meters + 1)]

    def links_of(self) -> dict[str, list[str]]:
        """The meters of each link: meter 1 on link 1, meter 2 on link 2, and so on, again from link 1."""
        ids = self.ids()
        return {f"link-{number + 1}": ids[number :: self.links] for number in range(self.links)}


@dataclass(frozen=True, slots=True)
class HouseholdPlan:
    """The properties of one meter, from the seed. `balance_q` is its first credit."""

    id: str
    profile: Profile
    drift_ppm: int
    balance_q: int
    load: HouseholdLoad


def household_plan(plan: FleetPlan, meter: str) -> HouseholdPlan:
    """The plan of one meter; adding a meter changes no other."""
    digest = blake2b(f"{plan.seed}/{meter}".encode(), digest_size=12, person=b"fleet").digest()
    chances = [int.from_bytes(digest[at : at + 4], "big") for at in (0, 4, 8)]
    profile = plan.profile.of(Energy.GAS if chances[0] % _GAS_ONE_IN == 0 else Energy.ELECTRICITY)
    drift_max = profile.crystal_ppm * _DRIFT_OF_BOUND_PERCENT // 100
    return HouseholdPlan(
        meter,
        profile,
        chances[1] % (2 * drift_max + 1) - drift_max,
        (chances[2] % _BALANCE_CENT_MAX + 1) * QUANTA_PER_EUR // 100,
        HouseholdLoad(plan.seed, meter, profile.zone),
    )
