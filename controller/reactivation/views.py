"""How a reactivation stands, on any day; one household's story; whom to visit; whom nobody has reached."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from msgspec import Struct
from sqlmodel import Session, col, func, select

from controller.database.bulk import in_batches
from controller.database.campaign_tables import CampaignHouseholdRow, CampaignRow, HappeningRow, NoticeRow
from controller.database.rows import view_of
from controller.database.tables import HouseholdRow
from controller.meters.grouped import may_be_inside
from controller.moratoriums.views import list_holds
from controller.reactivation.rules import (
    HowFar,
    ReachedBy,
    as_recorded,
    how_far,
    reach_of,
    reached_so_far,
)
from controller.reactivation.store import (
    Addressee,
    campaign_named,
    households,
    member,
    members_after,
    members_among,
    told_otherwise,
)

# Households that are read at once: their happenings and reminders come with them.
_AT_ONCE: Final = 10_000


class CampaignView(Struct, frozen=True, kw_only=True):
    """A reactivation, and how many households it is for."""

    name: str
    query: str
    basis: str
    zone: str
    deadline_ms: int
    sender: str
    phone: str
    language: str
    order_id: str | None
    opened_by: str
    opened_ms: int
    closed_ms: int | None
    households: int


class Funnel(Struct, frozen=True, kw_only=True):
    """How many households were how far at an instant, by what was known at another.

    `nothing`, `card_in_meter`, `at_terminal`, `done` add up to all that have not `left`. Of those done
    `proved` are so by the meter's own word or a technician's eyes, `said` by the household's word alone.
    `reached`: by `rules.ReachedBy`; it adds up to the same. `told_otherwise`: had last been told another
    deadline than the one that was in force. `before_opening`: it was not open yet, or not known to be.
    """

    on_ms: int
    known_ms: int
    nothing: int
    card_in_meter: int
    at_terminal: int
    done: int
    proved: int
    said: int
    left: int
    reached: dict[str, int]
    told_otherwise: int
    before_opening: bool


class HappeningView(Struct, frozen=True, kw_only=True):
    """One line of a household's story; see `HappeningRow`."""

    number: int
    what: str
    channel: str
    proof: str
    happened_ms: int
    learned_ms: int
    recorded_by: str
    withdrawn: bool


class NoticeView(Struct, frozen=True, kw_only=True):
    """One reminder; see `NoticeRow`."""

    wave: str
    means: str
    state: str
    address: str
    message_id: str
    attempts: int
    planned_ms: int
    not_before_ms: int
    sent_ms: int | None
    told_ms: int | None
    ended_ms: int | None
    reason: str


class HouseholdStory(Struct, frozen=True, kw_only=True):
    """All that is known of one household in a reactivation."""

    ean: str
    meter: str
    name: str | None
    language: str
    remote: bool
    has_left: bool
    far: HowFar
    reached: ReachedBy
    happenings: tuple[HappeningView, ...]
    notices: tuple[NoticeView, ...]


class DoorVisit(Struct, frozen=True, kw_only=True):
    """A door on a technician's way. `absent`: how often nobody was there; `reached`: of `ReachedBy`."""

    ean: str
    meter: str
    postcode: str | None
    town: str | None
    street: str | None
    name: str | None
    phone: str | None
    language: str
    energy: str | None
    steps: int
    absent: int
    reached: str


class DoorList(Struct, frozen=True, kw_only=True):
    """The doors of all who are not done. `left`: how many have left; nobody knows who lives there now."""

    doors: tuple[DoorVisit, ...]
    left: int


class Unreached(Struct, frozen=True, kw_only=True):
    """Meters of a plan whose households a reactivation has not brought back.

    `nobody`: nobody has reached them, or nobody knows it. `undone`: they have been reached and are not done.
    """

    campaign: str
    nobody: tuple[str, ...]
    undone: tuple[str, ...]


class EndsEarly(Struct, frozen=True, kw_only=True):
    """An open reactivation whose deadline no moratorium for the fleet reaches.

    `until_ms`: the end of the one that lasts longest; None: none is in force or to come. `groups`: for which
    one lasts; `households`: how many are known to be outside all of these.
    """

    campaign: str
    deadline_ms: int
    until_ms: int | None
    groups: tuple[str, ...] = ()
    households: int = 0


