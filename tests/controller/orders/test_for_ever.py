"""What a store says to be good for ever does not end, whatever century it is."""

from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import reading, writing
from controller.database.tables import LinkRow, MeterRow, OutboxRow
from controller.exchange.syncing import answer
from controller.orders import outbox
from controller.orders import store as orders
from controller.orders.life import ActiveOrder, DeliveryState
from controller.orders.reviving import revive_early_ended
from controller.orders.upkeep import keep_up
from protocols.documents import drafting
from protocols.documents.drafting import Sheet
from protocols.documents.envelope import seal
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.instants import DAY_MS, ms_from_iso
from protocols.limits import FOR_EVER_MS
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT, SIGNERS

LATER_MS = ms_from_iso("2150-07-06T00:00:00Z")
# What a controller before gave a hold without an end; and the longest that is no "for ever".
ENDS_MS = {"for-ever": FOR_EVER_MS, "dated": FOR_EVER_MS - 8 * DAY_MS}


def test_protection_for_ever_outlives_2100_in_the_store_and_is_sent_then(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(LinkRow(id="link-1", state="online", sequence=1, meters=1, seen_ms=MONDAY_MS))
        session.flush()
        session.add(MeterRow(id="m1", link="link-1", first_seen_ms=MONDAY_MS))
        session.flush()
        for number, (name, until_ms) in enumerate(ENDS_MS.items()):
            sheet = Sheet(id=f"o{number}", rev=1, now_ms=MONDAY_MS, basis="t")
            order = drafting.declare_moratorium(sheet, name, MONDAY_MS, until_ms)
            envelope = seal(write_document(order), ORDER_TYPE, [SIGNERS["anna"]])
            orders.submit(session, envelope, ROOT, "anna", MONDAY_MS)
        rows = session.exec(select(OutboxRow)).all()
        assert {row.not_after_ms for row in rows} == {FOR_EVER_MS}
        waiting = outbox.due_messages(session, LATER_MS, 10)
        assert [message.order_id for message in waiting] == ["o0", "o1"]
        outbox.drop_messages(session, waiting)
        assert keep_up(session, LATER_MS, LATER_MS).expired == 1
    with reading(engine) as session:
        row = orders.get_order(session, "o0")
        assert (row.state, orders.get_order(session, "o1").state) == ("active", "expired")
        lacking = [ActiveOrder(orders.order_of(row), DeliveryState.SENT)]
        assert [each.id for each in answer(None, lacking, 1, LATER_MS).send] == ["o0"]


def test_protection_for_ever_that_a_clock_ended_comes_back_after_2100(engine: Engine) -> None:
    with writing(engine) as session:
        sheet = Sheet(id="o0", rev=1, now_ms=MONDAY_MS, basis="t")
        order = drafting.declare_moratorium(sheet, "h", MONDAY_MS, FOR_EVER_MS)
        envelope = seal(write_document(order), ORDER_TYPE, [SIGNERS["anna"]])
        row = orders.submit(session, envelope, ROOT, "anna", MONDAY_MS)
        orders.expire(session, row, MONDAY_MS)
        assert revive_early_ended(session, ROOT, LATER_MS, LATER_MS) == 1
        assert orders.get_order(session, "o0").state == "active"
