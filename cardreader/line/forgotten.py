"""Statements of this kiosk's own key that its store has forgotten, as the office tells them back.

The store was put back to an earlier copy. What its key has signed it believes; but one statement alone says
little, since a later one may have taken a payment back. So what was forgotten is kept until the last of those
that the office has was told, and then the one with the highest number says what was paid. Each step may be
repeated, and works in the caller's transaction.
"""

import logging
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from sqlmodel import Session, select

from cardreader.kiosk.home import KioskHome
from cardreader.kiosk.ledger import TillPurse, account_of, add_found, found_in, payments_of
from cardreader.kiosk.line_marks import STATEMENTS
from cardreader.kiosk.rules import PaymentState
from cardreader.kiosk.store import note_mark, noted_mark
from cardreader.kiosk.tables import ForgottenStatementRow, StatementRow
from protocols.documents.bodies import PaymentBody
from protocols.documents.envelope import read_envelope, valid_keyids
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, Order, body_of, read_order
from protocols.errors import DocumentError, RefusedError
from protocols.instants import UtcMs
from protocols.link.kiosk_words import KioskOrders, StatementTold

logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()


class Stated(NamedTuple):
    """A statement, by what it says. Of two with one number, the store was put back between them."""

    number: int
    total_ueur: int


NOTHING_STATED: Final = Stated(0, 0)


class TillKnown(NamedTuple):
    """What the store knows of a purse without what was told.

    `counting_ueur`: all that counts, what was found among it (`found_ueur`) and what no card can have yet
    (`taken_ueur`). `number`, `signed_ueur`: the highest number and total that it has signed. `before_ueur`:
    the total of its last statement before the first that it has forgotten.
    """

    counting_ueur: int = 0
    found_ueur: int = 0
    taken_ueur: int = 0
    number: int = 0
    signed_ueur: int = 0
    before_ueur: int = 0


def found_by_statements(known: TillKnown, forgotten: Sequence[Stated]) -> int:
    """How much more was paid to a purse than its store knows, by what it has forgotten; below zero: less.

    The last of them is the sum of all that counted then: also of what a void had taken back. What was taken
    since is on no card, and counts beside it; what a card has shown may be later than all that was told.

    A store that has signed since it was put back has two sequences. What a void had taken back is exact then
    too; else the sum may be below what was paid, until a payment is entered again, and is never above it.
    """
    if not forgotten:
        return 0
    last = max(forgotten)
    if known.number >= min(forgotten).number:
        less_ueur = last.total_ueur - known.before_ueur
        more_ueur = max(0, last.total_ueur - max(known.counting_ueur, known.signed_ueur))
    else:
        less_ueur = last.total_ueur - known.counting_ueur + known.taken_ueur
        more_ueur = max(0, last.total_ueur - known.counting_ueur)
    return more_ueur if known.found_ueur > 0 else more_ueur or min(0, less_ueur)


def take_statements(session: Session, home: KioskHome, orders: KioskOrders, now_ms: UtcMs) -> bool:
    """Keep the statements that were told, and what they prove once the last has come.

    Returns whether the next status has something to say of it: where some before them are missing, too.
    """
    told, taken = orders.statements, noted_mark(session, STATEMENTS) or 0
    if not told:
        return False
    if orders.statements_after > taken:
        return True
    for each in told:
        if each.place > taken:
            _take_statement(session, home, each, now_ms)
            taken = each.place
    note_mark(session, STATEMENTS, taken)
    if taken >= orders.statements_last:
        _settle(session, home, now_ms)
    return True


def _take_statement(session: Session, home: KioskHome, told: StatementTold, now_ms: UtcMs) -> None:
    envelope = _encoder.encode(told.envelope)
    order = _own(home, envelope)
    if order is None:
        logger.warning("line: a statement that was told is not of this kiosk's key")
        return
    body, meter = body_of(order, PaymentBody), order.scope.meters[0]
    row = session.get(StatementRow, (meter, body.issuer, body.epoch, body.number))
    if row is not None and row.total_ueur == body.total_ueur:
        row.offered = 1
        session.add(row)
        session.flush()
        return
    session.merge(
        ForgottenStatementRow(
            place=told.place,
            meter=meter,
            issuer=body.issuer,
            epoch=body.epoch,
            number=body.number,
            total_ueur=body.total_ueur,
        )
    )
    if row is None:
        session.add(
            StatementRow(
                meter=meter,
                issuer=body.issuer,
                epoch=body.epoch,
                number=body.number,
                total_ueur=body.total_ueur,
                envelope=envelope,
                at_ms=now_ms,
                offered=1,
            )
        )
    session.flush()


def _settle(session: Session, home: KioskHome, now_ms: UtcMs) -> None:
    """Book what was forgotten in the present epoch, once; in another one no statement is made any more."""
    rows = session.exec(select(ForgottenStatementRow)).all()
    forgotten: dict[TillPurse, list[Stated]] = {}
    for row in rows:
        purse = TillPurse(row.meter, row.issuer, row.epoch)
        forgotten.setdefault(purse, []).append(Stated(row.number, row.total_ueur))
        session.delete(row)
    for purse, signed in forgotten.items():
        if purse.epoch == _epoch(home):
            known = _known(session, purse, signed)
            add_found(session, purse, found_by_statements(known, signed), now_ms)
    session.flush()


def _epoch(home: KioskHome) -> int | None:
    """The epoch in which its statements count; None: its issuer is closed, and comes back in another one."""
    try:
        return home.epoch()
    except RefusedError:
        return None


def _known(session: Session, purse: TillPurse, forgotten: Sequence[Stated]) -> TillKnown:
    query = select(StatementRow).where(
        StatementRow.meter == purse.meter,
        StatementRow.issuer == purse.issuer,
        StatementRow.epoch == purse.epoch,
    )
    kept = {Stated(row.number, row.total_ueur) for row in session.exec(query)}
    own = {NOTHING_STATED} | kept - set(forgotten)
    return TillKnown(
        counting_ueur=account_of(session, purse).counting_ueur,
        found_ueur=found_in(session, purse),
        taken_ueur=sum(
            each.amount_ueur for each in payments_of(session, purse) if each.state == PaymentState.TAKEN
        ),
        number=max(own).number,
        signed_ueur=max(each.total_ueur for each in own),
        before_ueur=max(each for each in own if each.number < min(forgotten).number).total_ueur,
    )


def _own(home: KioskHome, envelope: bytes) -> Order | None:
    """The statement in an envelope that this kiosk's key has signed; None for anything else."""
    try:
        sealed = read_envelope(envelope)
        if sealed.payload_type != ORDER_TYPE:
            return None
        if not valid_keyids(sealed, {home.signer.keyid: home.signer.public}):
            return None
        order = read_order(sealed.payload)
    except DocumentError:
        return None
    is_own = order.kind is Kind.PAYMENT and body_of(order, PaymentBody).issuer == home.form.issuer
    return order if is_own and len(order.scope.meters) == 1 else None
