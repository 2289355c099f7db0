"""Refunds that kiosks have booked as owed: each is one, whatever comes twice, late or after a restore."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Engine
from sqlmodel import Session, select

from cardreader.issuing.practice import practice_signer
from controller.database.engine import writing
from controller.database.kiosk_tables import KioskReceiptRow, KioskRefundRow, KioskRow
from controller.database.tables import DeliveryRow, OrderRow
from controller.exchange.words import IntakeRefusal
from controller.kiosks.answering import answers_to
from controller.kiosks.paying_back import RefundClaim, paid, pay_back, reject
from controller.kiosks.refunds import list_receipts, list_refunds, told_to
from controller.kiosks.rules import RefundState, refund_state
from controller.office.people import Actor
from controller.orders.acting import Act
from controller.orders.life import DeliveryState, OrderState
from protocols.documents.envelope import Signer, seal
from protocols.documents.till_receipts import (
    TILL_RECEIPT_TYPE,
    PaymentMeans,
    RefundStanding,
    TillDeed,
    TillReceipt,
    write_till_receipt,
)
from protocols.errors import RefusedError
from protocols.link.keys import kiosk_key
from protocols.link.kiosk_words import (
    KioskOrders,
    KioskStatus,
    RefundTold,
    read_word,
    refunds_digest,
)
from protocols.link.topics import Channel
from protocols.units import UEUR_PER_EUR
from tests.controller.kiosks.office import (
    EPOCH,
    FLEET,
    KEY,
    KIOSK,
    NOW_MS,
    OFFICE,
    ROOT,
    THIEF,
    add_kiosk,
    item,
    root_sent,
    statement,
    take,
)

E = UEUR_PER_EUR


def receipt(
    deed: TillDeed,
    payment: str = "p1",
    eur: int = 20,
    *,
    meter: str = "m1",
    at_ms: int = NOW_MS,
    key: Signer = KEY,
    number: int = 0,
) -> bytes:
    """A receipt as a kiosk signs it. `number`: of the statement that carried the payment."""
    said_of = TillReceipt(
        kiosk=KIOSK,
        deed=deed,
        payment=payment,
        meter=meter,
        card="",
        issuer=OFFICE,
        epoch=EPOCH,
        amount_ueur=eur * E,
        means=PaymentMeans.CASH,
        clerk="anna",
        number=number,
        at_ms=at_ms,
    )
    return seal(write_till_receipt(said_of), TILL_RECEIPT_TYPE, [key])


def came(session: Session, number: int, *bodies: bytes) -> None:
    """Receipts come, from this number of an item on."""
    for place, body in enumerate(bodies):
        assert not take(session, item(body, number + place, Channel.KIOSK_RECEIPTS)).refused


def act_of(session: Session, name: str = "dora") -> Act:
    return Act(session, ROOT, Actor(name, practice_signer("office", name)), NOW_MS, "refund")


def state_now(session: Session) -> RefundState:
    (found,) = list_refunds(session)
    return found.state


def told(session: Session) -> list[RefundTold]:
    return told_to(session, session.get_one(KioskRow, KIOSK))


def answered(session: Session, status: KioskStatus) -> list[KioskOrders]:
    """What the kiosk is told when it says how it stands."""
    row = session.get_one(KioskRow, KIOSK)
    words = answers_to(session, row, status, [], FLEET, root_sent(), echo=True)
    found = [
        read_word(each, KioskOrders, KIOSK, kiosk_key(FLEET, KIOSK))
        for each in words
        if b"payloadType" not in each[:40]
    ]
    return [each for each in found if isinstance(each, KioskOrders)]


def status(refunds: str = refunds_digest([])) -> KioskStatus:
    """How a kiosk says that it stands: it holds every document, and has forgotten nothing."""
    return KioskStatus(
        kiosk=KIOSK, online=True, sequence=1, limits=1, root=1, issuers=2, generation=1, refunds=refunds
    )


def answer_of_meter(session: Session, delivery: DeliveryState) -> None:
    """The latest refund is signed by a second person, and the meter answers so."""
    (row, *_) = session.exec(select(OrderRow).order_by(OrderRow.id.desc())).all()  # type: ignore[attr-defined]
    row.state = OrderState.ACTIVE
    session.add(row)
    session.merge(DeliveryRow(order_id=row.id, meter="m1", state=delivery, queued_ms=NOW_MS))
    session.flush()


DEEDS = st.lists(
    st.tuples(st.sampled_from([TillDeed.TAKEN, TillDeed.WRITTEN, TillDeed.REFUND]), st.integers(1, 3)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(DEEDS, st.data())
def test_a_refund_is_one_however_often_and_in_whatever_order_it_is_said(
    engine: Engine, deeds: list[tuple[TillDeed, int]], data: st.DataObject
) -> None:
    """A kiosk that was put back signs the same refund at another time: it is the same."""
    with Session(engine) as session:
        if session.get(KioskRow, KIOSK) is None:
            session.close()
            add_kiosk(engine)
        said_at = [(deed, number, data.draw(st.integers(0, 2))) for deed, number in deeds]
        for place, (deed, number, later) in enumerate([*said_at, *reversed(said_at)]):
            came(session, place + 1, receipt(deed, f"p{number}", number * 5, at_ms=NOW_MS + later))
        wanted = {number for deed, number in deeds if deed is TillDeed.REFUND}
        assert {each.payment for each in list_refunds(session)} == {f"p{number}" for number in wanted}
        assert sum(each.amount_ueur for each in list_refunds(session)) == sum(wanted) * 5 * E
        assert len(list_receipts(session)) == len({(deed, number, later) for deed, number, later in said_at})
        session.rollback()


def test_nobody_asks_for_a_refund_without_the_kiosks_key(engine: Engine) -> None:
    add_kiosk(engine)
    with writing(engine) as session:
        forged = take(session, item(receipt(TillDeed.REFUND, key=THIEF), 1, Channel.KIOSK_RECEIPTS))
        assert forged.refused == {IntakeRefusal.NOT_AUTHENTIC: 1}
        assert (list_refunds(session), session.exec(select(KioskReceiptRow)).all()) == ([], [])


def test_a_refund_from_the_kiosk_to_the_household_and_back_to_the_kiosk(engine: Engine) -> None:
    add_kiosk(engine)
    with writing(engine) as session:
        take(session, item(statement("m1", 1, 20), 1))
        came(session, 2, receipt(TillDeed.TAKEN), receipt(TillDeed.REFUND))
        assert told(session) == [RefundTold("p1", "m1", 20 * E, RefundStanding.OWED)]
        with pytest.raises(RefusedError, match="it is owed; allowed: once meter m1"):
            paid(act_of(session), KIOSK, "p1", None, "transfer 7")
        row, order = pay_back(act_of(session), KIOSK, "p1", None, RefundClaim.UNSAID)
        assert order is not None
        assert (row.orders, state_now(session)) == (order.order.id, RefundState.ORDERED)
        for again in (RefundClaim.UNSAID, RefundClaim.NEW, RefundClaim.AGAIN):
            with pytest.raises(RefusedError, match="it is ordered"):
                pay_back(act_of(session), KIOSK, "p1", None, again)
        with pytest.raises(RefusedError, match="it is ordered; allowed: owed, refused"):
            reject(act_of(session), KIOSK, "p1", None, "no")
        answer_of_meter(session, DeliveryState.QUEUED)
        assert state_now(session) is RefundState.SENT
        answer_of_meter(session, DeliveryState.EFFECTIVE)
        assert state_now(session) is RefundState.TAKEN
        assert paid(act_of(session), KIOSK, "p1", None, "transfer 7")
        assert not paid(act_of(session), KIOSK, "p1", None, "transfer 8")
        (found,) = list_refunds(session)
        assert (found.state, found.proof, found.ended_by) == (RefundState.PAID, "transfer 7", "dora")
        assert list_refunds(session, ended=False) == []
        assert told(session) == [RefundTold("p1", "m1", 20 * E, RefundStanding.PAID)]


def test_what_the_meter_refuses_is_owed_as_before_and_what_is_rejected_stays(engine: Engine) -> None:
    add_kiosk(engine)
    with writing(engine) as session:
        take(session, item(statement("m1", 1, 20), 1))
        came(session, 2, receipt(TillDeed.REFUND))
        pay_back(act_of(session), KIOSK, "p1", None, RefundClaim.UNSAID)
        answer_of_meter(session, DeliveryState.REFUSED)
        assert state_now(session) is RefundState.REFUSED
        pay_back(act_of(session), KIOSK, "p1", None, RefundClaim.UNSAID)
        answer_of_meter(session, DeliveryState.REFUSED)
        assert reject(act_of(session), KIOSK, "p1", None, "the purse is empty")
        assert reject(act_of(session, "eric"), KIOSK, "p1", None, "so it is")
        assert not reject(act_of(session), KIOSK, "p1", None, "again")
        came(session, 3, receipt(TillDeed.REFUND, at_ms=NOW_MS + 5))
        with pytest.raises(RefusedError, match="it is rejected"):
            pay_back(act_of(session), KIOSK, "p1", None, RefundClaim.NEW)
        assert told(session) == [RefundTold("p1", "m1", 20 * E, RefundStanding.REJECTED)]


# What the ledger holds of the kiosk for the meter, its refunds so far, the next one, and whether it may be.
BOUNDS = """
 0    |      | 20 | no
 20   |      | 20 | yes
 19   |      | 20 | no
 40   | 20   | 20 | yes
 39   | 20   | 20 | no
