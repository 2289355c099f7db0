"""Who a fleet's meters are: everything follows from a seed and a meter's name, and from nothing else.

Energy, drift, first credit and load of a meter: adding a meter to a fleet changes no other. Pure.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from emulator.firmware.profile import Profile
from emulator.population.profile_form import ProfileData
from emulator.world.loads import QUARTER_MS, HouseholdLoad
from protocols.reasons import Energy
from protocols.units import QUANTA_PER_EUR

# One meter in so many measures gas: about as in 2012, with 20,000 of 77,000 active ones (domain.md §1.1.5).
_GAS_ONE_IN: Final = 5
# How far of its bound a crystal may be off: the bound has to hold in the cold as well.
_DRIFT_OF_BOUND_PERCENT: Final = 80
_BALANCE_CENT_MAX: Final = 60_00


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What a fleet is made of. `load_every_ms`: how often a household's load may change."""

    meters: int
    links: int
    seed: int
    profile: ProfileData
    load_every_ms: int = QUARTER_MS

    def ids(self) -> list[str]:
        return [f"m{number:05d}" for number in range(1, self.meters + 1)]

    def links_of(self) -> dict[str, list[str]]:
        """The meters of each link, dealt out in turn."""
        ids = self.ids()
        return {f"link-{number + 1}": ids[number :: self.links] for number in range(self.links)}


@dataclass(frozen=True, slots=True)
class HouseholdPlan:
    """What the seed says of one meter. `balance_q` is its first credit."""

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
