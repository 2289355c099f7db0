"""A kiosk hears of its refunds from the office, and says again what the office has lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from cardreader.card.store import WholeMemory
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.ports import Cash
from cardreader.kiosk.rules import PaymentClaim, PaymentState
from cardreader.kiosk.store import acknowledge, queue_outgoing, reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import OutgoingRow, TakenPaymentRow, UpChannel
from cardreader.kiosk.voiding import void
from cardreader.line.money import say_again_above, take_refund
from protocols.documents.till_receipts import RefundStanding
from protocols.instants import UtcMs
from protocols.link.kiosk_words import RefundTold
from tests.cardreader.kiosk.till_bench import CARD, EURO, NOW, Till
from tests.cardreader.one_card import METER, NOW_MS

AT = UtcMs(NOW_MS)


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    made = Till("k1", tmp_path)
    yield made
    made.engine.dispose()


def pay(till: Till, memory: WholeMemory, name: str, euro: int, claim: PaymentClaim) -> None:
    with till.serving(memory) as card:
        top_up(till.kiosk, card, name, euro * EURO, Cash(), NOW, claim)


def test_only_what_was_acknowledged_above_what_the_office_has_is_sent_again(till: Till) -> None:
    with writing_kiosk(till.engine) as session:
        for number in range(1, 6):
            assert queue_outgoing(session, UpChannel.RECEIPTS, b"{}", NOW_MS) == number
            if number != 5:
                acknowledge(session, number)
        assert say_again_above(session, 2) == 2
        assert say_again_above(session, 2) == 0
        assert say_again_above(session, 9) == 0
        rows = session.exec(select(OutgoingRow).where(OutgoingRow.acknowledged == 0)).all()
        assert {row.number for row in rows} == {3, 4, 5}


def test_the_end_of_a_refund_is_shown_said_once_and_stays(till: Till) -> None:
    memory = WholeMemory(CARD)
    pay(till, memory, "p1", 20, PaymentClaim.NEW)
    before = _outgoing(till)
    for standing in (RefundStanding.OWED, RefundStanding.PAID, RefundStanding.PAID, RefundStanding.OWED):
        with writing_kiosk(till.engine) as session:
            take_refund(session, till.kiosk.home, RefundTold("p1", METER, 20 * EURO, standing), AT)
            # Another sum under its id is another payment.
            take_refund(session, till.kiosk.home, RefundTold("p1", METER, 5 * EURO, standing), AT)
    with reading_kiosk(till.engine) as session:
        assert session.get_one(TakenPaymentRow, "p1").state == "refund"
    # A store that was put back to before the refund cannot give the money back a second time.
    with till.serving(memory) as card:
        undone = void(till.kiosk, "p1", card, Cash(), AT, refund=False)
    assert (undone.way, undone.is_new, undone.office) == ("refund", False, "paid")
    assert _outgoing(till) == before + 1


@pytest.mark.parametrize(
    ("state", "after", "said"),
    [
        (PaymentState.TAKEN, PaymentState.REFUND, 1),
        (PaymentState.COMMITTED, PaymentState.REFUND, 1),
        (PaymentState.REFUND, PaymentState.REFUND, 1),
        (PaymentState.VOIDED, PaymentState.VOIDED, 0),
        (PaymentState.DECLINED, PaymentState.DECLINED, 0),
    ],
)
def test_what_the_office_has_paid_back_is_signed_for_a_refund_alone(
    till: Till, state: PaymentState, after: PaymentState, said: int
) -> None:
    """One that was put back may hold it as taken, and would give it back freely."""
    pay(till, WholeMemory(CARD), "p1", 20, PaymentClaim.NEW)
    before = _outgoing(till)
    with writing_kiosk(till.engine) as session:
        session.get_one(TakenPaymentRow, "p1").state = state
        session.flush()
        take_refund(session, till.kiosk.home, RefundTold("p1", METER, 20 * EURO, RefundStanding.PAID), AT)
    with reading_kiosk(till.engine) as session:
        assert session.get_one(TakenPaymentRow, "p1").state == after
    assert _outgoing(till) == before + said


def _outgoing(till: Till) -> int:
    with reading_kiosk(till.engine) as session:
        return len(session.exec(select(OutgoingRow)).all())
