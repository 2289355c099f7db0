"""A household leaves: what protected it does not pass on, and what is left on the purse is owed to it.

The connection stays, with its meter. Holds, flags, category and language belong to who lived there, and so do
the money on the purse, the debt and the payment mode. What the meter holds of them two people take away, as
always: this drafts the orders.
"""

from typing import Final

from msgspec import Struct
from sqlalchemy import update
from sqlmodel import Session, col, delete, func, or_, select

from controller.connections.leavers_orders import end_orders, ends_waiting
from controller.connections.purses import purse_of
from controller.connections.requests import asked_ueur
from controller.connections.retiring import line_of
from controller.connections.rules import Owed, owed_to_leaver
from controller.database.campaign_tables import ContactRow, NoticeRow
from controller.database.rows import view_of
from controller.database.tables import (
    HouseholdRow,
    MeterRow,
    PaymentRequestRow,
    PaymentRow,
    TenancyRow,
)
from controller.meters.behind import household_named, note_change
from controller.office import audit
from controller.office.audit import AuditAct
from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from controller.payments.requests import RequestState
from controller.refunds.acts import open_refund, refund_out_of
from protocols.errors import InputError, RefusedError
from protocols.instants import iso_from_ms
from protocols.units import UEUR_PER_EUR

_CLEARED: Final = ("category", "language", "flags")
_UEUR_PER_CENT: Final = UEUR_PER_EUR // 100


class TenancyView(Struct, frozen=True, kw_only=True):
    """A household that has left: until when it lived there, and what its meter's purse held.

    `balance_ueur`: by the last report before the move was recorded, of `reported_ms`; None: not known.
    """

    ean: str
    number: int
    meter: str
    until_ms: int
    balance_ueur: int | None
    reported_ms: int | None
    recorded_by: str
    recorded_ms: int


class MovedOut(Struct, frozen=True, kw_only=True):
    """A move. `new`: False where it was recorded before, and nothing has changed.

    `drafts`: what a second person must sign so that nothing of the leaver's stays at the meter; of a move
    that was recorded before: what waits of that. `owed`: to who left; None: it was told then.
    `refund_waits`: a refund of before, while no other can be drafted; None: none waits. `groups`: free
    groups in which the connection stays. `withdrawn`, `kept`: as `EndsDrafted`. `cleared`: what was taken
    out of the file's row, as `language fr`. `contact_kept`: a file told it after the move.
    """

    tenancy: TenancyView
    new: bool = True
    owed: Owed | None
    drafts: tuple[OrderStatus, ...]
    groups: tuple[str, ...]
    refund_waits: str | None = None
    withdrawn: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
    contact_kept: bool = False


def move_out(act: Act, name: str, on_ms: int) -> MovedOut:
    """Record that the household at a meter or EAN has left, and draft the end of what protected it.

    A move that is recorded with this instant changes nothing. Raises InputError for an instant to come;
    RefusedError for an unknown household, a move that is no later than the last one, or one dated back over a
    payment.
    """
    session = act.session
    before = _recorded(session, name, on_ms)
    if before is not None:
        return _recorded_before(act, before)
    row = household_named(session, name)
    if on_ms > act.now_ms:
        raise InputError(
            f"--on: {iso_from_ms(on_ms)} is to come; allowed: up to now, {iso_from_ms(act.now_ms)}"
        )
    earlier = list_tenancies(session, row.ean)
    if earlier and earlier[-1].until_ms >= on_ms:
        raise RefusedError(
            f"EAN {row.ean}: a household left on {iso_from_ms(earlier[-1].until_ms)}; allowed: a later move"
        )
    _check_payments(session, row.meter, on_ms)
    owed = _owed(act, row.meter)
    # The file's words have no date: whoever records a move late sees which were taken away.
    cleared = [f"{name} {getattr(row, name)}" for name in _CLEARED if getattr(row, name)]
    tenancy = _close(act, row, on_ms, len(earlier) + 1, owed)
    contact_kept = _forget_contact(session, row.ean, on_ms)
    ended = end_orders(act, row.meter, on_ms)
    waits = open_refund(session, row.meter)
    return MovedOut(
        tenancy=tenancy,
        owed=owed,
        drafts=(*ended.drafts, *(() if waits else _refund(act, row.meter, owed))),
        groups=_words(row.groups),
        refund_waits=waits,
        withdrawn=ended.withdrawn,
        kept=ended.kept,
        cleared=tuple(cleared),
        contact_kept=contact_kept,
    )


def list_tenancies(session: Session, ean: str) -> list[TenancyView]:
    """The households that have left this connection, the first first."""
    rows = session.exec(select(TenancyRow).where(TenancyRow.ean == ean).order_by(col(TenancyRow.number)))
    return [view_of(row, TenancyView) for row in rows]


