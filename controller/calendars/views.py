"""Cut calendars as their orders state them, and how many meters each has reached. Reads only."""

from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.lookup import existing
from controller.database.tables import OrderRow
from controller.orders.life import OrderState
from controller.orders.progress import Progress
from controller.orders.store import order_of
from controller.orders.views import order_progress
from protocols.documents.bodies import CutCalendarBody
from protocols.documents.drafting import CalendarRule
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import body_of
from protocols.errors import RefusedError
from protocols.spans import Window


class CalendarView(Struct, frozen=True, kw_only=True):
    """A cut calendar. `said`: the rule that its windows were compiled from, as a person wrote it."""

    order_id: str
    object: str
    rev: int
    state: str
    said: CalendarRule
    windows: tuple[Window, ...]
    progress: Progress


def active_calendars(session: Session) -> tuple[CalendarView, ...]:
    """The calendars in force, by name."""
    query = select(OrderRow).where(OrderRow.kind == Kind.CUT_CALENDAR, OrderRow.state == OrderState.ACTIVE)
    rows = session.exec(query.order_by(col(OrderRow.object), col(OrderRow.rev))).all()
    return tuple(_view(session, row) for row in rows)


def calendar_by_id(session: Session, order_id: str) -> CalendarView:
    """The calendar of an order, a draft or one that is over too.

    Raises RefusedError for an order that is not known, or that is no calendar.
    """
    row = existing(session, OrderRow, order_id)
    if row.kind != Kind.CUT_CALENDAR:
        raise RefusedError(f"{order_id} is a {row.kind}, no cut calendar; `relance orders show` shows it")
    return _view(session, row)


def _view(session: Session, row: OrderRow) -> CalendarView:
    body = body_of(order_of(row), CutCalendarBody)
    return CalendarView(
        order_id=row.id,
        object=row.object,
        rev=row.rev,
        state=row.state,
        said=CalendarRule(body.rule, body.zone, body.holidays),
        windows=body.windows,
        progress=order_progress(session, row.id),
    )
