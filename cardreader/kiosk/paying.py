"""A payment at the kiosk: reserve, write, verify, commit. Killed anywhere, the same id makes it good.

1. *Reserve*: the payment is booked before anything else happens; a terminal is asked after that.
2. *Write* and *verify*: the statement of all that counts is staged on the card, and its digest compared.
3. It is noted that a card may have it; then the card's commit makes it true, and its answer is noted.

No money is taken for a card that has no room for the statement. Where money was taken and the card could not
be written, the payment stays open: any later visit of any card of the meter brings it (`stating`), since
every statement carries all that counts.
"""

from dataclasses import dataclass
from typing import Final

from cardreader.kiosk.desk import CardAtDesk, Kiosk, PutOnCard, check_room, shown_by
from cardreader.kiosk.elapsed import pass_time
from cardreader.kiosk.ledger import (
    DraftedStatement,
    TillPurse,
    account_of,
    add_found,
    found_in,
    purse_of,
    seal_statement,
    tell,
    usage_of,
)
from cardreader.kiosk.ports import PaymentPort, PortOutcome
from cardreader.kiosk.rules import (
    Moment,
    PaymentClaim,
    PaymentState,
    check_payment,
    drawn_from_found,
    eur,
    found_money,
    silence_ms,
)
from cardreader.kiosk.shifts import shift_for_money
from cardreader.kiosk.stating import state_on_card
from cardreader.kiosk.store import reading_kiosk, silent_since, writing_kiosk
from cardreader.kiosk.tables import CountedPaymentRow, TakenPaymentRow
from protocols.documents.envelope import Signer
from protocols.documents.till_receipts import TillDeed
from protocols.errors import RefusedError, UnreachableError
from protocols.instants import UtcMs
from protocols.limits import STATEMENT_UEUR_MAX

# Its money is not here any more, or never was; of a refund the office decides.
_ENDED: Final = (PaymentState.DECLINED, PaymentState.VOIDED, PaymentState.REFUND)

