"""Which areas of the DSO's file a kiosk serves, beside the meters whose card was seen there last.

A household may come to another kiosk than before, or for the first time: then what its meter lacks should lie
there already. So a kiosk keeps documents for meters that only cards reach in its areas too, for a bounded
number of them, those first that were not seen for the longest time.
"""

import msgspec
from msgspec import Struct
from sqlalchemy import and_, or_
from sqlmodel import Session, col, func, select

from controller.database.kiosk_tables import CardMeterRow, KioskDocumentRow, KioskRow
from controller.database.tables import HouseholdRow, MeterRow
from controller.kiosks.rules import AREA_METERS_MAX, AREAS_MAX, CARD_DOCUMENT_BYTES_MAX
from controller.kiosks.store import kiosk_of
from controller.meters.registry import BY_CARD
from controller.office.audit import AuditAct, record
from controller.office.sealed_store import keep_sealed, sealed
from controller.orders.acting import Act
from protocols.errors import InputError, RefusedError, quoted

_areas: msgspec.json.Decoder[tuple[str, ...]] = msgspec.json.Decoder(tuple[str, ...])


class AreaMeters(Struct, frozen=True, kw_only=True):
    """Meters of a kiosk's areas. `spoke`: whether each has ever spoken; `left_out`: how many have no room."""

    spoke: dict[str, bool]
    left_out: int = 0


def areas_of(session: Session, kiosk: str) -> tuple[str, ...]:
    """The areas that a kiosk serves."""
    found = sealed(session, _name(kiosk))
    return () if found is None else _areas.decode(found)


def set_areas(act: Act, kiosk: str, areas: tuple[str, ...]) -> bool:
    """Let a kiosk serve these areas. False where it does already.

    Raises RefusedError for a kiosk that is revoked or not there, InputError for an area of nobody.
    """
    row = kiosk_of(act.session, kiosk)
    if row.revoked_ms is not None:
        raise RefusedError(f"kiosk {kiosk}: is revoked, for good")
    if len(areas) > AREAS_MAX:
        raise InputError(f"--area: {len(areas)} areas; allowed: at most {AREAS_MAX}")
    known = act.session.exec(select(HouseholdRow.area).distinct().order_by(HouseholdRow.area)).all()
    for area in areas:
        if area not in known:
            allowed = ", ".join(each for each in known if each) or "none: the file names no area"
            raise InputError(f"--area: {quoted(area)} is of no household; allowed: {allowed}")
    wanted = tuple(sorted(set(areas)))
    if wanted == areas_of(act.session, kiosk):
        return False
    keep_sealed(act.session, _name(kiosk), msgspec.json.encode(wanted))
    record(
        act.session,
        act.now_ms,
        act.actor.name,
        AuditAct.KIOSK,
        f"kiosk/{kiosk}",
        areas=" ".join(wanted) or None,
    )
    return True


def meters_in_areas(session: Session, kiosk: KioskRow, *, counted: bool = False) -> AreaMeters:
    """The meters of a kiosk's areas that only cards reach, whose card was not seen there last.

    Those that no kiosk has seen come first, then those seen the longest ago. `counted`: also how many have no
    room.
    """
    areas = areas_of(session, kiosk.id)
    if not areas:
        return AreaMeters(spoke={})
    by_link = col(HouseholdRow.link)
    silent = and_(col(MeterRow.id).is_(None), or_(by_link.is_(None), by_link == BY_CARD))
    seen_at = col(CardMeterRow.kiosk)
    query = (
        select(HouseholdRow.meter, MeterRow.id)
        .outerjoin(MeterRow, col(MeterRow.id) == col(HouseholdRow.meter))
        .outerjoin(CardMeterRow, col(CardMeterRow.meter) == col(HouseholdRow.meter))
        .where(
            col(HouseholdRow.area).in_(areas),
            or_(silent, col(MeterRow.link) == BY_CARD),
            or_(seen_at.is_(None), seen_at != kiosk.id),
        )
    )
    ordered = query.order_by(func.coalesce(CardMeterRow.seen_ms, 0), col(HouseholdRow.meter))
    spoke = {meter: known is not None for meter, known in session.exec(ordered.limit(AREA_METERS_MAX))}
    total = session.exec(select(func.count()).select_from(query.subquery())).one() if counted else 0
    return AreaMeters(spoke=spoke, left_out=max(total - len(spoke), 0))


def documents_too_large(session: Session, kiosk: str) -> list[tuple[str, str]]:
    """Meter and object of each document that no file of a card holds, and so waits in vain."""
    query = (
        select(KioskDocumentRow.meter, KioskDocumentRow.object)
        .where(
            KioskDocumentRow.kiosk == kiosk,
            KioskDocumentRow.digest != "",
            func.length(KioskDocumentRow.envelope) > CARD_DOCUMENT_BYTES_MAX,
        )
        .order_by(KioskDocumentRow.meter, KioskDocumentRow.object)
    )
    return [(meter, name) for meter, name in session.exec(query)]


def _name(kiosk: str) -> str:
    return f"kiosks/areas/{kiosk}"
