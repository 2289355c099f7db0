"""Which step of a payment is missing, by the documents on a card and the words of its meter."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.files.documents import Words
from cardreader.files.layout import ORDERS, STATEMENTS, CardFile
from cardreader.files.meter_state import MeterState, StateWord, state_word
from cardreader.loading.contents import CardContents
from cardreader.loading.progress import progress_of, waiting
from protocols.documents import drafting
from protocols.documents.envelope import Signer, document_digest, seal
from protocols.documents.orders import ORDER_TYPE, Order, write_document
from protocols.instants import DAY_MS
from protocols.link.messages import Receipt, StatementHeld, write_report
from protocols.reasons import ClockStatus, OrderVerdict, Supply, SupplyReason
from tests.cardreader.one_card import METER, NOW_MS, SERIAL

KEY = b"k" * 32
SHEET = drafting.Sheet("o1", 1, NOW_MS, "basis")
EMPTY = CardContents(None, None, {}, StateWord(), Words(), Words(), Words(), (), ())


def signed(order: Order) -> bytes:
    return seal(write_document(order), ORDER_TYPE, [Signer.from_seed(bytes(32))])


def statement(total_ueur: int, epoch: int = 0) -> bytes:
    return signed(drafting.payment_statement(SHEET, METER, "office-1", 1, total_ueur, epoch=epoch))


HOLD = signed(drafting.declare_moratorium(SHEET, "frost", NOW_MS, NOW_MS + DAY_MS))


def said(*totals: tuple[int, int]) -> StateWord:
    """A meter's state with these totals of `office-1`, each with its epoch."""
    state = MeterState(
        card=SERIAL.hex(),
        pairing=1,
        meter=METER,
        epoch=7,
        number=1,
        time_ms=NOW_MS,
        energy_wh=0,
        balance_ueur=0,
        emergency_ueur=0,
        supply=Supply.ON,
        reason=SupplyReason.NONE,
        code="",
        clock=ClockStatus.TRUSTED,
        earliest_ms=NOW_MS,
        latest_ms=None,
        journal=1,
        journal_hash="a" * 64,
        totals=tuple(StatementHeld("office-1", 1, total_ueur, epoch) for total_ueur, epoch in totals),
    )
    return state_word(state, KEY)


def receipt(document: bytes, verdict: OrderVerdict = OrderVerdict.ACCEPTED) -> bytes:
    answer = Receipt(
        meter=METER,
        order="o1",
        kind="hold",
        object="hold/frost",
        rev=1,
        verdict=verdict,
        reason="stored",
        number=1,
        document=document_digest(document),
    )
    return write_report(answer, KEY)


def card(state: StateWord, documents: dict[CardFile, bytes], *proofs: bytes) -> CardContents:
    return replace(EMPTY, state=state, documents=documents, proofs=Words(proofs))


@given(
    paid=st.integers(1, 1000),
    credited=st.integers(0, 1000),
    epochs=st.tuples(st.integers(0, 2), st.integers(0, 2)),
)
def test_a_statement_is_done_once_the_meters_total_of_its_epoch_includes_it(
    paid: int, credited: int, epochs: tuple[int, int]
) -> None:
    on_card = {STATEMENTS[0]: statement(paid, epochs[0])}
    progress = progress_of(card(said((credited, epochs[1])), on_card))
    is_done = credited >= paid and epochs[0] == epochs[1]
    assert progress.documents[0].is_done is is_done
    assert progress.waits is not is_done


@pytest.mark.parametrize("verdict", list(OrderVerdict))
def test_an_order_is_done_once_the_meter_has_answered_this_very_document(verdict: OrderVerdict) -> None:
    other = signed(drafting.declare_moratorium(SHEET, "frost", NOW_MS, NOW_MS + 2 * DAY_MS))
    on_card = {ORDERS[0]: HOLD}
    assert progress_of(card(said(), on_card, receipt(other))).waits
    answered = progress_of(card(said(), on_card, b"garbage", receipt(HOLD, verdict)))
    assert (answered.waits, answered.documents[0].verdict) == (False, verdict)


@given(paid=st.integers(1, 1000), credited=st.integers(0, 1000), verdict=st.sampled_from(OrderVerdict))
def test_a_payment_is_owed_while_the_meter_has_refused_it_and_not_credited_it(
    paid: int, credited: int, verdict: OrderVerdict
) -> None:
    document = statement(paid)
    (found,) = progress_of(
        card(said((credited, 0)), {STATEMENTS[0]: document}, receipt(document, verdict))
    ).documents
    assert found.is_owed is (verdict is OrderVerdict.REFUSED and credited < paid)


def test_nobody_waits_for_garbage() -> None:
    progress = progress_of(card(said(), {ORDERS[0]: b"\xff"}))
    assert (progress.waits, progress.documents[0].kind) == (False, "unreadable")


def test_what_waits_for_the_meter_stays_but_for_what_is_replaced() -> None:
    on_card = {STATEMENTS[0]: statement(30), ORDERS[0]: HOLD, ORDERS[1]: b"\xff"}
    assert waiting(card(said(), on_card), ()) == (statement(30), HOLD)
    assert waiting(card(said(), on_card), (statement(50),)) == (HOLD,)
    assert waiting(card(said((30, 0)), on_card, receipt(HOLD)), ()) == ()
