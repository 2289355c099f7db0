"""Views of a meter for tests of its faces: one that runs, and what can be changed of what it shows."""

from dataclasses import replace

from emulator.faces.view import FaceView
from emulator.firmware.readout import Glance
from emulator.onsite.building import lone_scenario
from emulator.onsite.installed import InstalledMeter
from emulator.population.shipped import profile_named
from emulator.scenario.form_meters import Firmware
from protocols.instants import UtcMs, ms_from_iso
from protocols.reasons import Energy, Supply, SupplyReason
from protocols.units import quanta_from_eur

SUMMER_MS = ms_from_iso("2020-07-02T23:00:59+02:00")


def installed(
    *,
    energy: Energy = Energy.ELECTRICITY,
    firmware: Firmware = "guarded",
    load_w: int | None = 1_000,
    balance_eur: str = "20.00",
    start_ms: UtcMs = SUMMER_MS,
    profile: str = "wallonia-smart",
) -> InstalledMeter:
    """A meter that has just begun."""
    scenario = lone_scenario(
        "m1",
        firmware,
        profile_named(profile, energy),
        start_ms,
        balance_q=quanta_from_eur(balance_eur),
        load_w=load_w,
        seed=1,
    )
    return InstalledMeter(scenario, scenario.meters[0])


def view(*, energy: Energy = Energy.ELECTRICITY, profile: str = "wallonia-smart") -> FaceView:
    """What a meter shows at its beginning."""
    return installed(energy=energy, profile=profile).view()


def with_supply(shown: FaceView, supply: Supply, reason: SupplyReason = SupplyReason.NONE) -> FaceView:
    """The same, with another supply."""
    glance: Glance = shown.readout.glance._replace(supply=supply, reason=reason)
    return replace(shown, readout=replace(shown.readout, glance=glance))
