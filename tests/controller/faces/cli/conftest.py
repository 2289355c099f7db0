"""A home with three operators, three meters and a service that serves, copied for each test that writes."""

import shutil
from pathlib import Path

import pytest

from tests.controller.faces.cli.fleet import seed_meters, seed_service
from tests.controller.faces.cli.invocation import found_home

METERS = ("m00001", "m00002", "m00003")


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that is made once, and only read."""
    home = tmp_path_factory.mktemp("seeded") / "home"
    found_home(home)
    seed_meters(home, *METERS)
    seed_service(home)
    return home


@pytest.fixture
def home(seeded: Path, tmp_path: Path) -> Path:
    """A copy of its own for each test."""
    home = tmp_path / "home"
    shutil.copytree(seeded, home)
    return home
