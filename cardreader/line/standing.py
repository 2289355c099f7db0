"""How the kiosk stands, as its status says it: what waits, and how much of its limits is used."""

import msgspec
from msgspec import Struct
from sqlmodel import Session, col, func, select

from cardreader.kiosk.line_marks import STATEMENTS, TAKEN
from cardreader.kiosk.store import last_heard, noted_mark
from cardreader.kiosk.tables import WAITING, OutgoingRow, StatementRow, UpChannel
from cardreader.line.money import told_of_refunds
from protocols.documents.bodies import PaymentBody
from protocols.documents.envelope import read_envelope
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import body_of, read_order
from protocols.errors import DocumentError
from protocols.limits import KIOSK_WAITING_MAX

# A statement counts by meter, issuer and epoch.
_Key = tuple[str, str, int]


class KioskStanding(Struct, frozen=True, kw_only=True):
    """The values of `kiosk_words.KioskStatus` that the store knows."""

    waiting: int
    offline_ueur: int
    offline_count: int
    heard_ms: int
    issued_ueur: int
    issued_count: int
    issued_numbers: int
    taken: int
    statements: int
    refunds: str


def standing_in(session: Session) -> KioskStanding:
    """How the kiosk stands, by its store."""
    waiting = select(func.count()).select_from(OutgoingRow).where(WAITING)
    offline, heard = _unacknowledged(session), last_heard(session)
    stated = _stated(session)
    return KioskStanding(
        waiting=min(session.exec(waiting).one(), KIOSK_WAITING_MAX),
        offline_ueur=sum(_added(session, key, stated) for key, stated in offline.items()),
        offline_count=min(sum(map(len, offline.values())), KIOSK_WAITING_MAX),
        heard_ms=0 if heard is None else heard.wall_ms,
        issued_ueur=sum(total_ueur for total_ueur, _, _ in stated),
        issued_count=min(sum(count for _, count, _ in stated), KIOSK_WAITING_MAX),
        issued_numbers=sum(number for _, _, number in stated),
        taken=noted_mark(session, TAKEN) or 0,
        statements=noted_mark(session, STATEMENTS) or 0,
        refunds=told_of_refunds(session),
    )


def _stated(session: Session) -> list[tuple[int, int, int]]:
    """Of each meter and epoch: the highest total, how many statements, and the highest number."""
    query = select(func.max(StatementRow.total_ueur), func.count(), func.max(StatementRow.number))
    query = query.where(col(StatementRow.offered) == 1)
    of = (col(StatementRow.meter), col(StatementRow.issuer), col(StatementRow.epoch))
    return list(session.exec(query.group_by(*of)))


def _unacknowledged(session: Session) -> dict[_Key, list[int]]:
    """The totals of the statements that the controller has not acknowledged."""
    query = select(OutgoingRow.payload).where(OutgoingRow.channel == UpChannel.STATEMENTS.value, WAITING)
    found: dict[_Key, list[int]] = {}
    for payload in session.exec(query):
        try:
            order = read_order(read_envelope(payload).payload)
        except (DocumentError, msgspec.MsgspecError):
            continue  # the controller refuses it too
        if order.kind is Kind.PAYMENT:
            body = body_of(order, PaymentBody)
            key = (order.scope.meters[0], body.issuer, body.epoch)
            found.setdefault(key, []).append(body.total_ueur)
    return found


def _added(session: Session, key: _Key, totals: list[int]) -> int:
    """What these statements add to the one before them."""
    meter, issuer, epoch = key
    before = select(func.max(StatementRow.total_ueur)).where(
        StatementRow.meter == meter,
        StatementRow.issuer == issuer,
        StatementRow.epoch == epoch,
        col(StatementRow.total_ueur) < min(totals),
    )
    return max(totals) - (session.exec(before).one() or 0)
