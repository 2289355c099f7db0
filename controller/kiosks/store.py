"""Kiosks in the store: their rows, limits and documents (docs/kiosk.md)."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from sqlmodel import Session, col, func, select

from controller.database.kiosk_tables import KioskDocumentRow, KioskRow, KioskStatementRow
from controller.database.tables import PaymentRow
from controller.kiosks.rules import FIRST_CARD_GENERATION, CardGenerations, StatementStanding
from controller.office.sealed_store import keep_sealed, sealed
from protocols.documents.envelope import read_envelope
from protocols.documents.kiosk_limits import KioskLimits, read_limits
from protocols.errors import RefusedError, quoted
from protocols.link.kiosk_words import KioskStatus, item_digest

_GENERATION: Final = "kiosks/generation"
_SHUT: Final = "kiosks/generation/shut"
_ENDED: Final = "kiosks/generation/ended"
_statuses: msgspec.json.Decoder[KioskStatus] = msgspec.json.Decoder(KioskStatus)


def kiosk_of(session: Session, name: str) -> KioskRow:
    """The kiosk of this name. Raises RefusedError where there is none."""
    row = session.get(KioskRow, name)
    if row is None:
        known = ", ".join(session.exec(select(KioskRow.id).order_by(KioskRow.id))) or "none is there yet"
        raise RefusedError(f"no such kiosk: {quoted(name)}; allowed: {known}")
    return row


def kiosks_in(session: Session, *, revoked: bool = True) -> list[KioskRow]:
    """All kiosks by name; without the revoked ones where that is asked."""
    rows = session.exec(select(KioskRow).order_by(KioskRow.id)).all()
    return [row for row in rows if revoked or row.revoked_ms is None]


def limits_of(row: KioskRow) -> KioskLimits:
    """The limits that a kiosk has now."""
    return read_limits(read_envelope(row.limits.encode()).payload)


def status_said(row: KioskRow) -> KioskStatus | None:
    """How a kiosk last said that it stands."""
    return None if row.status is None else _statuses.decode(row.status)


def generations_in(session: Session) -> CardGenerations:
    """Which generations of card keys count. In a store of before each new one has shut out those before."""
    newest = _number(session, _GENERATION, FIRST_CARD_GENERATION)
    return CardGenerations(newest, _number(session, _SHUT, newest), _number(session, _ENDED, 0))


def generations_said(session: Session) -> CardGenerations:
    """As `generations_in`, and above what kiosks say they hold: the next one must be new to all of them."""
    statuses = (status_said(row) for row in kiosks_in(session, revoked=False))
    return generations_in(session).above(said.generation for said in statuses if said is not None)


def keep_generations(session: Session, generations: CardGenerations) -> None:
    """Let these be the generations of card keys."""
    for name, number in zip((_GENERATION, _SHUT, _ENDED), generations, strict=True):
        keep_sealed(session, name, str(number).encode())


def _number(session: Session, name: str, otherwise: int) -> int:
    found = sealed(session, name)
    return otherwise if found is None else int(found)


def put_documents(session: Session, kiosk: KioskRow, meter: str, wanted: dict[str, bytes]) -> int:
    """Let these be the documents for a meter's cards at a kiosk, by object; returns how many have changed.

    What is there and not wanted is marked as gone, so that the kiosk forgets it.
    """
    query = select(KioskDocumentRow).where(
        KioskDocumentRow.kiosk == kiosk.id, KioskDocumentRow.meter == meter
    )
    held = {row.object: row for row in session.exec(query)}
    changed = 0
    for name in sorted(held.keys() | wanted.keys()):
        envelope = wanted.get(name, b"")
        digest = item_digest(envelope) if envelope else ""
        row = held.get(name)
        if row is not None and row.digest == digest:
            continue
        kiosk.numbered += 1
        changed += 1
        if row is None:
            row = KioskDocumentRow(
                kiosk=kiosk.id, meter=meter, object=name, number=0, digest="", envelope=b""
            )
        row.number, row.digest, row.envelope = kiosk.numbered, digest, envelope
        session.add(row)
    if changed:
        session.add(kiosk)
        session.flush()
    return changed


def documents_after(session: Session, kiosk: str, number: int, limit: int) -> list[KioskDocumentRow]:
    """What has changed above this number, the first one first."""
    query = (
        select(KioskDocumentRow)
        .where(KioskDocumentRow.kiosk == kiosk, col(KioskDocumentRow.number) > number)
        .order_by(col(KioskDocumentRow.number))
        .limit(limit)
    )
    return list(session.exec(query))


def booked_by_purse(session: Session, kiosk: str) -> dict[tuple[str, int], int]:
    """What the ledger holds of a kiosk's statements, by meter and epoch, less what it has given back."""
    query = (
        select(
            KioskStatementRow.meter,
            KioskStatementRow.issuer,
            KioskStatementRow.epoch,
            func.max(KioskStatementRow.total_ueur),
        )
        .where(KioskStatementRow.kiosk == kiosk, KioskStatementRow.standing == StatementStanding.BOOKED)
        .group_by(KioskStatementRow.meter, KioskStatementRow.issuer, col(KioskStatementRow.epoch))
    )
    stated = session.exec(query).all()
    issuers = {issuer for _, issuer, _, _ in stated}
    given = (
        select(PaymentRow.meter, PaymentRow.issuer, PaymentRow.epoch, func.sum(PaymentRow.voided_ueur))
        .where(col(PaymentRow.issuer).in_(issuers), col(PaymentRow.voided_ueur) > 0)
        .group_by(PaymentRow.meter, PaymentRow.issuer, col(PaymentRow.epoch))
    )
    voided = {(meter, issuer, epoch): int(sum_ueur) for meter, issuer, epoch, sum_ueur in session.exec(given)}
    return {
        (meter, epoch): total_ueur - voided.get((meter, issuer, epoch), 0)
        for meter, issuer, epoch, total_ueur in stated
    }


