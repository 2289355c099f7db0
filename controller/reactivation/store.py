"""Reads and writes the rows of reactivations, as the values that the rules take."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct
from sqlmodel import Session, col, func, select

from controller.database.bulk import in_batches
from controller.database.campaign_tables import (
    CampaignHouseholdRow,
    CampaignRow,
    ContactRow,
    HappeningRow,
    NoticeRow,
)
from controller.database.numbers import next_number
from controller.database.tables import DeliveryRow, HouseholdRow, MeterRow, TenancyRow
from controller.orders.life import HELD_DELIVERIES
from controller.reactivation.rules import Happening, LearnedBy, Means, Noted, NoticeState, Written
from protocols.arguments import did_you_mean
from protocols.errors import RefusedError, quoted


class Addressee(Struct, frozen=True, kw_only=True):
    """A household of a reactivation, and all that decides what is sent to it."""

    ean: str
    meter: str
    energy: str | None
    language: str | None
    contact: ContactRow | None
    has_left: bool
    remote: bool
    noted: tuple[Noted, ...]
    written: tuple[Written, ...]
    balance_ueur: int | None
    reported_ms: int | None


def campaign_named(session: Session, name: str) -> CampaignRow:
    """The reactivation of this name. Raises RefusedError where there is none."""
    row = session.get(CampaignRow, name)
    if row is None:
        hint = did_you_mean(name, session.exec(select(CampaignRow.name)).all())
        raise RefusedError(f"no reactivation {quoted(name)}{hint} `relance reactivation status` shows all")
    return row


def member(session: Session, campaign: str, name: str) -> str:
    """The EAN of a household of a reactivation, by its EAN or meter. Raises RefusedError for any other."""
    query = select(HouseholdRow.ean).where(HouseholdRow.meter == name)
    ean = session.exec(query).first() or name
    if session.get(CampaignHouseholdRow, (campaign, ean)) is None:
        raise RefusedError(f"{quoted(name)}: is no household of {campaign}")
    return ean


def members_after(session: Session, campaign: str, after: str, limit: int | None = None) -> list[str]:
    """The EANs of a reactivation's households, sorted, beginning after one."""
    mine = col(CampaignHouseholdRow.campaign) == campaign, col(CampaignHouseholdRow.ean) > after
    query = select(CampaignHouseholdRow.ean).where(*mine).order_by(CampaignHouseholdRow.ean)
    return list(session.exec(query.limit(limit)))


def households(
    session: Session, campaign: CampaignRow, eans: Collection[str], known_ms: int | None = None
) -> dict[str, Addressee]:
    """These households of a reactivation, by EAN; who has left, by what was recorded until `known_ms`."""
    found: dict[str, Addressee] = {}
    for batch in in_batches(eans):
        noted, written = _noted(session, campaign.name, batch), _written(session, campaign.name, batch)
        left = _left_since(session, campaign.name, batch, known_ms)
        remote = _reached_by_order(session, campaign.order_id, batch)
        query = (
            select(HouseholdRow, ContactRow, MeterRow.balance_ueur, MeterRow.reported_ms)
            .outerjoin(ContactRow, col(ContactRow.ean) == HouseholdRow.ean)
            .outerjoin(MeterRow, col(MeterRow.id) == HouseholdRow.meter)
            .where(col(HouseholdRow.ean).in_(batch))
        )
        for row, contact, balance_ueur, reported_ms in session.exec(query):
            found[row.ean] = Addressee(
                ean=row.ean,
                meter=row.meter,
                energy=row.energy,
                language=row.language,
                contact=contact,
                has_left=row.ean in left,
                remote=row.ean in remote,
                noted=noted[row.ean],
                written=written[row.ean],
                balance_ueur=balance_ueur,
                reported_ms=reported_ms,
            )
    return found


def note(
    session: Session,
    campaign: str,
    ean: str,
    noted: Noted,
    *,
    proof: str,
    by: str,
) -> None:
    """Add what happened; its number is drawn here."""
    session.add(
        HappeningRow(
            campaign=campaign,
            number=next_number(session, f"happening/{campaign}"),
            ean=ean,
            what=noted.what,
            channel=noted.channel,
            proof=proof,
            happened_ms=noted.happened_ms,
            learned_ms=noted.learned_ms,
            recorded_by=by,
            withdrawn=int(noted.withdrawn),
        )
    )


