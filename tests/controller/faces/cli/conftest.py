"""A home with three operators and three meters, for tests to write into."""

import shutil
from pathlib import Path

import pytest

from tests.controller.faces.cli.fleet import seed_meters
from tests.controller.faces.cli.invocation import found_home

METERS = ("m00001", "m00002", "m00003")


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; never written to."""
    place = tmp_path_factory.mktemp("seeded") / "home"
    found_home(place)
    seed_meters(place, *METERS)
    return place


@pytest.fixture
def home(seeded: Path, tmp_path: Path) -> Path:
    """A copy of its own for each test."""
    place = tmp_path / "home"
    shutil.copytree(seeded, place)
    return place
