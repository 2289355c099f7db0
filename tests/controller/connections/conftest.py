"""What is stored is tested on each database."""

import pytest
from sqlalchemy import Engine

from tests.controller.connections.bench import people


@pytest.fixture
def engine(any_store: Engine) -> Engine:
    return any_store


@pytest.fixture
def peopled(engine: Engine) -> Engine:
    """A household at m1, which has spoken, one whose meter is m2, and m7, which nobody's file names."""
    people(engine)
    return engine
