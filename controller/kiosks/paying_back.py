"""People decide the refunds that kiosks have booked as owed, two of them: paid out of the purse, or rejected.

Exactly once: the order that takes the money names the meter's total of all refunds, so whatever is repeated
or lost, the meter gives each sum once; and `paid` is said only of what the meter has confirmed.
"""

from enum import StrEnum, unique

from controller.database.kiosk_tables import KioskRefundRow
from controller.kiosks.refunds import committed_ueur, refund_of, state_in
from controller.kiosks.rules import UNDECIDED, RefundState, check_paid_before, check_pay_back
from controller.kiosks.store import booked_for
from controller.office.audit import AuditAct, record
from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from controller.refunds.acts import ordered_ueur, refund_out_of, reported_ueur
from protocols.documents.till_receipts import RefundStanding
from protocols.errors import RefusedError


@unique
class RefundClaim(StrEnum):
    """What a person says of a refund that this store may have forgotten, since it was restored.

    `again`: it was paid back before. `new`: it was not. `unsaid`: neither.
    """

    AGAIN = "again"
    NEW = "new"
    UNSAID = "unsaid"


def pay_back(
    act: Act, kiosk: str, payment: str, meter: str | None, claim: RefundClaim
) -> tuple[KioskRefundRow, OrderStatus | None]:
    """Order a refund out of the purse: a draft, until a second person signs. No order: it was paid before.

    Raises RefusedError where it is decided or on its way, where the ledger does not hold so much of this
    kiosk, where nobody says whether it was paid before or it cannot have been, and as `refund_out_of`.
    """
    row = refund_of(act.session, kiosk, payment, meter)
    state = state_in(act.session, row)
    unknown_ueur = reported_ueur(act.session, row.meter) - ordered_ueur(act.session, row.meter)
    may_be_paid = bool(row.found) or unknown_ueur >= row.amount_ueur
    if claim is RefundClaim.AGAIN:
        check_paid_before(payment, state, may_be_paid=may_be_paid)
        _end(act, row, RefundStanding.PAID, "before the store was restored")
        return row, None
    check_pay_back(
        payment,
        state,
        row.amount_ueur,
        booked_ueur=booked_for(act.session, kiosk, row.meter),
        committed_ueur=committed_ueur(act.session, kiosk, row.meter),
        may_be_paid=may_be_paid,
        is_new=claim is RefundClaim.NEW,
    )
    status = refund_out_of(act, row.meter, row.amount_ueur)
    row.orders = f"{row.orders} {status.order.id}".strip()
    row.ended_by = row.proof = ""  # whoever has rejected it alone has not been joined
    act.session.add(row)
    _record(act, row, "ordered", order=status.order.id)
    return row, status


def paid(act: Act, kiosk: str, payment: str, meter: str | None, proof: str) -> bool:
    """The money has gone to the household. False where that was said before.

    Raises RefusedError before the meter has confirmed that it took the sum out of the purse.
    """
    row = refund_of(act.session, kiosk, payment, meter)
    if row.ending == RefundStanding.PAID:
        return False
    state = state_in(act.session, row)
    if state is not RefundState.TAKEN:
        raise RefusedError(
            f"payment {payment}: it is {state.value}; "
            f"allowed: once meter {row.meter} has taken it out of its purse"
        )
    _end(act, row, RefundStanding.PAID, proof)
    return True


def reject(act: Act, kiosk: str, payment: str, meter: str | None, reason: str) -> bool:
    """The household does not get it back: the meter keeps it. False where this person said so before.

    That is final, at the kiosk too, so it needs two people; one is enough where the kiosk gave the money back
    itself. Raises RefusedError for one that is ordered, taken or paid.
    """
    row = refund_of(act.session, kiosk, payment, meter)
    if row.ending == RefundStanding.REJECTED:
        return False
    state = state_in(act.session, row)
    if state is not RefundState.VOIDED and state not in UNDECIDED:
        raise RefusedError(f"payment {payment}: it is {state.value}; allowed: owed, refused, voided")
    if state is RefundState.REJECTING and row.ended_by == act.actor.name:
        return False
    if state in (RefundState.REJECTING, RefundState.VOIDED):
        _end(act, row, RefundStanding.REJECTED, reason)
        return True
    row.ended_by, row.proof = act.actor.name, reason
    act.session.add(row)
    _record(act, row, "rejecting")
    return True


def _end(act: Act, row: KioskRefundRow, ending: RefundStanding, proof: str) -> None:
    row.ending, row.proof = ending, proof
    row.ended_by, row.ended_ms = act.actor.name, act.now_ms
    act.session.add(row)
    _record(act, row, ending.value)


def _record(act: Act, row: KioskRefundRow, did: str, order: str = "") -> None:
    record(
        act.session,
        act.now_ms,
        act.actor.name,
        AuditAct.KIOSK_REFUND,
        row.meter,
        kiosk=row.kiosk,
        payment=row.payment,
        amount_ueur=row.amount_ueur,
        did=did,
        order=order or None,
    )
