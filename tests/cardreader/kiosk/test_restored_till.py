"""A kiosk's store is put back to earlier copies: total paid is total credited all the same (0062)."""

import contextlib
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardreader.card.store import WholeMemory
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.ports import Cash
from cardreader.kiosk.rules import PaymentClaim, VoidWay, drawn_from_found
from cardreader.kiosk.voiding import void
from protocols.errors import RefusedError
from protocols.instants import UtcMs
from tests.cardreader.kiosk.till_bench import CARD, EURO, NOW, CreditMeter, Killed, Till
from tests.cardreader.one_card import NOW_MS

STEPS = st.one_of(st.none(), st.integers(0, 120))
DEEDS = st.one_of(
    st.tuples(st.just("pay"), st.integers(5, 250), STEPS),
    st.tuples(st.sampled_from(["meter", "copy", "restore", "restore"]), st.just(0), st.none()),
)


class _Restored:
    """One kiosk, one card, one meter, and the copies of the kiosk's store."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.memory, self.meter = folder, WholeMemory(CARD), CreditMeter()
        self.till = Till("k1", folder)
        self.paid: dict[str, int] = {}
        self.copy_store()

    def pay(self, name: str, euro: int, claim: PaymentClaim, steps: int | None = None) -> None:
        self.paid[name] = euro
        with self.till.serving(self.memory, steps) as card:
            top_up(self.till.kiosk, card, name, euro * EURO, Cash(), NOW, claim)

    def copy_store(self) -> None:
        (self.folder / "copy.db").unlink(missing_ok=True)
        with (
            contextlib.closing(sqlite3.connect(self.folder / "k1.db")) as store,
            contextlib.closing(sqlite3.connect(self.folder / "copy.db")) as copy,
        ):
            store.backup(copy)

    def restore(self) -> None:
        self.till.engine.dispose()
        for each in self.folder.glob("k1.db*"):
            each.unlink()
        (self.folder / "k1.db").write_bytes((self.folder / "copy.db").read_bytes())
        self.till = Till("k1", self.folder)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.lists(DEEDS, max_size=12))
def test_what_is_entered_again_is_credited_once(deeds: list[tuple[str, int, int | None]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = _Restored(Path(folder))
        for number, (deed, euro, steps) in enumerate(deeds):
            if deed == "pay":
                with contextlib.suppress(Killed):
                    desk.pay(f"p{number}", euro, PaymentClaim.NEW, steps)
            elif deed == "meter":
                desk.meter.visit(desk.memory)
            elif deed == "copy":
                desk.copy_store()
            else:
                desk.restore()
            assert desk.meter.credited_ueur <= sum(desk.paid.values()) * EURO
        # With the receipts in hand, each payment is entered again; what the store knows is only repeated.
        for name, euro in desk.paid.items():
            desk.pay(name, euro, PaymentClaim.AGAIN)
        desk.meter.visit(desk.memory)
        assert desk.meter.credited_ueur == sum(desk.paid.values()) * EURO
        desk.till.engine.dispose()


def test_nobody_guesses_and_what_was_found_is_given_back_by_the_office_alone(tmp_path: Path) -> None:
    desk = _Restored(tmp_path)
    desk.pay("p1", 20, PaymentClaim.UNSAID)
    desk.restore()
    with pytest.raises(RefusedError, match="say --again if this payment was made before"):
        desk.pay("p1", 20, PaymentClaim.UNSAID)
    desk.pay("p1", 20, PaymentClaim.AGAIN)
    with desk.till.serving(desk.memory) as card:
        undone = void(desk.till.kiosk, "p1", card, Cash(), UtcMs(NOW_MS), refund=True)
    assert undone.way is VoidWay.REFUND
    desk.till.engine.dispose()


@pytest.mark.parametrize(
    ("paid", "found", "claim", "drawn"),
    [
        (20, 50, PaymentClaim.AGAIN, 20),
        (20, 5, PaymentClaim.AGAIN, 5),
        (20, 0, PaymentClaim.AGAIN, 0),
        (20, 50, PaymentClaim.NEW, 0),
        (20, 19, PaymentClaim.UNSAID, 0),
    ],
)
def test_how_much_was_found_before(paid: int, found: int, claim: PaymentClaim, drawn: int) -> None:
    assert drawn_from_found(paid, found, claim) == drawn
