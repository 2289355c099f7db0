"""What a person asks first: does the service serve, and what waits for people. Reads only."""

from typing import Final

from msgspec import Struct
from sqlalchemy import func
from sqlmodel import Session, col, select

from controller.database.rows import view_of
from controller.database.tables import (
    DeliveryRow,
    LinkRow,
    MeterRow,
    OrderRow,
    PaymentRequestRow,
    ServiceRow,
)
from controller.households.flags_due import flags_due
from controller.meters.admission import count_left_speaking
from controller.meters.behind import count_expected
from controller.meters.black_boxes import count_gaps
from controller.meters.by_card import count_too_wide
from controller.meters.registry import BY_CARD
from controller.meters.retired import in_fleet
from controller.office.losses import found_losses
from controller.orders.allowances import all_above_allowance
from controller.orders.life import DeliveryState, OrderState
from controller.orders.voids import voided_by
from controller.payments.requests import WAITING
from controller.service.liveness import LifeSign
from protocols.documents.roles import Root
from protocols.instants import DAY_MS

SERVE: Final = "serve"


class LinkView(Struct, frozen=True, kw_only=True):
    """A link, the state that it or its last will told, and how many meters are registered under it."""

    id: str
    state: str
    meters: int
    seen_ms: int


class Overview(Struct, frozen=True, kw_only=True):
    """Counts of meters by what they last reported (`unknown`: never), and what waits.

    `drafts`: orders that need a further signature; `voided`: the orders that have voided a key; `disputed`:
    meters whose clock is disputed; `queued`: deliveries that have not left yet; `payments_requested`: not
    booked yet; `gaps`: meters of whose black box entries are missing; `lost_entries`: of the audit, since a
    backup was restored. `expected`: meters that only the DSO's file names; `flags_due`: flags of that file
    that no order sets, at meters that have spoken. `left_speaking`: meters that left the fleet and
    spoke within the last day. `too_wide`: meters on cards whose clock no window holds. `above_allowance`:
    payments that wait for two people, or for their issuer's allowance.
    """

    links: tuple[LinkView, ...]
    meters: int
    supply: dict[str, int]
    clock: dict[str, int]
    drafts: tuple[str, ...]
    disputed: tuple[str, ...]
    queued: int
    payments_requested: int
    gaps: int
    voided: tuple[str, ...] = ()
    lost_entries: int = 0
    expected: int = 0
    flags_due: int = 0
    too_wide: int = 0
    left_speaking: int = 0
    above_allowance: tuple[str, ...] = ()


def life_sign(session: Session, name: str = SERVE) -> LifeSign | None:
    """The last sign of life of a service; None where it ended in order, or has never run."""
    row = session.get(ServiceRow, name)
    return None if row is None else view_of(row, LifeSign)


def overview(session: Session, root: Root, now_ms: int) -> Overview:
    """The fleet in a few numbers."""
    counted = dict(
        iter(session.exec(select(MeterRow.link, func.count()).where(in_fleet()).group_by(col(MeterRow.link))))
    )
    links = session.exec(select(LinkRow).where(LinkRow.id != BY_CARD).order_by(LinkRow.id)).all()
    waiting = col(OrderRow.state).in_((OrderState.DRAFT, OrderState.REHEARSED))
    drafts = select(OrderRow.id).where(waiting).order_by(func.length(col(OrderRow.id)), col(OrderRow.id))
    disputed = select(MeterRow.id).where(MeterRow.dispute_nonce != "", in_fleet()).order_by(MeterRow.id)
    queued = select(func.count()).select_from(DeliveryRow).where(DeliveryRow.state == DeliveryState.QUEUED)
    requested = (
        select(func.count()).select_from(PaymentRequestRow).where(col(PaymentRequestRow.state).in_(WAITING))
    )
    return Overview(
        links=tuple(view_of(row, LinkView, meters=counted.get(row.id, 0)) for row in links),
        meters=sum(counted.values()),
        supply=_counts(session, MeterRow.supply),
        clock=_counts(session, MeterRow.clock),
        drafts=tuple(session.exec(drafts)),
        disputed=tuple(session.exec(disputed)),
        queued=session.exec(queued).one(),
        payments_requested=session.exec(requested).one(),
        voided=tuple(sorted(voided_by(session).values(), key=lambda each: (len(each), each))),
        gaps=count_gaps(session),
        lost_entries=sum(each.entries for each in found_losses(session)),
        expected=count_expected(session, ()),
        too_wide=count_too_wide(session),
        left_speaking=count_left_speaking(session, now_ms - DAY_MS),
        above_allowance=all_above_allowance(session, root),
        flags_due=sum(each.spoken for each in flags_due(session, now_ms)),
    )


def _counts(session: Session, column: str | None) -> dict[str, int]:
    """Meters by the value of a column; `unknown`: they have never reported it."""
    query = select(column, func.count()).where(in_fleet()).group_by(col(column)).order_by(col(column))
    return {value or "unknown": count for value, count in session.exec(query)}
