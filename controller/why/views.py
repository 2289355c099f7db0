"""The facts from which a meter's supply is explained: its last word, its black box, the orders in force."""

from typing import NamedTuple

from sqlalchemy import func
from sqlmodel import Session, and_, col, select

from controller.database.lookup import existing
from controller.database.tables import EventRow, MeterRow
from controller.meters.black_boxes import boxes_of, missing_of
from controller.meters.witnesses import held_by
from controller.orders.active import standing_orders
from controller.orders.life import ActiveOrder
from controller.orders.standing import standing_of
from controller.why.forecast import next_cut, orders_that_bear
from controller.why.rules import EventFact, MeterFact
from protocols.limits import JOURNAL_ENTRIES_MAX
from protocols.link.explanation import Explanation, MissingEntries


class CaseFile(NamedTuple):
    """What `why.rules.explain` reads: events in the order of their numbers, orders in that of their revs.

    `earlier`: how many records of the black box are older than these events. `missing`: what it lacks.
    """

    meter: MeterFact
    events: list[EventFact]
    orders: list[ActiveOrder]
    earlier: int = 0
    missing: MissingEntries = MissingEntries((), ())


class Outlook(NamedTuple):
    """What the orders in force do to a meter, and when it may be cut next: see `why.forecast`."""

    bearing: tuple[Explanation, ...]
    next: tuple[Explanation, ...]


def facts_of(session: Session, meter: str) -> CaseFile:
    """The facts about one meter. Raises RefusedError where it is not known."""
    row = existing(session, MeterRow, meter)
    fact = MeterFact(
        id=row.id,
        supply=row.supply,
        supply_reason=row.supply_reason,
        clock=row.clock,
        next_possible_ms=row.next_possible_ms,
        reported_ms=row.reported_ms,
        witnesses=held_by(row),
    )
    orders = sorted(standing_orders(session, [meter]).get(meter, ()), key=lambda each: each.order.rev)
    events = _black_box(session, meter)
    stored = select(func.count()).select_from(EventRow).where(EventRow.meter == meter)
    box = boxes_of(session, [(row.id, row.epoch)])[row.id, row.epoch]
    missing = missing_of(box, row.last_event, row.oldest_entry)
    earlier = session.exec(stored).one() - len(events)
    return CaseFile(fact, events, orders, earlier, MissingEntries(missing.asked, missing.lost))


def outlook_of(session: Session, meter: str, now_ms: int) -> Outlook:
    """What the orders in force do to one meter, and its forecast. Raises RefusedError for an unknown one."""
    row = existing(session, MeterRow, meter)
    active = sorted(standing_orders(session, [meter]).get(meter, ()), key=lambda each: each.order.rev)
    standing = standing_of(active, now_ms)
    return Outlook(
        bearing=tuple(orders_that_bear(active, standing, now_ms)),
        next=next_cut(active, standing, (row.next_possible_ms, row.reported_ms), now_ms),
    )


def _black_box(session: Session, meter: str) -> list[EventFact]:
    """As many of the last records as a meter's own ring holds, of its present life."""
    query = (
        select(EventRow)
        .join(
            MeterRow,
            and_(col(MeterRow.id) == col(EventRow.meter), col(MeterRow.epoch) == col(EventRow.epoch)),
        )
        .where(EventRow.meter == meter)
        .order_by(col(EventRow.number).desc())
    )
    rows = session.exec(query.limit(JOURNAL_ENTRIES_MAX)).all()
    return [EventFact(number=row.number, time_ms=row.time_ms, record=row.record) for row in reversed(rows)]