def _recorded(session: Session, name: str, on_ms: int) -> TenancyRow | None:
    """The household that left this meter or EAN at that instant, as it is recorded; None: none is."""
    named = or_(col(TenancyRow.meter) == name, col(TenancyRow.ean) == name)
    return session.exec(select(TenancyRow).where(named, TenancyRow.until_ms == on_ms)).first()


def _recorded_before(act: Act, left: TenancyRow) -> MovedOut:
    """The move as it was recorded, and which drafts of the leaver's wait at the connection now."""
    row = act.session.get(HouseholdRow, left.ean)
    waits = () if row is None else ends_waiting(act, row.meter)
    return MovedOut(
        tenancy=view_of(left, TenancyView),
        new=False,
        owed=None,
        drafts=waits,
        groups=() if row is None else _words(row.groups),
    )


def _check_payments(session: Session, meter: str, on_ms: int) -> None:
    """Raises RefusedError for a payment after the move: whose it is, the file cannot say.

    A payment counts from when its clerk asked for it, whether the service has booked it or not; also one for
    a meter that this one has replaced. What was carried over from that one is no payment.
    """
    meters, carried = line_of(session, meter)
    taken_ms = func.coalesce(PaymentRequestRow.created_ms, PaymentRow.created_ms)
    booked = (
        select(PaymentRow.id, taken_ms)
        .join(PaymentRequestRow, col(PaymentRequestRow.id) == col(PaymentRow.id), isouter=True)
        .where(col(PaymentRow.meter).in_(meters), PaymentRow.found == 0, taken_ms > on_ms)
        .where(col(PaymentRow.id).not_in(carried))
    )
    asked = select(PaymentRequestRow.id, PaymentRequestRow.created_ms).where(
        col(PaymentRequestRow.meter).in_(meters),
        col(PaymentRequestRow.id).not_in(carried),
        PaymentRequestRow.created_ms > on_ms,
        col(PaymentRequestRow.state) != RequestState.REFUSED,
    )
    later = sorted((at_ms, payment) for payment, at_ms in (*session.exec(booked), *session.exec(asked)))
    if later:
        at_ms, payment = later[0]
        raise RefusedError(
            f"payment {payment} was taken at {iso_from_ms(at_ms)}, after the move: "
            "it would be the leaver's, whoever paid it; allowed: a move after the last payment"
        )


def _owed(act: Act, name: str) -> Owed:
    """What is owed to who leaves this meter: by its last report, the ledger, and what clerks ask for."""
    meter = act.session.get(MeterRow, name)
    if meter is None:
        return Owed(None, 0)
    return owed_to_leaver(purse_of(act.session, meter, asked_ueur(act.session, act.root, name)))


def _close(act: Act, row: HouseholdRow, on_ms: int, number: int, owed: Owed) -> TenancyView:
    meter = act.session.get(MeterRow, row.meter)
    left = TenancyRow(
        ean=row.ean,
        number=number,
        meter=row.meter,
        until_ms=on_ms,
        category=row.category,
        language=row.language,
        flags=row.flags,
        balance_ueur=None if meter is None else meter.balance_ueur,
        reported_ms=None if meter is None else meter.reported_ms,
        recorded_by=act.actor.name,
        recorded_ms=act.now_ms,
    )
    act.session.add(left)
    for name in _CLEARED:
        setattr(row, name, None)
    act.session.add(row)
    note_change(act.session)
    audit.record(
        act.session,
        act.now_ms,
        act.actor.name,
        AuditAct.MOVE_OUT,
        row.meter,
        ean=row.ean,
        until_ms=on_ms,
        balance_ueur=left.balance_ueur,
        owed_ueur=owed.purse_ueur,
        coming_ueur=owed.coming_ueur,
    )
    return view_of(left, TenancyView)


def _forget_contact(session: Session, ean: str, on_ms: int) -> bool:
    """Forget how the leaver is written to, which is nobody else's; True: one of after the move stays."""
    contact = session.get(ContactRow, ean)
    kept = contact is not None and contact.told_ms is not None and contact.told_ms > on_ms
    if not kept:
        session.execute(delete(ContactRow).where(col(ContactRow.ean) == ean))
    # That it was written to stays. Servers name the address in their reasons too.
    of_leaver = [col(NoticeRow.ean) == ean]
    if kept and contact is not None:
        of_leaver.append(col(NoticeRow.planned_ms) < contact.told_ms)
    session.execute(update(NoticeRow).where(*of_leaver).values(address="", reason=""))
    return kept


def _refund(act: Act, meter: str, owed: Owed) -> list[OrderStatus]:
    """Draft that the leaver's money is taken out, in whole cents: once two people have paid it back."""
    cents = max(owed.purse_ueur or 0, 0) // _UEUR_PER_CENT
    return [refund_out_of(act, meter, cents * _UEUR_PER_CENT)] if cents else []


def _words(words: str | None) -> tuple[str, ...]:
    return tuple((words or "").split())