def booked_ueur(session: Session, kiosk: str) -> int:
    """What the ledger holds of a kiosk's statements, over all meters and epochs."""
    return sum(booked_by_purse(session, kiosk).values())


def booked_for(session: Session, kiosk: str, meter: str) -> int:
    """What the ledger holds of a kiosk's statements for one meter, over all epochs."""
    return sum(ueur for (of, _), ueur in booked_by_purse(session, kiosk).items() if of == meter)


class StatedBy(NamedTuple):
    """All that has come of a kiosk's statements, booked or not.

    `total_ueur`: the sum of the highest totals of its meters and epochs; `statements`: how many; `numbers`:
    the sum of the highest numbers.
    """

    total_ueur: int
    statements: int
    numbers: int


def stated_in(session: Session, kiosk: str) -> StatedBy:
    """What a kiosk has stated, as far as it has come."""
    query = (
        select(func.max(KioskStatementRow.total_ueur), func.count(), func.max(KioskStatementRow.number))
        .where(KioskStatementRow.kiosk == kiosk)
        .group_by(col(KioskStatementRow.meter), col(KioskStatementRow.epoch))
    )
    rows = session.exec(query).all()
    return StatedBy(*(sum(row[each] for row in rows) for each in range(3)))


def last_place(session: Session, kiosk: str) -> int:
    """The place of the last statement of a kiosk that is booked; 0: there is none."""
    query = select(func.max(KioskStatementRow.place)).where(KioskStatementRow.kiosk == kiosk)
    return session.exec(query).one() or 0


def next_place(session: Session, kiosk: KioskRow) -> int:
    """The place of the next statement of a kiosk that is booked.

    A controller that was restored numbers on above what the kiosk was told.
    """
    said = status_said(kiosk)
    return max(last_place(session, kiosk.id), 0 if said is None else said.statements) + 1


def statements_after(session: Session, kiosk: str, place: int, limit: int) -> list[KioskStatementRow]:
    """The statements that are booked, from this place on."""
    query = (
        select(KioskStatementRow)
        .where(KioskStatementRow.kiosk == kiosk, col(KioskStatementRow.place) > place)
        .order_by(col(KioskStatementRow.place))
        .limit(limit)
    )
    return list(session.exec(query))


def statements_in(
    session: Session, kiosk: str | None, standings: Iterable[StatementStanding]
) -> list[KioskStatementRow]:
    """The statements that stand so, by meter and total."""
    query = select(KioskStatementRow).where(
        col(KioskStatementRow.standing).in_([each.value for each in standings])
    )
    if kiosk is not None:
        query = query.where(KioskStatementRow.kiosk == kiosk)
    ordered = query.order_by(
        KioskStatementRow.meter, col(KioskStatementRow.epoch), col(KioskStatementRow.total_ueur)
    )
    return list(session.exec(ordered))
