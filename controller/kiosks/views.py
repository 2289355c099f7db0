"""Which kiosks there are, how they stand, and where card, meter and ledger do not agree."""

from collections.abc import Iterator
from enum import StrEnum, unique

from msgspec import Struct
from sqlmodel import Session, func, select

from controller.database.kiosk_tables import CardMeterRow, KioskRow, KioskStatementRow
from controller.kiosks.areas import areas_of, documents_too_large, meters_in_areas
from controller.kiosks.intake import credited_ueur
from controller.kiosks.rules import (
    DOUBTED,
    FIRST_CARD_GENERATION,
    CardGenerations,
    DifferenceKind,
    KioskDifference,
    StatementStanding,
    kiosk_difference,
    lacks_card_keys,
    meter_difference,
)
from controller.kiosks.store import (
    booked_by_purse,
    booked_ueur,
    generations_in,
    kiosk_of,
    kiosks_in,
    limits_of,
    stated_in,
    statements_in,
    status_said,
)
from controller.office.issuers_store import issuers_in_force
from protocols.documents.kiosk_limits import KioskLimits
from protocols.link.kiosk_words import KioskStatus


@unique
class KioskState(StrEnum):
    """`proposed`: no second person has signed its issuer yet, so no meter takes its payments."""

    PROPOSED = "proposed"
    ONLINE = "online"
    OFFLINE = "offline"
    REVOKED = "revoked"


class KioskView(Struct, frozen=True, kw_only=True):
    """A kiosk. `status`: its last word; None before the first. `heard_ms`: when that came.

    `booked_ueur`: its payments in the ledger. `closed`: of a revoked one, whether its issuer is closed too.
    `generation`: of the card keys that it says it holds; 0: none yet. `documents`: for cards, that it has not
    taken yet. `meters`: whose card was seen here last. `areas`: that it serves too, `near` meters of them,
    `left_out` more than it keeps documents for. `too_large`: meter and object of documents that no card
    holds.
    """

    name: str
    office: str
    state: KioskState
    epoch: int
    generation: int
    limits: KioskLimits
    status: KioskStatus | None
    heard_ms: int | None
    offline_since_ms: int | None
    booked_ueur: int
    doubted: int
    documents: int
    meters: int
    closed: bool
    areas: tuple[str, ...] = ()
    near: int = 0
    left_out: int = 0
    too_large: tuple[tuple[str, str], ...] = ()


def list_kiosks(session: Session) -> list[KioskView]:
    """All kiosks, by name."""
    return [_view(session, row) for row in kiosks_in(session)]


class CardKeysView(Struct, frozen=True, kw_only=True):
    """The generations of card keys. `lacking`: kiosks that have not said yet that they hold the newest.

    One that has never spoken holds those of the day on which its home was made.
    """

    generations: CardGenerations
    lacking: tuple[str, ...]


def view_card_keys(session: Session) -> CardKeysView:
    """Which card keys count, and which kiosks do not hold them yet."""
    generations = generations_in(session)
    lacking = [
        row.id
        for row in kiosks_in(session, revoked=False)
        if _may_lack_card_keys(status_said(row), generations)
    ]
    return CardKeysView(generations=generations, lacking=tuple(lacking))


def _may_lack_card_keys(said: KioskStatus | None, generations: CardGenerations) -> bool:
    if said is None:
        return generations.newest > FIRST_CARD_GENERATION
    return lacks_card_keys(said, generations)


def show_kiosk(session: Session, name: str) -> KioskView:
    """One kiosk. Raises RefusedError where there is none."""
    return _view(session, kiosk_of(session, name))


def reconcile(session: Session, kiosk: str | None = None) -> list[KioskDifference]:
    """Where card, meter and ledger do not agree, of one kiosk or of all. Raises RefusedError as above."""
    rows = kiosks_in(session) if kiosk is None else [kiosk_of(session, kiosk)]
    return [difference for row in rows for difference in _differences(session, row)]


def _view(session: Session, row: KioskRow) -> KioskView:
    sealed = issuers_in_force(session)
    issuer = None if sealed is None else sealed.issuers.of(row.office)
    named = issuer is not None and issuer.public == row.public
    if row.revoked_ms is not None:
        state = KioskState.REVOKED
    elif not named:
        state = KioskState.PROPOSED
    else:
        state = KioskState.ONLINE if row.online else KioskState.OFFLINE
    status = status_said(row)
    served = select(func.count()).select_from(CardMeterRow).where(CardMeterRow.kiosk == row.id)
    near = meters_in_areas(session, row, counted=True)
    return KioskView(
        name=row.id,
        office=row.office,
        state=state,
        epoch=issuer.epoch if issuer is not None and named else 0,
        generation=0 if status is None else status.generation,
        limits=limits_of(row),
        status=status,
        heard_ms=row.heard_ms,
        offline_since_ms=None if row.online else row.heard_ms,
        booked_ueur=booked_ueur(session, row.id),
        doubted=len(statements_in(session, row.id, DOUBTED)),
        documents=max(row.numbered - (0 if status is None else status.taken), 0),
        meters=session.exec(served).one(),
        closed=row.revoked_ms is not None and not named,
        areas=areas_of(session, row.id),
        near=len(near.spoke),
        left_out=near.left_out,
        too_large=tuple(documents_too_large(session, row.id)),
    )


def _differences(session: Session, row: KioskRow) -> Iterator[KioskDifference]:
    total = kiosk_difference(row.id, stated_in(session, row.id).total_ueur, status_said(row))
    if total is not None and not _came_since(session, row):
        yield total
    waiting = (*DOUBTED, StatementStanding.UNKNOWN_METER)
    for each in statements_in(session, row.id, waiting):
        yield KioskDifference(
            kind=DifferenceKind(each.standing),
            kiosk=row.id,
            meter=each.meter,
            ledger_ueur=0,
            found_ueur=each.total_ueur,
        )
    booked = booked_by_purse(session, row.id)
    said = {
        (card.meter, epoch): held_ueur
        for card in session.exec(select(CardMeterRow).order_by(CardMeterRow.meter))
        for (issuer, epoch), held_ueur in credited_ueur(card).items()
        if issuer == row.office
    }
    own = {epoch for _, epoch in booked} | _epochs(session, row)
    for meter, epoch in sorted(booked.keys() | {key for key in said if key[1] in own}):
        found = meter_difference(row.id, meter, booked.get((meter, epoch), 0), said.get((meter, epoch), 0))
        if found is not None:
            yield found


def _came_since(session: Session, row: KioskRow) -> bool:
    """Whether a statement has come since the kiosk last said how it stands: then that is old."""
    last = select(func.max(KioskStatementRow.received_ms)).where(KioskStatementRow.kiosk == row.id)
    return (session.exec(last).one() or 0) > (row.heard_ms or 0)


def _epochs(session: Session, row: KioskRow) -> set[int]:
    """The epoch in which the kiosk's own key counts now: what a meter has of another is another kiosk's."""
    sealed = issuers_in_force(session)
    issuer = None if sealed is None else sealed.issuers.of(row.office)
    return {issuer.epoch} if issuer is not None and issuer.public == row.public else set()
