"""Reads and writes the rows of reactivations, as the values that the rules take."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import exists
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, func, or_, select

from controller.database.bulk import in_batches
from controller.database.campaign_tables import (
    CampaignDeadlineRow,
    CampaignHouseholdRow,
    CampaignRow,
    ContactRow,
    HappeningRow,
    NoticeRow,
)
from controller.database.numbers import next_number
from controller.database.tables import DeliveryRow, HouseholdRow, MeterRow, TenancyRow
from controller.orders.life import HELD_DELIVERIES
from controller.reactivation.phones import takes_texts
from controller.reactivation.rules import Happening, LearnedBy, Means, Noted, NoticeState, Written
from protocols.arguments import did_you_mean
from protocols.errors import RefusedError, quoted


class Contact(Struct, frozen=True, kw_only=True):
    """How a household is written to and found; see `ContactRow`."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    street: str | None = None
    postcode: str | None = None
    town: str | None = None


class Addressee(Struct, frozen=True, kw_only=True):
    """A household of a reactivation, and all that decides what is sent to it."""

    ean: str
    meter: str
    energy: str | None
    language: str | None
    contact: Contact
    has_left: bool
    remote: bool
    noted: tuple[Noted, ...]
    written: tuple[Written, ...]
    balance_ueur: int | None
    reported_ms: int | None


_OF_HOUSEHOLD: Final[tuple[Any, ...]] = (
    *(HouseholdRow.ean, HouseholdRow.meter, HouseholdRow.energy, HouseholdRow.language),
    *(MeterRow.balance_ueur, MeterRow.reported_ms),
)
_OF_CONTACT: Final = tuple(getattr(ContactRow, name) for name in Contact.__struct_fields__)


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


def deadline_at(session: Session, campaign: CampaignRow, on_ms: int) -> int:
    """The deadline that was in force at an instant; before the first one, the first."""
    row = CampaignDeadlineRow
    query = select(row).where(row.campaign == campaign.name).order_by(col(row.number))
    deadline_ms = campaign.deadline_ms
    for number, each in enumerate(session.exec(query)):
        if number == 0 or each.since_ms <= on_ms:
            deadline_ms = each.deadline_ms
    return deadline_ms


def told_otherwise(session: Session, campaign: CampaignRow, on_ms: int) -> int:
    """How many had been told another deadline than the one of then, and not that one since."""
    query = select(NoticeRow.ean, NoticeRow.told_ms).where(
        NoticeRow.campaign == campaign.name,
        col(NoticeRow.sent_ms).is_not(None),
        col(NoticeRow.sent_ms) <= on_ms,
        or_(col(NoticeRow.ended_ms).is_(None), col(NoticeRow.ended_ms) > on_ms),
    )
    last: dict[str, int | None] = dict(iter(session.exec(query.order_by(col(NoticeRow.sent_ms)))))
    deadline_ms = deadline_at(session, campaign, on_ms)
    return sum(1 for told_ms in last.values() if told_ms != deadline_ms)


def note_deadline(session: Session, campaign: str, since_ms: int, deadline_ms: int) -> None:
    """Keep that a reactivation has this deadline from an instant on."""
    last = select(func.max(CampaignDeadlineRow.number)).where(CampaignDeadlineRow.campaign == campaign)
    number = (session.exec(last).one() or 0) + 1
    session.add(
        CampaignDeadlineRow(campaign=campaign, number=number, since_ms=since_ms, deadline_ms=deadline_ms)
    )
    session.flush()


def members_after(session: Session, campaign: str, after: str, limit: int | None = None) -> list[str]:
    """The EANs of a reactivation's households, sorted, beginning after one."""
    mine = col(CampaignHouseholdRow.campaign) == campaign, col(CampaignHouseholdRow.ean) > after
    query = select(CampaignHouseholdRow.ean).where(*mine).order_by(CampaignHouseholdRow.ean)
    return list(session.exec(query.limit(limit)))