def addresses(contact: ContactRow | None) -> Mapping[Means, str | None]:
    """Where a household can be written to, by each means."""
    if contact is None:
        return {}
    whole = all((contact.street, contact.postcode, contact.town))
    letter = f"{contact.street}\n{contact.postcode} {contact.town}" if whole else None
    return {Means.EMAIL: contact.email, Means.SMS: contact.phone, Means.LETTER: letter}


def as_noted(row: HappeningRow) -> Noted:
    """A row as the rules take it."""
    return Noted(
        number=row.number,
        what=Happening(row.what),
        channel=LearnedBy(row.channel),
        happened_ms=row.happened_ms,
        learned_ms=row.learned_ms,
        withdrawn=bool(row.withdrawn),
    )


def as_written(row: NoticeRow) -> Written:
    """A row as the rules take it."""
    return Written(
        means=Means(row.means),
        state=NoticeState(row.state),
        wave=row.wave,
        address=row.address,
        sent_ms=row.sent_ms,
        ended_ms=row.ended_ms,
    )


def taken_remotely(session: Session, campaign: CampaignRow) -> list[tuple[str, int, int | None]]:
    """The households whose meter holds the reactivation's order: EAN, since when, number of its receipt."""
    since = func.coalesce(DeliveryRow.effective_ms, DeliveryRow.stored_ms, DeliveryRow.queued_ms)
    query = (
        select(CampaignHouseholdRow.ean, since, DeliveryRow.receipt_number)
        .join(HouseholdRow, col(HouseholdRow.ean) == CampaignHouseholdRow.ean)
        .join(DeliveryRow, col(DeliveryRow.meter) == HouseholdRow.meter)
        .where(
            CampaignHouseholdRow.campaign == campaign.name,
            DeliveryRow.order_id == campaign.order_id,
            col(DeliveryRow.state).in_(HELD_DELIVERIES),
        )
        .order_by(CampaignHouseholdRow.ean)
    )
    return [(ean, since_ms, number) for ean, since_ms, number in session.exec(query)]


def _noted(session: Session, campaign: str, eans: Sequence[str]) -> dict[str, tuple[Noted, ...]]:
    found: defaultdict[str, tuple[Noted, ...]] = defaultdict(tuple)
    mine = HappeningRow.campaign == campaign, col(HappeningRow.ean).in_(eans)
    for row in session.exec(select(HappeningRow).where(*mine).order_by(col(HappeningRow.number))):
        found[row.ean] += (as_noted(row),)
    return found


def _written(session: Session, campaign: str, eans: Sequence[str]) -> dict[str, tuple[Written, ...]]:
    found: defaultdict[str, tuple[Written, ...]] = defaultdict(tuple)
    mine = NoticeRow.campaign == campaign, col(NoticeRow.ean).in_(eans)
    for row in session.exec(select(NoticeRow).where(*mine)):
        found[row.ean] += (as_written(row),)
    return found


def _left_since(session: Session, campaign: str, eans: Sequence[str], known_ms: int | None) -> set[str]:
    """The EANs from which a household has left since the reactivation was opened."""
    query = (
        select(TenancyRow.ean)
        .join(CampaignHouseholdRow, col(CampaignHouseholdRow.ean) == TenancyRow.ean)
        .where(CampaignHouseholdRow.campaign == campaign, col(TenancyRow.ean).in_(eans))
        .group_by(TenancyRow.ean, col(CampaignHouseholdRow.tenancies))
        .having(func.count() > CampaignHouseholdRow.tenancies)
    )
    return set(session.exec(query if known_ms is None else query.where(TenancyRow.recorded_ms <= known_ms)))


def _reached_by_order(session: Session, order_id: str | None, eans: Sequence[str]) -> set[str]:
    """The EANs whose meter the reactivation's order is for."""
    if order_id is None:
        return set()
    query = (
        select(HouseholdRow.ean)
        .join(DeliveryRow, col(DeliveryRow.meter) == HouseholdRow.meter)
        .where(DeliveryRow.order_id == order_id, col(HouseholdRow.ean).in_(eans))
    )
    return set(session.exec(query))
