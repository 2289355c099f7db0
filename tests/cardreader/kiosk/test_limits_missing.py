"""Limits that are gone read as no payment, never as no limits; supply comes back all the same."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from cardreader.card.store import WholeMemory
from cardreader.cli.desk import as_it_is_now
from cardreader.issuing.practice import practice_signer
from cardreader.kiosk.home import LIMITS_FILE, BrokerPlace, write_home
from cardreader.kiosk.ledger import open_payments
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.ports import Cash
from cardreader.kiosk.recovering import recover
from cardreader.kiosk.store import reading_kiosk
from protocols.documents.envelope import seal
from protocols.documents.kiosk_limits import KIOSK_LIMITS_TYPE, KioskLimits, write_limits
from protocols.errors import RefusedError
from protocols.instants import UtcMs
from tests.cardreader.kiosk.till_bench import CARD, EURO, HARM, NOW, Till, home_of
from tests.cardreader.one_card import METER, NOW_MS

REVOKED = seal(write_limits(KioskLimits(kiosk="k1", version=2, revoked=True)), KIOSK_LIMITS_TYPE, HARM)


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    """A kiosk with a line, which the office has revoked."""
    made = Till("k1", tmp_path)
    home = home_of("k1")
    form = msgspec.structs.replace(home.form, broker=BrokerPlace("broker.example"))
    written = write_home(replace(home, form=form, limits=REVOKED), tmp_path / "home")
    made.kiosk = replace(made.kiosk, home=written)
    yield made
    made.engine.dispose()


def refusal(till: Till) -> str:
    """Why no payment is taken; nothing is noted of it."""
    till.kiosk = as_it_is_now(till.kiosk)
    with till.serving(WholeMemory(CARD)) as card, pytest.raises(RefusedError) as refused:
        top_up(till.kiosk, card, "p1", 20 * EURO, Cash(), NOW)
    with reading_kiosk(till.engine) as store:
        assert open_payments(store) == []
    return str(refused.value)


@pytest.mark.parametrize("content", [None, b""])
def test_limits_that_are_gone_are_not_no_limits(till: Till, content: bytes | None) -> None:
    assert till.kiosk.home.folder is not None
    assert "(code K2)" in refusal(till)
    path = till.kiosk.home.folder / LIMITS_FILE
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert refusal(till).startswith("limits.json: missing or empty")
    with till.serving(WholeMemory(CARD)) as card:
        done = recover(till.kiosk, card, practice_signer("1", "anna"), 72, UtcMs(NOW_MS))
    assert done.order.scope.meters == (METER,)


def test_a_kiosk_without_a_line_has_no_limits(till: Till) -> None:
    home = replace(home_of("k1"), folder=None)
    assert replace(till.kiosk, home=home, limits=None).till_limits() is None
