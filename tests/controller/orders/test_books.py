"""Orders and audit in the store: sent only with enough signatures, in one transaction, and audited."""

from contextlib import suppress
from functools import cache

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from controller.database.engine import open_store, reading, writing
from controller.database.numbers import next_number
from controller.database.tables import (
    AuditRow,
    DeliveryRow,
    LinkRow,
    MeterRow,
    OrderRow,
    OutboxRow,
    PaymentRow,
)
from controller.moratoriums.views import list_holds
from controller.office import audit
from controller.office.audit import AuditAct, AuditedAct
from controller.orders import store as orders
from controller.orders.life import OrderEvent
from controller.payments import store as payments
from protocols.chain import GENESIS, Head, append
from protocols.documents import drafting
from protocols.documents.envelope import Signer, add_signature, seal
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.orders import ORDER_TYPE, Order, Scope, write_document
from protocols.errors import DocumentError, InputError, RefusedError
from protocols.instants import DAY_MS
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT, SIGNERS

NOW_MS = MONDAY_MS


class UndoneError(Exception):
    """Rolls a transaction back."""


@pytest.fixture(autouse=True)
def _two_meters(engine: Engine) -> None:
    with writing(engine) as session:
        seed(session)


def seed(session: Session) -> None:
    session.add(LinkRow(id="link-1", state="online", sequence=1, meters=2, seen_ms=NOW_MS))
    session.flush()
    session.add_all(MeterRow(id=name, link="link-1", first_seen_ms=NOW_MS) for name in ("m1", "m2"))
    session.flush()


def signed(order: Order, *people: str) -> bytes:
    return seal(write_document(order), ORDER_TYPE, [SIGNERS[name] for name in people])


def lift(session: Session) -> Order:
    return drafting.lift_moratorium(orders.draw_sheet(session, Kind.LIFT_HOLD, "h", NOW_MS, "t"), "h")


def declare(session: Session, scope: Scope = drafting.FLEET) -> Order:
    sheet = orders.draw_sheet(session, Kind.HOLD, "h", NOW_MS, "t")
    return drafting.declare_moratorium(sheet, "h", NOW_MS, NOW_MS + DAY_MS, scope)


def test_one_person_protects_and_two_people_harm(engine: Engine) -> None:
    with writing(engine) as session:
        hold = declare(session)
        assert orders.submit(session, signed(hold, "anna"), ROOT, "anna", NOW_MS).state == "active"
        order = lift(session)
        row = orders.submit(session, signed(order, "dora"), ROOT, "dora", NOW_MS)
        assert row.state == "draft"
        with pytest.raises(InputError, match="needs 2 of the role harm, different people; signed by dora"):
            orders.approve(session, order.id, ROOT, "dora", NOW_MS)
        both = add_signature(row.envelope, SIGNERS["eric"])
        orders.add_signature(session, order.id, both, ROOT, "eric", NOW_MS)
        assert orders.approve(session, order.id, ROOT, "eric", NOW_MS).state == "active"
        assert orders.get_order(session, hold.id).state == "superseded"
        assert orders.holders_of(row, ROOT, Role.HARM) == ("dora", "eric")


def test_a_signature_of_nobody_or_of_the_same_person_adds_nothing(engine: Engine) -> None:
    with writing(engine) as session:
        order = lift(session)
        row = orders.propose(session, signed(order, "dora"), "dora", NOW_MS)
        stranger = Signer.from_seed(b"s" * 32)
        for envelope in (add_signature(row.envelope, stranger), add_signature(row.envelope, SIGNERS["dora"])):
            with pytest.raises(InputError, match="no new signature by a key of the root"):
                orders.add_signature(session, order.id, envelope, ROOT, "x", NOW_MS)
        other = lift(session)
        with pytest.raises(DocumentError, match="another document"):
            orders.add_signature(session, order.id, signed(other, "eric"), ROOT, "eric", NOW_MS)


