"""An acknowledged message marks the deliveries that it belongs to as sent, and no others."""

from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import reading, writing
from controller.database.tables import DeliveryRow, LinkRow, MeterRow
from controller.orders import outbox
from controller.orders import store as orders
from controller.orders.sending import mark_taken
from protocols.documents import drafting
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope
from protocols.instants import DAY_MS
from tests.controller.service_bench import seal_order
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT

NOW_MS = MONDAY_MS
LATER_MS = NOW_MS + 7


def declare(engine: Engine, scope: Scope) -> None:
    """Declare a moratorium, in a store with two meters."""
    with writing(engine) as session:
        session.add(LinkRow(id="link-1", state="online", sequence=1, meters=2, seen_ms=NOW_MS))
        session.flush()
        session.add_all(MeterRow(id=name, link="link-1", first_seen_ms=NOW_MS) for name in ("m1", "m2"))
        session.flush()
        sheet = orders.draw_sheet(session, Kind.HOLD, "h", NOW_MS, "t")
        order = drafting.declare_moratorium(sheet, "h", NOW_MS, NOW_MS + DAY_MS, scope)
        orders.submit(session, seal_order(order), ROOT, "anna", NOW_MS)


def take(engine: Engine, count: int) -> int:
    """Acknowledge the first messages; returns how many are left."""
    with writing(engine) as session:
        mark_taken(session, outbox.due_messages(session, NOW_MS, count), LATER_MS)
        return outbox.count_waiting(session)


def deliveries(engine: Engine) -> list[tuple[str, str, int, int | None]]:
    with reading(engine) as session:
        rows = session.exec(select(DeliveryRow).order_by(DeliveryRow.meter))
        return [(row.meter, row.state, row.attempts, row.sent_ms) for row in rows]


def test_one_message_to_the_fleet_is_a_delivery_to_each_meter(engine: Engine) -> None:
    declare(engine, drafting.FLEET)
    assert take(engine, 10) == 0
    assert deliveries(engine) == [("m1", "sent", 1, LATER_MS), ("m2", "sent", 1, LATER_MS)]


def test_a_message_to_one_meter_is_no_delivery_to_another(engine: Engine) -> None:
    declare(engine, Scope(meters=("m1", "m2")))
    assert take(engine, 1) == 1
    assert deliveries(engine) == [("m1", "sent", 1, LATER_MS), ("m2", "queued", 0, None)]
    assert take(engine, 1) == 0
    assert deliveries(engine)[1] == ("m2", "sent", 1, LATER_MS)
