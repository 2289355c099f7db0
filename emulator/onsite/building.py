"""Which meter is put at its place: that of a scenario, or one that nothing happens to but its household."""

from emulator.firmware.profile import Profile
from emulator.forms.problems import perhaps
from emulator.scenario.form_meters import Firmware
from emulator.scenario.model import CardInSpec, EventSpec, MeterSpec, Scenario
from protocols.errors import InputError, quoted
from protocols.instants import DAY_MS, UtcMs
from protocols.limits import INSTANT_MS_MAX

# For so long the household's load goes up and down; then it stays as it is.
_LONE_LIFE_MS = 3_660 * DAY_MS
_IDS_SHOWN = 8


def lone_scenario(
    name: str,
    firmware: Firmware,
    profile: Profile,
    start_ms: UtcMs,
    *,
    balance_q: int,
    load_w: int | None,
    seed: int,
    card: str = "",
    home: str = "",
) -> Scenario:
    """One meter, its clock right at the start, its keys those of the seed. `load_w` None: a household's.

    `card`: the file of a card that is put in at the start.
    """
    spec = MeterSpec(name, firmware, profile, balance_q, load_w, (), 0)
    events = (EventSpec(start_ms, 0, (name,), CardInSpec(card, None)),) if card else ()
    end_ms = min(start_ms + _LONE_LIFE_MS, INSTANT_MS_MAX)
    return Scenario("", name, start_ms, end_ms, seed, (spec,), events, (), home=home)


def meter_of(scenario: Scenario, name: str | None) -> MeterSpec:
    """The meter of a scenario by its name; None: its only one. Raises InputError."""
    by_id = {spec.id: spec for spec in scenario.meters}
    if name is None and len(by_id) == 1:
        return scenario.meters[0]
    if name is not None and name in by_id:
        return by_id[name]
    shown = ", ".join(list(by_id)[:_IDS_SHOWN]) + (", ..." if len(by_id) > _IDS_SHOWN else "")
    found = "missing" if name is None else quoted(name)
    near = "" if name is None else perhaps(name, by_id)
    raise InputError(f"METER: {found}; allowed: a meter of {scenario.file}: {shown}{near}")