def list_campaigns(session: Session) -> list[CampaignView]:
    """All reactivations, the last opened first."""
    counted = select(CampaignHouseholdRow.campaign, func.count()).group_by(col(CampaignHouseholdRow.campaign))
    counts = dict(iter(session.exec(counted)))
    rows = session.exec(select(CampaignRow).order_by(col(CampaignRow.opened_ms).desc(), CampaignRow.name))
    return [view_of(row, CampaignView, households=counts.get(row.name, 0)) for row in rows]


def campaign_view(session: Session, name: str) -> CampaignView:
    """One reactivation. Raises RefusedError for an unknown one."""
    row = campaign_named(session, name)
    mine = select(func.count()).select_from(CampaignHouseholdRow).where(CampaignHouseholdRow.campaign == name)
    return view_of(row, CampaignView, households=session.exec(mine).one())


def funnel(session: Session, name: str, on_ms: int, known_ms: int) -> Funnel:
    """The counts of a reactivation at `on_ms`, by what was known at `known_ms`.

    Raises RefusedError for an unknown one.
    """
    campaign = campaign_named(session, name)
    steps: Counter[int] = Counter()
    reached = {each.value: 0 for each in ReachedBy}
    done = proved = left = 0
    # What is sent, what comes back and an opening are recorded at once: later than this nothing was known.
    both_ms = min(on_ms, known_ms)
    for household in _all(session, campaign, known_ms=known_ms):
        if household is None or household.has_left:
            left += 1
            continue
        far = how_far(household.noted, on_ms, known_ms)
        reached[reach_of(far, household.written, both_ms)] += 1
        if far.done:
            done += 1
            proved += far.proved
        else:
            steps[far.steps] += 1
    return Funnel(
        on_ms=on_ms,
        known_ms=known_ms,
        nothing=steps[0],
        card_in_meter=steps[1],
        at_terminal=steps[2],
        done=done,
        proved=proved,
        said=done - proved,
        left=left,
        reached=reached,
        told_otherwise=told_otherwise(session, campaign, both_ms),
        before_opening=both_ms < campaign.opened_ms,
    )


def show_household(session: Session, name: str, household: str) -> HouseholdStory:
    """What is known of one household. Raises RefusedError where the reactivation is not for it."""
    campaign = campaign_named(session, name)
    ean = member(session, name, household)
    found = households(session, campaign, [ean])[ean]
    far = as_recorded(found.noted)
    happened = HappeningRow.campaign == name, HappeningRow.ean == ean
    told = NoticeRow.campaign == name, NoticeRow.ean == ean
    return HouseholdStory(
        ean=ean,
        meter=found.meter,
        name=found.contact.name,
        language=found.language or campaign.language,
        remote=found.remote,
        has_left=found.has_left,
        far=far,
        reached=reached_so_far(far, found.written),
        happenings=tuple(
            view_of(row, HappeningView, withdrawn=bool(row.withdrawn))
            for row in session.exec(select(HappeningRow).where(*happened).order_by(col(HappeningRow.number)))
        ),
        notices=tuple(
            view_of(row, NoticeView)
            for row in session.exec(select(NoticeRow).where(*told).order_by(col(NoticeRow.planned_ms)))
        ),
    )


def visits(session: Session, name: str) -> DoorList:
    """The doors of all who are not done, street by street; those without an address last."""
    campaign = campaign_named(session, name)
    found: list[DoorVisit] = []
    left = 0
    for household in _all(session, campaign):
        if household is None or household.has_left:
            left += 1
            continue
        far = as_recorded(household.noted)
        if not far.done:
            found.append(_visit(campaign, household, far))
    return DoorList(doors=tuple(sorted(found, key=_on_the_way)), left=left)


