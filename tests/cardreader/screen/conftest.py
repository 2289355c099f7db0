"""The screen of a kiosk for practice, with a reader in which no card is yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cardreader.kiosk_screen import Kiosk, screen_of


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Kiosk]:
    with screen_of(tmp_path / "card.bin") as kiosk:
        yield kiosk