def test_approval_queues_deliveries_messages_and_the_audit_together_or_not_at_all(engine: Engine) -> None:
    with suppress(UndoneError), writing(engine) as session:
        order = declare(session)
        orders.submit(session, signed(order, "anna"), ROOT, "anna", NOW_MS)
        assert len(session.exec(select(DeliveryRow)).all()) == 2
        assert len(session.exec(select(OutboxRow)).all()) == 1
        raise UndoneError
    with reading(engine) as session:
        for table in (OrderRow, DeliveryRow, OutboxRow, AuditRow):
            assert session.exec(select(table)).all() == []


def test_what_addresses_a_meter_that_is_not_known_is_refused(engine: Engine) -> None:
    with writing(engine) as session:
        order = declare(session, Scope(meters=("m1", "m9")))
        with pytest.raises(RefusedError, match='no such meter: "m9"'):
            orders.submit(session, signed(order, "anna"), ROOT, "anna", NOW_MS)
        group = declare(session, Scope(group="region/north"))
        with pytest.raises(InputError, match='"region/north"; allowed: area/NAME'):
            orders.submit(session, signed(group, "anna"), ROOT, "anna", NOW_MS)


def test_an_expired_order_is_not_approved_and_a_sent_one_not_withdrawn(engine: Engine) -> None:
    with writing(engine) as session:
        order = lift(session)
        orders.propose(session, signed(order, "dora", "eric"), "dora", NOW_MS)
        with pytest.raises(InputError, match="was good until"):
            orders.approve(session, order.id, ROOT, "dora", order.not_after_ms)
        orders.approve(session, order.id, ROOT, "dora", NOW_MS)
        with pytest.raises(InputError, match="order is active: cannot withdraw it"):
            orders.withdraw(session, order.id, "dora", NOW_MS)


def test_harm_is_sent_to_each_meter_within_a_minute_and_only_once(engine: Engine) -> None:
    with writing(engine) as session:
        order = lift(session)
        orders.submit(session, signed(order, "dora", "eric"), ROOT, "dora", NOW_MS)
        rows = session.exec(select(OutboxRow)).all()
        assert [(row.meter, row.once, row.retain, row.expiry_s) for row in rows] == [
            ("m1", 1, 0, 60),
            ("m2", 1, 0, 60),
        ]
        assert {row.not_after_ms for row in rows} == {NOW_MS + 60_000}


def test_a_hold_is_shown_as_its_orders_make_it(engine: Engine) -> None:
    with writing(engine) as session:
        order = declare(session)
        orders.submit(session, signed(order, "anna"), ROOT, "anna", NOW_MS)
        (view,) = list_holds(session)
        assert (view.from_ms, view.until_ms, view.revs) == (NOW_MS, NOW_MS + DAY_MS, (1,))
        assert (view.progress.stored, view.progress.unknown) == (0, 2)


# -- audit ----------------------------------------------------------------------------------------

BREAKS = {
    "changed": "UPDATE audit SET body = :body WHERE number = 2",
    "dropped": "DELETE FROM audit WHERE number = 2",
    "inserted": "INSERT INTO audit SELECT 99, previous_hash, body, hash FROM audit WHERE number = 1",
    "reordered": "UPDATE audit SET number = CASE number WHEN 2 THEN -3 ELSE -2 END WHERE number IN (2, 3)",
}


@pytest.mark.parametrize("how", BREAKS)
def test_any_change_of_the_audit_breaks_its_chain(engine: Engine, how: str) -> None:
    with writing(engine) as session:
        for number in range(4):
            audit.record(session, NOW_MS + number, "anna", AuditAct.SIGN, "m1", step=number)
        assert audit.verify_audit(session) is None
        session.connection().execute(text(BREAKS[how]), {"body": b"{}"} if ":body" in BREAKS[how] else {})
    with reading(engine) as session:
        assert audit.verify_audit(session) is not None