def unreached(session: Session, meters: Collection[str] | None) -> list[Unreached]:
    """For each open reactivation: which of these meters are not back; `meters` None: the whole fleet.

    Whoever is cut and has not been reached knows neither that nor why.
    """
    found: list[Unreached] = []
    wanted = None if meters is None else _eans_of(session, meters)
    for campaign in session.exec(select(CampaignRow).where(col(CampaignRow.closed_ms).is_(None))):
        nobody: list[str] = []
        undone: list[str] = []
        for household in _all(session, campaign, wanted):
            if household is None or household.has_left:
                continue
            far = as_recorded(household.noted)
            if far.done:
                continue
            reached = reached_so_far(far, household.written)
            (nobody if reached in {ReachedBy.NOBODY, ReachedBy.UNKNOWN} else undone).append(household.meter)
        if nobody or undone:
            found.append(
                Unreached(campaign=campaign.name, nobody=tuple(sorted(nobody)), undone=tuple(sorted(undone)))
            )
    return found


def ends_early(session: Session, now_ms: int) -> list[EndsEarly]:
    """Reactivations before whose deadline meters may be cut: households have been told a later date.

    Moratoriums for groups count for the households that they reach.
    """
    holds = [(each, each.until_ms) for each in list_holds(session) if each.until_ms is not None]
    ends = [until_ms for each, until_ms in holds if each.fleet and until_ms > now_ms]
    until_ms = max(ends, default=None)
    found: list[EndsEarly] = []
    waiting = (col(CampaignRow.closed_ms).is_(None), CampaignRow.deadline_ms > now_ms)
    for row in session.exec(select(CampaignRow).where(*waiting).order_by(CampaignRow.name)).all():
        if until_ms is not None and until_ms >= row.deadline_ms:
            continue
        groups = tuple(
            each.group for each, ends_ms in holds if each.group is not None and ends_ms >= row.deadline_ms
        )
        left = _outside(session, row.name, groups)
        if left:
            found.append(
                EndsEarly(
                    campaign=row.name,
                    deadline_ms=row.deadline_ms,
                    until_ms=until_ms,
                    groups=groups,
                    households=left,
                )
            )
    return found


def _outside(session: Session, campaign: str, groups: Sequence[str]) -> int:
    """How many households of a reactivation are known to be outside all of these groups."""
    query = (
        select(func.count())
        .select_from(CampaignHouseholdRow)
        .join(HouseholdRow, col(HouseholdRow.ean) == CampaignHouseholdRow.ean)
        .where(CampaignHouseholdRow.campaign == campaign)
    )
    return session.exec(query.where(*(~may_be_inside(each) for each in groups))).one()


def _on_the_way(door: DoorVisit) -> tuple[bool, str, str, str, str]:
    return (door.postcode is None, door.postcode or "", door.town or "", door.street or "", door.ean)


def _visit(campaign: CampaignRow, household: Addressee, far: HowFar) -> DoorVisit:
    contact = household.contact
    return DoorVisit(
        ean=household.ean,
        meter=household.meter,
        postcode=contact.postcode,
        town=contact.town,
        street=contact.street,
        name=contact.name,
        phone=contact.phone,
        language=household.language or campaign.language,
        energy=household.energy,
        steps=far.steps,
        absent=far.absent,
        reached=reached_so_far(far, household.written),
    )


def _all(
    session: Session,
    campaign: CampaignRow,
    among: Collection[str] | None = None,
    known_ms: int | None = None,
) -> Iterator[Addressee | None]:
    """All households of a reactivation, or those of `among`; None for one that nobody knows any more."""
    for eans in _members(session, campaign.name, among):
        known = households(session, campaign, eans, known_ms)
        yield from (known.get(ean) for ean in eans)


def _members(session: Session, campaign: str, among: Collection[str] | None) -> Iterator[Sequence[str]]:
    """The EANs of a reactivation's households in batches; with `among` nothing else is read."""
    if among is not None:
        yield from in_batches(members_among(session, campaign, among))
        return
    after = ""
    while eans := members_after(session, campaign, after, _AT_ONCE):
        yield eans
        after = eans[-1]


def _eans_of(session: Session, meters: Collection[str]) -> set[str]:
    found: set[str] = set()
    for batch in in_batches(meters):
        found.update(session.exec(select(HouseholdRow.ean).where(col(HouseholdRow.meter).in_(batch))))
    return found
