"""Which meters a plan will not cut, and what has become of planned cuts. Reads only."""

from collections.abc import Collection, Sequence

from sqlmodel import Session, col, select

from controller.cuts.rules import carried_out, not_cut, reading_of
from controller.database.bulk import in_batches
from controller.database.tables import DeliveryRow, EventRow, OrderRow
from controller.orders.active import standing_orders
from controller.orders.life import HELD_DELIVERIES, DeliveryState
from controller.orders.standing import Standing, standing_of
from controller.orders.store import targets
from protocols.cutting.hindrances import NotCut
from protocols.documents.bodies import CutCalendarBody
from protocols.documents.drafting import FLEET
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, body_of
from protocols.instants import DAY_MS
from protocols.link.records import read_record
from protocols.spans import Span, Window


def meters_not_cut(
    session: Session,
    meters: Collection[str],
    interval: Span,
    now_ms: int,
    windows: Sequence[Window] | None = None,
) -> tuple[NotCut, ...]:
    """The meters among these that a cut inside `interval` will not reach; `windows` as `rules.not_cut`."""
    orders = standing_orders(session, meters)
    # Most meters of a fleet have the same orders: their standing is worked out once.
    known: dict[tuple[tuple[str, str, int | None], ...], Standing] = {}
    standings: dict[str, Standing] = {}
    for meter in meters:
        mine = orders.get(meter, [])
        key = tuple((each.order.id, each.state, each.stored_ms) for each in mine)
        if key not in known:
            known[key] = standing_of(mine, now_ms)
        standings[meter] = known[key]
    return not_cut(standings, Span(max(now_ms, interval.from_ms), interval.until_ms), windows)


def order_not_cutting(session: Session, order: Order, now_ms: int) -> tuple[NotCut, ...]:
    """The meters that this cut order or calendar will not cut; none for any other kind."""
    match order.kind:
        case Kind.CUT_ORDER:
            interval = Span(order.not_before_ms, order.not_after_ms)
            return meters_not_cut(session, order.scope.meters, interval, now_ms)
        case Kind.CUT_CALENDAR:
            windows = body_of(order, CutCalendarBody).windows
            return calendar_not_cutting(session, targets(session, order.scope), windows, now_ms)
        case _:
            return ()


def calendar_not_cutting(
    session: Session, meters: Collection[str] | None, windows: Sequence[Window], now_ms: int
) -> tuple[NotCut, ...]:
    """The meters that no window of this calendar would cut; `meters` None: the whole fleet."""
    addressed = targets(session, FLEET) if meters is None else meters
    interval = Span(windows[0].start_ms, windows[-1].end_ms)
    return meters_not_cut(session, addressed, interval, now_ms, windows)


def cut_words(
    session: Session, order_ids: Collection[str], now_ms: int, meter: str | None = None
) -> dict[str, dict[str, str]]:
    """Of each cut order among these: how its delivery to each meter is read; `meter`: only to this one.

    A word is a `CutReading`, or the state of the delivery where the meter does not have the order.
    """
    found: dict[str, dict[str, str]] = {}
    for batch in in_batches(order_ids):
        query = select(OrderRow).where(col(OrderRow.id).in_(batch), OrderRow.kind == Kind.CUT_ORDER)
        for row in session.exec(query):
            found[row.id] = _words_of(session, row, now_ms, meter)
    return found


def _words_of(session: Session, row: OrderRow, now_ms: int, meter: str | None) -> dict[str, str]:
    query = select(DeliveryRow.meter, DeliveryRow.state).where(DeliveryRow.order_id == row.id)
    states = dict(iter(session.exec(query if meter is None else query.where(DeliveryRow.meter == meter))))
    interval = Span(row.not_before_ms, row.not_after_ms)
    cut = _cut_by(session, interval, states.keys())
    replaced = _holders_of_a_later_one(session, row)
    return {
        name: reading_of(
            DeliveryState(state), interval, now_ms, has_cut=name in cut, is_replaced=name in replaced
        )
        or state
        for name, state in states.items()
    }


def _cut_by(session: Session, interval: Span, meters: Collection[str]) -> set[str]:
    """The meters whose black box tells of an opening by the order of this interval."""
    found: set[str] = set()
    for batch in in_batches(meters):
        # By the index of verdicts: none about this order arrived a day before its interval.
        query = select(EventRow.meter, EventRow.record).where(
            EventRow.event == "verdict",
            EventRow.received_ms >= interval.from_ms - DAY_MS,
            col(EventRow.meter).in_(batch),
        )
        for meter, text in session.exec(query):
            record = None if meter in found else read_record(text)
            if record is not None and carried_out(record, interval):
                found.add(meter)
    return found


def _holders_of_a_later_one(session: Session, row: OrderRow) -> set[str]:
    """The meters that hold a later order of the same object: a revision of the cut, or its cancellation."""
    later = select(OrderRow.id).where(OrderRow.object == row.object, OrderRow.rev > row.rev)
    held = select(DeliveryRow.meter).where(
        col(DeliveryRow.order_id).in_(later), col(DeliveryRow.state).in_(HELD_DELIVERIES)
    )
    return set(session.exec(held))
