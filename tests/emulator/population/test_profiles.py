"""The shipped profiles are what the domain reference says, and a scenario can override every key."""

import dataclasses
import json
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.profile import EmergencyStart, Profile, Reconnect
from emulator.population.profile_form import ALL_KEYS, PROFILE_KEYS, TARIFF_KEYS, read_profile, values_of
from emulator.population.shipped import shipped_profiles
from emulator.scenario.form import read_scenario
from emulator.scenario.shipped import library
from protocols.cutting.rules import parse_rule
from protocols.cutting.zones import load_zone
from protocols.errors import InputError
from protocols.reasons import Energy
from protocols.units import QUANTA_PER_EUR

NAMES = ("wallonia-card-2020", "flanders-digital", "smets2-like", "wallonia-smart")

# name, energy: emergency credit in euro, how it starts, how supply comes back, low credit in euro, debt share
LEDGER = """
wallonia-card-2020 electricity 12 button    close 0  0
wallonia-card-2020 gas         15 button    arm   0  0
wallonia-smart     electricity 15 automatic close 0  0
wallonia-smart     gas         15 automatic arm   0  0
flanders-digital   electricity 50 automatic arm   5 35
flanders-digital   gas         50 automatic arm   5 35
smets2-like        electricity 10 button    arm   2  0
smets2-like        gas         10 button    arm   2  0
"""

SCENARIO = """
[scenario]
name = "overrides"
start = 2020-07-02T22:00:00Z
end = 2020-07-03T22:00:00Z
[[meters]]
id = "e"
firmware = "guarded"
balance_eur = "0"
[[meters]]
id = "g"
firmware = "guarded"
energy = "gas"
balance_eur = "0"
[[meters]]
id = "s"
firmware = "guarded"
profile = "wallonia-smart"
balance_eur = "0"
"""


def of(name: str, energy: str = "electricity") -> Profile:
    return shipped_profiles()[name].of(Energy(energy))


def overridden(text: str) -> dict[str, Profile]:
    """The profile of each meter of the scenario above with some more TOML."""
    scenario = read_scenario(SCENARIO + text, "x.toml", shipped_profiles(), ())
    return {meter.id: meter.profile for meter in scenario.meters}


@pytest.mark.parametrize("row", LEDGER.strip().splitlines())
def test_a_profile_is_what_the_domain_reference_says(row: str) -> None:
    name, energy, emergency, start, reconnect, low, share = row.split()
    profile = of(name, energy)
    assert (profile.name, profile.energy) == (name, Energy(energy))
    assert profile.emergency_credit_q == int(emergency) * QUANTA_PER_EUR
    assert profile.emergency_start is EmergencyStart(start)
    assert profile.arms == (Reconnect(reconnect) is Reconnect.ARM)
    assert profile.low_credit_q == int(low) * QUANTA_PER_EUR
    assert profile.debt_share_percent == int(share)
    assert profile.has_limiter == (energy == "electricity")


def test_the_four_profiles_of_the_design_ship_and_the_default_stands_first() -> None:
    assert tuple(shipped_profiles()) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("energy", ["electricity", "gas"])
def test_the_assumed_parameters_are_the_same_everywhere(name: str, energy: str) -> None:
    profile = of(name, energy)
    assert (profile.warning_s, profile.spread_max_s, profile.crystal_ppm) == (3_600, 3_600, 50)
    assert (profile.leak_test_s, profile.limiter_w) == (720, 2_300)
    assert load_zone(profile.zone).key == profile.zone


def test_friendly_hours_of_the_card_meter_are_evenings_nights_and_the_whole_weekend() -> None:
    rule = parse_rule(of("wallonia-card-2020").friendly)
    for weekday in range(7):
        for hour in range(24):
            friendly = weekday >= 5 or hour < 8 or hour >= 16
            assert rule.covers(weekday, hour * 3_600) == friendly


def test_every_parameter_of_a_profile_has_a_key_in_the_files() -> None:
    parameters = {field.name for field in dataclasses.fields(Profile)} - {"name", "energy"}
    assert {field for field, _ in ALL_KEYS.values()} == parameters
    assert len(ALL_KEYS) == len(parameters)