def members_among(session: Session, campaign: str, eans: Collection[str]) -> list[str]:
    """Which of these EANs are of a reactivation's households, sorted."""
    found: list[str] = []
    for batch in in_batches(eans):
        mine = CampaignHouseholdRow.campaign == campaign, col(CampaignHouseholdRow.ean).in_(batch)
        found += session.exec(
            select(CampaignHouseholdRow.ean).where(*mine).order_by(CampaignHouseholdRow.ean)
        )
    return found


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
            select_columns(*_OF_HOUSEHOLD, *_OF_CONTACT)
            .select_from(HouseholdRow)
            .outerjoin(ContactRow, col(ContactRow.ean) == HouseholdRow.ean)
            .outerjoin(MeterRow, col(MeterRow.id) == HouseholdRow.meter)
            .where(col(HouseholdRow.ean).in_(batch))
        )
        # Columns, not rows of the ORM: a hundred thousand households are counted by this.
        for ean, meter, energy, language, balance_ueur, reported_ms, *contact in session.execute(query):
            found[ean] = Addressee(
                ean=ean,
                meter=meter,
                energy=energy,
                language=language,
                contact=Contact(**dict(zip(Contact.__struct_fields__, contact, strict=True))),
                has_left=ean in left,
                remote=ean in remote,
                noted=noted.get(ean, ()),
                written=written.get(ean, ()),
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


def addresses(contact: Contact) -> Mapping[Means, str | None]:
    """Where a household can be written to, by each means."""
    whole = all((contact.street, contact.postcode, contact.town))
    letter = f"{contact.street}\n{contact.postcode} {contact.town}" if whole else None
    texts = contact.phone if contact.phone and takes_texts(contact.phone) else None
    return {Means.EMAIL: contact.email, Means.SMS: texts, Means.LETTER: letter}


def taken_remotely(session: Session, campaign: CampaignRow) -> list[tuple[str, int, int | None]]:
    """The households whose meter holds the reactivation's order: EAN, since when, number of its receipt.

    Without those of which that is recorded, even where it was withdrawn since.
    """
    took = HappeningRow.campaign == campaign.name, HappeningRow.what == Happening.REMOTE
    recorded = set(session.exec(select(HappeningRow.ean).where(*took)))
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
    found = session.exec(query)
    return [(ean, since_ms, number) for ean, since_ms, number in found if ean not in recorded]


def _noted(session: Session, campaign: str, eans: Sequence[str]) -> dict[str, tuple[Noted, ...]]:
    row = HappeningRow
    # By their numbers, which an index has: SQLite would walk all that has happened in the reactivation.
    numbers = select_columns(col(row.number)).where(col(row.campaign) == campaign, col(row.ean).in_(eans))
    query = (
        select_columns(
            *(col(row.ean), col(row.number), col(row.what), col(row.channel)),
            *(col(row.happened_ms), col(row.learned_ms), col(row.withdrawn)),
        )
        .where(col(row.campaign) == campaign, col(row.number).in_(numbers))
        .order_by(col(row.number))
    )
    found: dict[str, tuple[Noted, ...]] = {}
    for ean, number, what, channel, happened_ms, learned_ms, withdrawn in session.execute(query):
        noted = Noted(
            number=number,
            what=Happening(what),
            channel=LearnedBy(channel),
            happened_ms=happened_ms,
            learned_ms=learned_ms,
            withdrawn=bool(withdrawn),
        )
        found[ean] = (*found.get(ean, ()), noted)
    return found


def _written(session: Session, campaign: str, eans: Sequence[str]) -> dict[str, tuple[Written, ...]]:
    row = NoticeRow
    query = select_columns(
        *(col(row.ean), col(row.means), col(row.state), col(row.wave)),
        *(
            col(row.address),
            col(row.sent_ms),
            col(row.ended_ms),
            col(row.doubtful_ms),
            col(row.not_before_ms),
        ),
    ).where(col(row.campaign) == campaign, col(row.ean).in_(eans))
    found: dict[str, tuple[Written, ...]] = {}
    for ean, means, state, wave, address, *instants in session.execute(query):
        sent_ms, ended_ms, doubtful_ms, begun_ms = instants
        if doubtful_ms is None and state == NoticeState.SENDING:
            doubtful_ms = begun_ms
        written = Written(
            means=Means(means),
            state=NoticeState(state),
            wave=wave,
            address=address,
            sent_ms=sent_ms,
            ended_ms=ended_ms,
            doubtful_ms=doubtful_ms,
        )
        found[ean] = (*found.get(ean, ()), written)
    return found


def _left_since(session: Session, campaign: str, eans: Sequence[str], known_ms: int | None) -> set[str]:
    """The EANs from which a household has left since the reactivation was opened.

    Who left before and was recorded later has left to whoever it was opened for.
    """
    query = (
        select(TenancyRow.ean)
        .join(CampaignHouseholdRow, col(CampaignHouseholdRow.ean) == TenancyRow.ean)
        .join(CampaignRow, col(CampaignRow.name) == CampaignHouseholdRow.campaign)
        .where(CampaignHouseholdRow.campaign == campaign, col(TenancyRow.ean).in_(eans))
        .where(
            TenancyRow.number > CampaignHouseholdRow.tenancies, TenancyRow.until_ms > CampaignRow.opened_ms
        )
        .distinct()
    )
    return set(session.exec(query if known_ms is None else query.where(TenancyRow.recorded_ms <= known_ms)))


def _reached_by_order(session: Session, order_id: str | None, eans: Sequence[str]) -> set[str]:
    """The EANs whose meter the reactivation's order is for."""
    if order_id is None:
        return set()
    # No join: SQLite would walk all of the order's deliveries, and for each of them the whole list of EANs.
    delivered = exists().where(
        col(DeliveryRow.order_id) == order_id, col(DeliveryRow.meter) == col(HouseholdRow.meter)
    )
    return set(session.exec(select(HouseholdRow.ean).where(col(HouseholdRow.ean).in_(eans), delivered)))
