"""The screen of a kiosk for practice, with a reader in which no card is yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cardreader.kiosk_screen import Counter, screen_of


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    with screen_of(tmp_path / "card.bin") as counter:
        yield counter