# A value of each key that no shipped profile has, and what it becomes.
OVERRIDES: dict[str, tuple[str, object]] = {
    "zone": ('"Europe/Lisbon"', "Europe/Lisbon"),
    "keypad": ("true", True),
    "emergency_credit_eur": ('"7.50"', 75 * QUANTA_PER_EUR // 10),
    "emergency_credit_start": ('"automatic"', EmergencyStart.AUTOMATIC),
    "reconnect": ('"arm"', Reconnect.ARM),
    "warning_s": ("0", 0),
    "spread_max_s": ("60", 60),
    "limiter_w": ("4600", 4_600),
    "leak_test_s": ("10", 10),
    "crystal_ppm": ("100", 100),
    "friendly": ('"daily 22:00-06:00"', "daily 22:00-06:00"),
    "low_credit_eur": ('"1.00"', QUANTA_PER_EUR),
    "debt_share_percent": ("20", 20),
}


@pytest.mark.parametrize("key", OVERRIDES)
def test_an_override_changes_its_key_for_both_energies_and_nothing_else(key: str) -> None:
    text, value = OVERRIDES[key]
    found = overridden(f"[profile.wallonia-card-2020]\n{key} = {text}\n")
    change: dict[str, Any] = {PROFILE_KEYS[key][0]: value}
    assert found["e"] == dataclasses.replace(of("wallonia-card-2020"), **change)
    assert found["g"] == dataclasses.replace(of("wallonia-card-2020", "gas"), **change)
    assert found["e"] != of("wallonia-card-2020")
    assert found["s"] == of("wallonia-smart")


def test_every_key_of_an_override_stands_in_the_table_above() -> None:
    assert set(OVERRIDES) == set(PROFILE_KEYS)


def test_friendly_hours_can_be_taken_away() -> None:
    assert overridden('[profile.wallonia-card-2020]\nfriendly = ""\n')["e"].friendly == ""


@given(price=st.integers(0, 10**6), fixed=st.integers(0, 10**6))
def test_a_tariff_holds_for_every_meter_to_the_micro_euro(price: int, fixed: int) -> None:
    text = f'[tariff]\neur_per_kwh = "0.{price:06}"\nfixed_eur_per_day = "0.{fixed:06}"\n'
    if max(price, fixed) == 10**6:
        text = text.replace("0.1000000", "1.000000")
    for profile in overridden(text).values():
        assert (profile.price_ueur_per_kwh, profile.fixed_ueur_per_day) == (price, fixed)


def test_half_a_tariff_leaves_the_other_half_as_shipped() -> None:
    found = overridden('[tariff]\nfixed_eur_per_day = "0.10"\n')
    assert [found[meter].price_ueur_per_kwh for meter in "egs"] == [250_000, 70_000, 250_000]
    assert TARIFF_KEYS.keys() == {"eur_per_kwh", "fixed_eur_per_day"}


def test_a_shipped_file_that_lacks_or_invents_a_key_is_refused() -> None:
    text = (resources.files("emulator.population.profiles") / "wallonia-smart.toml").read_text("utf-8")
    with pytest.raises(
        InputError, match=r"^p.toml: zone: missing for electricity; allowed: a value here or in "
    ):
        read_profile(text.replace("zone =", "#"), "p.toml", "p")
    with pytest.raises(InputError, match=r"^p.toml: gas.colour: unknown key; allowed: zone, "):
        read_profile(text + 'colour = "yellow"\n', "p.toml", "p")
    with pytest.raises(InputError, match=r"^p.toml: line 1, column 1: "):
        read_profile("=", "p.toml", "p")


def test_the_library_is_named_by_path_and_holds_texts() -> None:
    assert list(library()) == sorted(library())
    assert all(text.strip() and not name.endswith(".toml") for name, text in library().items())


@pytest.mark.parametrize("name", list(shipped_profiles()))
def test_the_values_of_a_profile_written_as_a_file_are_that_profile(name: str) -> None:
    data = shipped_profiles()[name]
    text = ""
    for energy in Energy:
        values = values_of(data.of(energy))
        text += f"[{energy}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    assert read_profile(text, "written.toml", name) == data
