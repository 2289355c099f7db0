"""`broker`: every test that asks for it runs against each broker that we name (design §5)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers.running import Embedded, Mosquitto, RunningBroker


@pytest.fixture(params=["embedded", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningBroker]:
    started: RunningBroker = Embedded() if request.param == "embedded" else Mosquitto(tmp_path)
    started.start()
    yield started
    started.stop()