_NOBODY: Final = Signer.from_seed(bytes(32))


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment that is on the card. `is_new`: it was not booked before."""

    payment: TakenPaymentRow
    statement: DraftedStatement
    written: PutOnCard
    is_new: bool


def top_up(
    kiosk: Kiosk,
    card: CardAtDesk,
    payment: str,
    amount_ueur: int,
    port: PaymentPort,
    now: Moment,
    claim: PaymentClaim = PaymentClaim.NEW,
) -> Paid:
    """Takes a payment for the card's meter, and puts its statement onto the card.

    `claim`: of an id that is not known here; one that was drawn by lot just now is new. Raises RefusedError
    where it is declined, beyond a limit, or nobody says whether it was paid before; UnreachableError where
    the terminal's answer is not known: then it stays open, and the same command asks what became of it.
    """
    purse, now_ms = purse_of(kiosk.home, card.meter), kiosk.now_ms(now.wall_ms)
    is_new = _reserve(kiosk, card, purse, payment, amount_ueur, port, now, claim)
    _take(kiosk, payment, amount_ueur, port, now_ms, is_new=is_new)

    def check(draft: DraftedStatement) -> None:
        if payment not in draft.carries:
            raise _not_carried(kiosk, payment)

    statement, written = state_on_card(kiosk, card, purse, now_ms, check)
    with reading_kiosk(kiosk.engine) as session:
        row = session.get_one(TakenPaymentRow, payment)
        session.expunge(row)
    return Paid(row, statement, written, is_new)


def _reserve(
    kiosk: Kiosk,
    card: CardAtDesk,
    purse: TillPurse,
    payment: str,
    amount_ueur: int,
    port: PaymentPort,
    now: Moment,
    claim: PaymentClaim,
) -> bool:
    """Books the payment as asked. Returns False for one that is booked already."""
    now_ms = kiosk.now_ms(now.wall_ms)
    if claim is PaymentClaim.AGAIN:
        _check_taken(port, payment)
    else:
        _check_room(kiosk, card, purse, payment, amount_ueur, now_ms)
    # By itself: what has passed has passed, also where the payment is refused.
    with writing_kiosk(kiosk.engine) as session:
        counted_ms = pass_time(session, now, kiosk.judged_ms(now.wall_ms))
    with writing_kiosk(kiosk.engine) as session:
        row = session.get(TakenPaymentRow, payment)
        if row is not None:
            _check_same(row, card.meter, amount_ueur, port)
            return False
        shift = shift_for_money(session, kiosk.home)
        account = account_of(session, purse)
        found_ueur = found_money(account, shown_by(kiosk.home, card, purse))
        silent_ms = silence_ms(silent_since(session), now)
        usage = usage_of(session, card.meter, counted_ms, now_ms, silent_ms)
        drawn_ueur = drawn_from_found(amount_ueur, found_in(session, purse) + found_ueur, claim)
        # What was found is no money that this kiosk takes now: no limit stands against it.
        limits = None if drawn_ueur == amount_ueur else kiosk.till_limits()
        check_payment(amount_ueur, limits, usage, account)
        add_found(session, purse, found_ueur - drawn_ueur, now_ms)
        row = TakenPaymentRow(
            id=payment,
            meter=card.meter,
            card=card.serial,
            reference=card.pairing.reference,
            issuer=purse.issuer,
            epoch=purse.epoch,
            amount_ueur=amount_ueur,
            means=port.means,
            state=PaymentState.ASKED,
            shift=None if shift is None else shift.number,
            clerk="" if shift is None else shift.clerk,
            asked_ms=now_ms,
            changed_ms=now_ms,
        )
        session.add(row)
        session.add(CountedPaymentRow(payment=payment, counted_ms=counted_ms))
        if drawn_ueur:
            # A card, or the meter, may have it: so it can be given back by a refund only.
            row.state, row.chain = PaymentState.WRITTEN, -1
            tell(session, kiosk.home, row, TillDeed.TAKEN, now_ms)
    return True


def _check_room(
    kiosk: Kiosk, card: CardAtDesk, purse: TillPurse, payment: str, amount_ueur: int, now_ms: UtcMs
) -> None:
    """Raises RefusedError for a new payment whose statement would not fit: no money is taken for that.

    A statement is planned that is as long, in a signature that nobody takes for the kiosk's.
    """
    with reading_kiosk(kiosk.engine) as session:
        if session.get(TakenPaymentRow, payment) is not None:
            return
        account = account_of(session, purse)
    known_ueur = max(account.counting_ueur, shown_by(kiosk.home, card, purse).proved_ueur)
    total_ueur = min(known_ueur + amount_ueur, STATEMENT_UEUR_MAX)
    number = account.number + 1
    check_room(kiosk, card, seal_statement(kiosk.home, purse, number, total_ueur, now_ms, _NOBODY), now_ms)


def _check_taken(port: PaymentPort, payment: str) -> None:
    """Raises RefusedError where the terminal knows of no money by this id, UnreachableError as `top_up`."""
    outcome = port.outcome(payment)
    if outcome is PortOutcome.DECLINED:
        raise RefusedError(f"payment {payment}: the terminal has taken nothing by this id")
    if outcome is PortOutcome.UNKNOWN:
        raise UnreachableError(f"payment {payment}: the terminal does not say what became of it")


def _take(
    kiosk: Kiosk, payment: str, amount_ueur: int, port: PaymentPort, now_ms: UtcMs, *, is_new: bool
) -> None:
    """Has the port take the money of a payment that is asked."""
    with reading_kiosk(kiosk.engine) as session:
        state = PaymentState(session.get_one(TakenPaymentRow, payment).state)
    if state == PaymentState.ASKED:
        outcome = port.take(payment, amount_ueur) if is_new else port.outcome(payment)
        if outcome is PortOutcome.UNKNOWN:
            raise UnreachableError(
                f"payment {payment}: the terminal does not say what became of it: repeat the command with "
                f"--id {payment}, or void it"
            )
        state = settle(kiosk, payment, outcome, now_ms)
    _check_is_paid(payment, state)


def _check_is_paid(payment: str, state: PaymentState) -> None:
    if state is PaymentState.CANCELLING:
        raise RefusedError(f"payment {payment}: it is being cancelled at the terminal: `void` finishes that")
    if state in _ENDED:
        raise RefusedError(f"payment {payment}: it is {state}; take a new id for another one")


def _not_carried(kiosk: Kiosk, payment: str) -> RefusedError:
    """Why no statement carries a payment whose money was here a moment ago."""
    with reading_kiosk(kiosk.engine) as session:
        row = session.get_one(TakenPaymentRow, payment)
        state, epoch = PaymentState(row.state), row.epoch
    _check_is_paid(payment, state)
    return RefusedError(
        f"payment {payment}: its statement is of epoch {epoch} of this kiosk, which is closed: the office "
        f"sees whether the meter has it; `void --id {payment} --refund` asks for it back"
    )


def settle(kiosk: Kiosk, payment: str, outcome: PortOutcome, now_ms: UtcMs) -> PaymentState:
    """Notes what the port said of a payment that is asked; returns its state then."""
    with writing_kiosk(kiosk.engine) as session:
        row = session.get_one(TakenPaymentRow, payment)
        if row.state == PaymentState.ASKED:
            approved = outcome is PortOutcome.APPROVED
            row.state = PaymentState.TAKEN if approved else PaymentState.DECLINED
            row.changed_ms = now_ms
            session.add(row)
            if approved:
                tell(session, kiosk.home, row, TillDeed.TAKEN, now_ms)
        return PaymentState(row.state)


def _check_same(row: TakenPaymentRow, meter: str, amount_ueur: int, port: PaymentPort) -> None:
    if (row.meter, row.amount_ueur, row.means) != (meter, amount_ueur, port.means):
        said = f"{eur(row.amount_ueur)} for meter {row.meter}, {row.means}"
        raise RefusedError(f"--id: {row.id} is another payment, of {said}; take a new id")
