"""A kiosk whose store was put back hears from the office what its own key has signed, and of its refunds."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlmodel import select

from cardreader.card.store import WholeMemory
from cardreader.kiosk.ledger import TillPurse, account_of, found_in
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.ports import Cash
from cardreader.kiosk.rules import PaymentClaim
from cardreader.kiosk.store import acknowledge, queue_outgoing, reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import OutgoingRow, StatementRow, TakenPaymentRow, UpChannel
from cardreader.kiosk.voiding import void
from cardreader.line.money import say_again_above, take_refund, take_statement
from protocols.documents import drafting
from protocols.documents.envelope import Signer, WireEnvelope, seal
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.documents.till_receipts import RefundStanding
from protocols.errors import RefusedError
from protocols.instants import UtcMs
from protocols.link.kiosk_words import RefundTold, StatementTold
from tests.cardreader.kiosk.till_bench import CARD, EURO, NOW, SIGNERS, CreditMeter, Till
from tests.cardreader.one_card import METER, NOW_MS

AT = UtcMs(NOW_MS)
PURSE = TillPurse(METER, "k1", 1)


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    made = Till("k1", tmp_path)
    yield made
    made.engine.dispose()


def told(
    total: int, place: int = 1, number: int = 1, *, key: Signer = SIGNERS["k1"], epoch: int = 1
) -> StatementTold:
    """A statement as the office sends it down: of so many euro in all."""
    sheet = drafting.Sheet(f"s{number}", number, NOW_MS, "payment")
    order = drafting.payment_statement(sheet, METER, "k1", number, total * EURO, epoch=epoch)
    envelope = seal(write_document(order), ORDER_TYPE, [key])
    return StatementTold(place, msgspec.json.decode(envelope, type=WireEnvelope))


def hear(till: Till, *statements: StatementTold) -> tuple[int, int]:
    """What the store knows of the purse after it: all that counts, and what of it was found, in euro."""
    with writing_kiosk(till.engine) as session:
        for each in statements:
            take_statement(session, till.kiosk.home, each, AT)
    with reading_kiosk(till.engine) as session:
        return account_of(session, PURSE).counting_ueur // EURO, found_in(session, PURSE) // EURO


def pay(till: Till, memory: WholeMemory, name: str, euro: int, claim: PaymentClaim) -> None:
    with till.serving(memory) as card:
        top_up(till.kiosk, card, name, euro * EURO, Cash(), NOW, claim)


def test_a_kiosk_that_has_forgotten_all_serves_a_card_that_its_meter_is_ahead_of(
    till: Till, tmp_path: Path
) -> None:
    """Without the office that is K1: the card says more than the kiosk knows, and no statement proves it."""
    meter, memory = CreditMeter(), WholeMemory(CARD)
    pay(till, memory, "p1", 20, PaymentClaim.NEW)
    meter.visit(memory)
    (tmp_path / "later").mkdir()
    restored = Till("k1", tmp_path / "later")
    blank = WholeMemory(CARD)  # another card of the meter, with no statement on it
    meter.visit(blank)
    with pytest.raises(RefusedError, match="code K1"):
        pay(restored, blank, "p2", 30, PaymentClaim.NEW)
    assert hear(restored, told(20)) == (20, 20)
    pay(restored, blank, "p2", 30, PaymentClaim.NEW)
    meter.visit(blank)
    assert meter.credited_ueur == 50 * EURO
    pay(restored, blank, "p1", 20, PaymentClaim.AGAIN)
    meter.visit(blank)
    assert meter.credited_ueur == 50 * EURO
    restored.engine.dispose()


def test_a_statement_that_is_told_is_believed_once_and_by_the_kiosks_own_key_alone(till: Till) -> None:
    assert hear(till, told(90, 1, key=SIGNERS["k2"])) == (0, 0)
    assert hear(till, told(20, 2), told(20, 2), told(20, 3)) == (20, 20)
    assert hear(till, told(35, 4, 2), told(30, 5, 2)) == (35, 35)
    # One of a closed epoch is known, and adds nothing to this one.
    assert hear(till, told(70, 6, 9, epoch=0)) == (35, 35)
    with reading_kiosk(till.engine) as session:
        rows = session.exec(select(StatementRow)).all()
        assert {(row.epoch, row.number, row.total_ueur // EURO, row.offered) for row in rows} == {
            (1, 1, 20, 1),
            (1, 2, 35, 1),
            (0, 9, 70, 1),
        }


def test_what_this_store_signed_itself_is_no_money_that_was_found(till: Till) -> None:
    memory = WholeMemory(CARD)
    pay(till, memory, "p1", 20, PaymentClaim.NEW)
    pay(till, memory, "p2", 10, PaymentClaim.NEW)
    assert hear(till, told(20), told(30, 2, 2)) == (30, 0)


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


def _outgoing(till: Till) -> int:
    with reading_kiosk(till.engine) as session:
        return len(session.exec(select(OutgoingRow)).all())
