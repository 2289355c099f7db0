"""The library's nights and faults of the card meter: each is there, and happens."""

import pytest

from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.population.shipped import shipped_profiles
from emulator.scenario.commissioning import commission
from emulator.scenario.form import read_scenario
from emulator.scenario.model import Scenario
from emulator.scenario.player import play
from emulator.scenario.shipped import library
from protocols.instants import iso_from_ms

FOLDER = "legacy/"
FILES = {name.removeprefix(FOLDER): text for name, text in library().items() if name.startswith(FOLDER)}
NIGHTS = [f"night-h{number}" for number in range(1, 10)]


def scenario(name: str) -> Scenario:
    return read_scenario(FILES[name], f"{FOLDER}{name}.toml", shipped_profiles(), CATALOGUE)


def openings(name: str) -> set[str]:
    """Who opened when and why, as `meter instant reason`."""
    return {
        f"{item.meter} {iso_from_ms(item.true_ms)} {item.fields['reason']}"
        for item in play(scenario(name), commission).items
        if item.event == "supply" and item.fields["to"] == "off"
    }


def test_there_is_a_night_for_each_hypothesis_and_a_file_for_each_fault() -> None:
    assert set(FILES) == {*NIGHTS, "resa-30-june", *(f"fault-{name}" for name in CATALOGUE)}


@pytest.mark.parametrize("name", FILES)
def test_what_the_file_expects_is_what_happens(name: str) -> None:
    played = play(scenario(name), commission)
    assert scenario(name).expects
    assert [failure.item for failure in played.failures] == []


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_file_of_a_fault_plays_it_against_a_sound_meter(name: str) -> None:
    faulty = {spec.id: spec.faults for spec in scenario(f"fault-{name}").meters}
    assert faulty["faulty"] == (name,)
    assert faulty["sound"] == ()


# The histogram that the engineers of 2020 lacked: when the planned meters of each hypothesis open.
HISTOGRAM = {
    "night-h1": "2020-07-02T21:01:00Z",
    "night-h2": "2020-07-02T21:01:00Z",
    "night-h3": "2020-07-02T21:00:00Z",
    "night-h4": "2020-07-02T22:00:00Z",
    "night-h5": "2020-07-02T21:01:00Z",
    "night-h6": "2020-07-02T20:00:00Z",
    "night-h7": "2020-07-02T21:01:00Z",
    "night-h8": "2020-07-02T21:01:00Z",
    "night-h9": "2020-07-03T19:01:00Z",
}


@pytest.mark.parametrize("night", NIGHTS)
def test_each_hypothesis_opens_when_it_predicts_and_a_sound_meter_on_the_day(night: str) -> None:
    assert openings(night) == {
        f"planned {HISTOGRAM[night]} programmed_cut",
        "sound 2020-07-03T21:01:00Z programmed_cut",
    }


def test_the_thirtieth_of_june_opened_at_nine_as_it_was_meant_to() -> None:
    assert openings("resa-30-june") == {"waiting 2020-06-30T07:00:00Z programmed_cut"}
