"""Days on which one rule of the firmware decides, as scenario files: what a file expects is what happens."""

from pathlib import Path

import pytest

from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.population.shipped import shipped_profiles
from emulator.scenario.commissioning import commission
from emulator.scenario.form import read_scenario
from emulator.scenario.player import play

FILES = sorted((Path(__file__).parent / "rules").glob("*.toml"))


def test_there_are_files() -> None:
    assert FILES


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_what_the_file_expects_is_what_happens(file: Path) -> None:
    scenario = read_scenario(file.read_text("utf-8"), file.name, shipped_profiles(), CATALOGUE)
    assert scenario.expects
    assert [failure.item for failure in play(scenario, commission).failures] == []
