"""Runs `relance-emulator` as it is, but with dear energy and a short warning: a cut needs no hours.

`python -m tests.kills.fleet_program ARGUMENTS` is the real entry point; only what the shipped profiles say
and what households draw is replaced. Some owe after some seconds, and are warned for one second.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from emulator import cli
from emulator.cli import fleet
from emulator.firmware.profile import Profile
from emulator.population.profile_form import ProfileData
from emulator.population.shipped import shipped_profiles
from emulator.world.loads import HouseholdLoad
from protocols.instants import UtcMs
from protocols.units import UEUR_PER_EUR

# The kind of meter that a fleet has by default.
PROFILE: Final = "wallonia-smart"
# Whatever the hour, every household draws as much: 1 € a second.
_LOAD_W: Final = 500
_EUR_PER_KWH: Final = 7_200


def dear_profiles() -> Mapping[str, ProfileData]:
    """The shipped profiles, with dear energy, a second's warning, no spread, and no emergency credit."""
    return {
        name: ProfileData(_dear(data.electricity), _dear(data.gas))
        for name, data in shipped_profiles().items()
    }


def _dear(profile: Profile) -> Profile:
    return replace(
        profile,
        price_ueur_per_kwh=_EUR_PER_KWH * UEUR_PER_EUR,
        emergency_credit_q=0,
        warning_s=1,
        spread_max_s=0,
    )


def _steady_w(household: HouseholdLoad, true_ms: UtcMs) -> int:
    del household, true_ms
    return _LOAD_W


def main() -> int:
    """Start the program with these profiles and loads."""
    HouseholdLoad.load_w = _steady_w  # type: ignore[assignment,method-assign] # the same at every instant
    fleet.shipped_profiles = dear_profiles  # type: ignore[assignment,attr-defined] # its own name for the function
    sys.argv[0] = "relance-emulator"
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