"""


@pytest.mark.parametrize("line", BOUNDS.strip().splitlines())
def test_no_more_is_paid_back_than_the_ledger_holds_of_the_kiosk(engine: Engine, line: str) -> None:
    booked, before, asked, allowed = (part.strip() for part in line.split("|"))
    add_kiosk(engine)
    with writing(engine) as session:
        if int(booked):
            take(session, item(statement("m1", 1, int(booked)), 1))
        if before:
            came(session, 2, receipt(TillDeed.REFUND, "p0", int(before)))
            pay_back(act_of(session), KIOSK, "p0", None, RefundClaim.UNSAID)
            answer_of_meter(session, DeliveryState.EFFECTIVE)
        came(session, 3, receipt(TillDeed.REFUND, "p1", int(asked)))
        if allowed == "yes":
            assert pay_back(act_of(session), KIOSK, "p1", None, RefundClaim.UNSAID)[1] is not None
        else:
            with pytest.raises(RefusedError, match="the ledger holds"):
                pay_back(act_of(session), KIOSK, "p1", None, RefundClaim.UNSAID)


@pytest.mark.parametrize("first", [TillDeed.VOIDED, TillDeed.REFUND])
def test_what_the_kiosk_gave_back_itself_is_not_paid_by_the_office_too(
    engine: Engine, first: TillDeed
) -> None:
    """A kiosk that was put back to before the refund may void the payment on the card that has it."""
    second = TillDeed.REFUND if first is TillDeed.VOIDED else TillDeed.VOIDED
    add_kiosk(engine)
    with writing(engine) as session:
        take(session, item(statement("m1", 1, 20), 1))
        came(session, 2, receipt(first), receipt(second))
        assert (state_now(session), told(session)) == (RefundState.VOIDED, [])
        with pytest.raises(RefusedError, match="gave the money back itself"):
            pay_back(act_of(session), KIOSK, "p1", None, RefundClaim.UNSAID)
        assert reject(act_of(session), KIOSK, "p1", None, "the kiosk gave it back")
        assert state_now(session) is RefundState.REJECTED


def test_two_people_reject_a_refund_and_one_alone_changes_nothing(engine: Engine) -> None:
    add_kiosk(engine)
    with writing(engine) as session:
        take(session, item(statement("m1", 1, 40), 1))
        came(session, 2, receipt(TillDeed.REFUND))
        assert reject(act_of(session), KIOSK, "p1", None, "no")
        assert not reject(act_of(session), KIOSK, "p1", None, "no")
        assert (state_now(session), told(session)[0].standing) == (
            RefundState.REJECTING,
            RefundStanding.OWED,
        )
        pay_back(act_of(session, "eric"), KIOSK, "p1", None, RefundClaim.UNSAID)
        answer_of_meter(session, DeliveryState.REFUSED)
        assert state_now(session) is RefundState.REFUSED
        assert reject(act_of(session, "eric"), KIOSK, "p1", None, "no")
        assert state_now(session) is RefundState.REJECTING
        assert reject(act_of(session), KIOSK, "p1", None, "the meter has used it")
        (found,) = list_refunds(session)
        assert (found.state, found.ended_by, found.proof) == (
            RefundState.REJECTED,
            "dora",
            "the meter has used it",
        )


def test_what_was_not_paid_before_a_restore_is_not_ended_as_paid(engine: Engine) -> None:
    """Neither kiosk nor meter knows of a refund that this store does not."""
    add_kiosk(engine)
    with writing(engine) as session:
        take(session, item(statement("m1", 1, 20), 1))
        came(session, 2, receipt(TillDeed.REFUND))
        with pytest.raises(RefusedError, match="it was not paid before"):
            pay_back(act_of(session), KIOSK, "p1", None, RefundClaim.AGAIN)
        assert state_now(session) is RefundState.OWED


@pytest.mark.parametrize("claim", [RefundClaim.AGAIN, RefundClaim.NEW])
def test_a_restored_store_asks_whether_a_refund_was_paid_before(engine: Engine, claim: RefundClaim) -> None:
    """The kiosk says again all that this store has lost; what it was told of the refund is among it."""
    add_kiosk(engine)
    with writing(engine) as session:
        take(session, item(statement("m1", 1, 20), 1))
        came(session, 2, receipt(TillDeed.REFUND), receipt(TillDeed.REFUNDED))
        assert [(each.state, each.found) for each in list_refunds(session)] == [(RefundState.OWED, "paid")]
        with pytest.raises(RefusedError, match="--again if this one was paid before"):
            pay_back(act_of(session), KIOSK, "p1", None, RefundClaim.UNSAID)
        _, order = pay_back(act_of(session), KIOSK, "p1", None, claim)
        assert (order is None) == (claim is RefundClaim.AGAIN)
        assert state_now(session) is (RefundState.PAID if order is None else RefundState.ORDERED)


def test_a_kiosk_is_told_of_its_refunds_until_it_says_that_it_knows_them_all(engine: Engine) -> None:
    add_kiosk(engine)
    with writing(engine) as session:
        came(session, 1, *(receipt(TillDeed.REFUND, f"p{number}") for number in range(70)))
        known = told(session)
        first, *money = answered(session, status())
        assert first.stored == 70
        assert [len(each.refunds) for each in money] == [64, 6]
        assert {each for word in money for each in word.refunds} == set(known)
        assert [len(each.refunds) for each in answered(session, status(refunds_digest(known)))] == [0]
        # A program of before says no digest, and hears nothing that it does not know.
        assert [len(each.refunds) for each in answered(session, status(""))] == [0]


def test_a_kiosk_that_has_forgotten_statements_gets_its_own_back_in_sequence(engine: Engine) -> None:
    add_kiosk(engine)
    with writing(engine) as session:
        for number in range(1, 13):
            take(session, item(statement("m1", number, 5 * number), number))
        take(session, item(statement("m2", 1, 9_000), 13))  # beyond its limits: nobody has booked it
        (_, *money) = answered(session, replace(status(), issued_ueur=10 * E, issued_count=2, statements=1))
        assert [each.place for word in money for each in word.statements] == list(range(2, 13))
        assert [len(word.statements) for word in money] == [10, 1]
        everything = answered(session, replace(status(), issued_ueur=9_060 * E, issued_count=13))
        assert [len(word.statements) for word in everything] == [0]


ORDERS = st.lists(
    st.one_of(st.none(), st.tuples(st.sampled_from(OrderState), st.sampled_from(DeliveryState))), max_size=4
)


@given(ORDERS, st.booleans())
def test_taken_once_is_taken_and_nothing_is_ordered_beside_what_is_on_its_way(
    orders: list[tuple[OrderState, DeliveryState] | None], voided: bool
) -> None:
    state = refund_state("", voided=voided, orders=orders)
    known = [each for each in orders if each is not None]
    held = any(each[1] in (DeliveryState.STORED, DeliveryState.EFFECTIVE) for each in known)
    assert (state is RefundState.TAKEN) == held
    if state in (RefundState.OWED, RefundState.REFUSED):
        assert not voided
        for order, delivery in known:
            travels = delivery in (DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.TIMED_OUT)
            assert not (order is OrderState.ACTIVE and travels)
            assert order not in (OrderState.DRAFT, OrderState.REHEARSED, OrderState.APPROVED)


@pytest.mark.parametrize("deed", [TillDeed.REFUND, TillDeed.REFUNDED, TillDeed.REJECTED])
def test_one_thief_of_a_kiosks_key_fills_a_bounded_list(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, deed: TillDeed
) -> None:
    monkeypatch.setattr("controller.kiosks.refunds.KIOSK_REFUND_ROWS_MAX", 2)
    add_kiosk(engine)
    with writing(engine) as session:
        came(session, 1, receipt(TillDeed.REFUND, "p1"), receipt(TillDeed.REFUND, "p2"))
        more = take(session, item(receipt(deed, "p3"), 3, Channel.KIOSK_RECEIPTS))
        assert more.refused == {IntakeRefusal.NO_ROOM: 1}
        assert len(session.exec(select(KioskRefundRow)).all()) == 2