def test_who_knows_the_head_notices_that_the_last_entries_are_missing(engine: Engine) -> None:
    with writing(engine) as session:
        assert audit.head_of(session) == GENESIS
        audit.record(session, NOW_MS, "anna", AuditAct.PROPOSE, "m1")
        audit.record(session, NOW_MS, "anna", AuditAct.SIGN, "m2")
        head = audit.head_of(session)
        assert audit.verify_audit(session, head) is None
        session.connection().execute(text("DELETE FROM audit WHERE number = 2"))
        assert audit.verify_audit(session) is None
        assert audit.verify_audit(session, head) == 2
        assert audit.verify_audit(session, Head(1, b"x" * 32)) == 1


def test_acts_are_read_back_the_latest_first(engine: Engine) -> None:
    with writing(engine) as session:
        audit.record(session, NOW_MS, "anna", AuditAct.PROPOSE, "m1", eur="5")
        audit.record(session, NOW_MS, "bert", AuditAct.SIGN, "m2")
        assert [(each.number, each.act.actor) for each in audit.recent(session)] == [(2, "bert"), (1, "anna")]
        (mine,) = audit.recent(session, subject="m1")
        assert mine.act.detail == {"eur": "5"}


# -- numbers and money ----------------------------------------------------------------------------


def test_numbers_rise_by_one_and_are_given_back_by_a_rollback(engine: Engine) -> None:
    with writing(engine) as session:
        assert [next_number(session, "a"), next_number(session, "a"), next_number(session, "b")] == [1, 2, 1]
    with suppress(UndoneError), writing(engine) as session:
        assert next_number(session, "a") == 3
        raise UndoneError
    with writing(engine) as session:
        assert next_number(session, "a") == 3


@cache
def in_memory() -> Engine:
    """One store for all examples: each rolls its changes back."""
    return open_store("sqlite:///:memory:", create=True)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["m1", "m2"]), st.integers(1, 10**8)), max_size=12)
)
def test_a_payment_is_booked_once_under_its_own_id(booked: list[tuple[int, str, int]]) -> None:
    first: dict[str, tuple[str, int]] = {}
    with suppress(UndoneError), writing(in_memory()) as session:
        seed(session)
        for number, meter, amount_ueur in booked:
            name = f"p{number}"
            if first.get(name, (meter, amount_ueur)) != (meter, amount_ueur):
                with pytest.raises(InputError, match="booked already"):
                    payments.draw_statement(session, name, meter, amount_ueur, "anna", NOW_MS)
                continue
            made = payments.draw_statement(session, name, meter, amount_ueur, "anna", NOW_MS)
            assert (made.sheet is None) == (name in first)
            first[name] = meter, amount_ueur
        assert payments.verify_ledger(session) == []
        for meter in ("m1", "m2"):
            paid_ueur = sum(row.amount_ueur for row in payments.payments_of(session, meter))
            assert paid_ueur == sum(amount for who, amount in first.values() if who == meter)
        lost = session.exec(select(PaymentRow)).first()
        if lost is not None:
            lost.amount_ueur += 1
            session.add(lost)
            session.flush()
            assert len(payments.verify_ledger(session)) == 1
        raise UndoneError


def test_an_act_of_a_later_version_is_read_back_as_the_word_it_has(engine: Engine) -> None:
    later = msgspec.json.encode(AuditedAct(at_ms=NOW_MS, actor="anna", act="rehearse", subject="fleet"))
    with writing(engine) as session:
        entry = append(GENESIS, later)
        session.add(AuditRow(number=1, previous_hash=entry.previous_hash, body=later, hash=entry.hash))
        session.flush()
        assert [each.act.act for each in audit.recent(session)] == ["rehearse"]


@pytest.mark.parametrize("event", [OrderEvent.WITHDRAW, OrderEvent.SUPERSEDE, OrderEvent.EXPIRE])
def test_every_way_in_which_an_order_ends_is_an_act_of_the_audit(event: OrderEvent) -> None:
    assert AuditAct(event).value == event.value
