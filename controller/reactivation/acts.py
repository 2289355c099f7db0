"""What people do in a reactivation: open it, plan reminders, record what happened and what came back.

A reminder holds a date, and what has been sent cannot be taken back. So nothing is planned while nobody can
say what time it is. Reminders are planned a thousand households a transaction: who is interrupted goes on.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import bindparam, case, insert, update
from sqlmodel import Session, col, func, select

from controller.database.bulk import in_batches
from controller.database.campaign_tables import CampaignHouseholdRow, CampaignRow, NoticeRow
from controller.database.lookup import existing
from controller.database.tables import OrderRow, TenancyRow
from controller.meters.views import chosen_households
from controller.office import audit
from controller.office.audit import AuditAct
from controller.orders.acting import Act
from controller.query.rules import Condition
from controller.reactivation.rules import (
    Happening,
    LearnedBy,
    Means,
    Noted,
    NoticeState,
    after_night,
    as_recorded,
    next_means,
    without_terminal,
)
from controller.reactivation.store import (
    Addressee,
    addresses,
    campaign_named,
    households,
    member,
    members_after,
    note,
    note_deadline,
    taken_remotely,
    told_otherwise,
)
from protocols.cutting.zones import load_zone
from protocols.errors import InputError, RefusedError, quoted
from protocols.instants import iso_from_ms

# Others wait for the store meanwhile; a thousand take some tenths of a second.
HOUSEHOLDS_AT_ONCE: Final = 1_000
# What changes where a reminder that was dropped is planned again.
_PLANNED_AGAIN: Final = ("address", "state", "planned_ms", "not_before_ms", "reason")


class CampaignOpening(Struct, frozen=True, kw_only=True):
    """What a reactivation is opened with: see `CampaignRow`."""

    name: str
    query: str
    zone: str
    deadline_ms: int
    sender: str
    phone: str
    language: str
    order_id: str | None = None


class Planned(Struct, frozen=True):
    """What a batch of households came to. `after`: where the next one begins; None: this was the last.

    `unreachable`: households without any address that could be used.
    """

    planned: int = 0
    before: int = 0
    done: int = 0
    left: int = 0
    unreachable: int = 0
    after: str | None = None


def check_clock(act: Act) -> None:
    """Raises RefusedError while nobody can say what time it is: a date that was sent cannot be taken back."""
    compared = act.compared
    if compared is None or not compared.forbids_harm:
        return
    why = (
        "the service doubts its clock"
        if compared.doubtful
        else "this machine's clock and the service's differ, or the service does not run"
    )
    raise RefusedError(f"reminders: {why}, so nothing with a date is sent; `relance doctor` says more")


def open_campaign(act: Act, opening: CampaignOpening, condition: Condition) -> int:
    """Open a reactivation for all households that a query chooses; returns how many. 0: it is not opened.

    Raises InputError for a deadline that is over, RefusedError for a name that is taken or an unknown order.
    """
    session = act.session
    if opening.deadline_ms <= act.now_ms:
        raise InputError(
            f"--deadline: {iso_from_ms(opening.deadline_ms)} is over; allowed: an instant to come"
        )
    if session.get(CampaignRow, opening.name) is not None:
        raise RefusedError(f"reactivation {opening.name} is open already, or was; allowed: another name")
    if opening.order_id is not None:
        existing(session, OrderRow, opening.order_id)
    eans = sorted(chosen_households(session, condition, act.now_ms))
    if not eans:
        return 0
    session.add(
        CampaignRow(
            **{name: getattr(opening, name) for name in CampaignOpening.__struct_fields__},
            basis=act.basis,
            opened_by=act.actor.name,
            opened_ms=act.now_ms,
        )
    )
    note_deadline(session, opening.name, act.now_ms, opening.deadline_ms)
    for batch in in_batches(eans):
        left = _tenancies(session, batch)
        rows = [{"campaign": opening.name, "ean": ean, "tenancies": left.get(ean, 0)} for ean in batch]
        session.connection().execute(insert(CampaignHouseholdRow), rows)
    _audit(act, opening.name, does="open", households=len(eans), deadline_ms=opening.deadline_ms)
    return len(eans)


def move_deadline(act: Act, name: str, deadline_ms: int) -> int:
    """Give a reactivation another deadline; returns how many households were last told another one.

    Raises InputError for an instant that is over, RefusedError for one that is unknown or closed.
    """
    campaign = _open_one(act, name)
    if deadline_ms <= act.now_ms:
        raise InputError(f"--deadline: {iso_from_ms(deadline_ms)} is over; allowed: an instant to come")
    before_ms, campaign.deadline_ms = campaign.deadline_ms, deadline_ms
    act.session.add(campaign)
    note_deadline(act.session, name, act.now_ms, deadline_ms)
    _audit(act, name, does="move", before_ms=before_ms, deadline_ms=deadline_ms)
    return told_otherwise(act.session, campaign, act.now_ms)


def close(act: Act, name: str) -> None:
    """End a reactivation: nothing is sent any more, and no plan is warned of it."""
    campaign = _open_one(act, name)
    campaign.closed_ms = act.now_ms
    act.session.add(campaign)
    _audit(act, name, does="close")


def record(
    act: Act,
    campaign: str,
    name: str,
    what: Happening,
    channel: LearnedBy,
    happened_ms: int,
    *,
    proof: str = "",
    withdrawn: bool = False,
) -> bool:
    """Record what happened at a household, or take it back; False where that is known already.

    Each visit at which nobody was at home counts; anything else counts once for each channel. Raises
    InputError for an instant to come, RefusedError for a household of another reactivation.
    """
    row = campaign_named(act.session, campaign)
    ean = member(act.session, row.name, name)
    if happened_ms > act.now_ms:
        raise InputError(f"--on: {iso_from_ms(happened_ms)} is to come; allowed: when it happened")
    found = households(act.session, row, [ean])[ean]
    same = [each for each in found.noted if (each.what, each.channel) == (what, channel)]
    stands = bool(same) and not same[-1].withdrawn
    if withdrawn and not stands:
        raise RefusedError(f"{quoted(name)}: {what} by {channel} is not recorded; `show` tells what is")
    if stands and not withdrawn and (what is not Happening.ABSENT or happened_ms == same[-1].happened_ms):
        return False
    told = Noted(
        number=0,
        what=what,
        channel=channel,
        happened_ms=happened_ms,
        learned_ms=act.now_ms,
        withdrawn=withdrawn,
    )
    note(act.session, row.name, ean, told, proof=proof, by=act.actor.name)
    does = "withdraw" if withdrawn else "record"
    _audit(act, row.name, does=does, ean=ean, what=what, channel=channel, happened_ms=happened_ms)
    return True


def lacks_terminal(act: Act, campaign: str, name: str) -> bool:
    """Whether the third step of a household is recorded, and the second one is not."""
    row = campaign_named(act.session, campaign)
    ean = member(act.session, row.name, name)
    act.session.flush()
    return without_terminal(households(act.session, row, [ean])[ean].noted)


def collect(act: Act, campaign: str) -> int:
    """Record which meters have taken the reactivation's order over the network since; returns how many."""
    row = campaign_named(act.session, campaign)
    if row.order_id is None:
        return 0
    new = taken_remotely(act.session, row)
    for ean, since_ms, receipt in new:
        told = Noted(
            number=0,
            what=Happening.REMOTE,
            channel=LearnedBy.MQTT,
            happened_ms=since_ms,
            learned_ms=act.now_ms,
        )
        proof = f"order {row.order_id}" + ("" if receipt is None else f", receipt {receipt}")
        note(act.session, campaign, ean, told, proof=proof, by=audit.SERVICE)
    if new:
        _audit(act, campaign, does="collect", households=len(new))
    act.session.flush()
    return len(new)


def plan_reminders(
    act: Act, name: str, wave: str, wanted: Sequence[Means], after: str = "", limit: int = HOUSEHOLDS_AT_ONCE
) -> Planned:
    """Plan a wave's reminders for the next households: each by one means, never twice by the same.

    Who has done the last step or has left gets none. Raises RefusedError as `check_clock`, and for a
    reactivation that is closed or whose deadline is over.
    """
    check_clock(act)
    campaign = _open_one(act, name)
    if act.now_ms >= campaign.deadline_ms:
        raise RefusedError(
            f"{name}: its deadline {iso_from_ms(campaign.deadline_ms)} is over; `relance reactivation move`"
            " gives it another"
        )
    if not after:
        collect(act, name)
    eans = members_after(act.session, name, after, limit)
    known = households(act.session, campaign, eans)
    not_before_ms = after_night(act.now_ms, load_zone(campaign.zone))
    notices: list[dict[str, Any]] = []
    counts = {"planned": 0, "before": 0, "done": 0, "left": 0, "unreachable": 0}
    for ean in eans:
        household = known.get(ean)
        planned = _plan_one(act, campaign, wave, wanted, household)
        if isinstance(planned, str):
            counts[planned] += 1
        else:
            notices.append(planned | {"not_before_ms": not_before_ms})
    if notices:
        counts["planned"] = len(notices)
        _store_planned(act.session, notices)
        _audit(act, name, does="plan", wave=wave, households=counts["planned"])
    return Planned(**counts, after=eans[-1] if len(eans) == limit else None)


def _store_planned(session: Session, notices: Sequence[dict[str, Any]]) -> None:
    """Add reminders to the store. One that was dropped is there already, and waits again.

    It keeps how often it was handed over: by less than the log in the home it would pass for a restored one.
    """
    dropped: set[str] = set()
    for batch in in_batches([notice["message_id"] for notice in notices]):
        dropped.update(session.exec(select(NoticeRow.message_id).where(col(NoticeRow.message_id).in_(batch))))
    again = [
        {"named": notice["message_id"], **{head: notice[head] for head in _PLANNED_AGAIN}}
        for notice in notices
        if notice["message_id"] in dropped
    ]
    new = [notice for notice in notices if notice["message_id"] not in dropped]
    connection = session.connection()
    if new:
        connection.execute(insert(NoticeRow), new)
    if again:
        values: dict[str, Any] = {head: bindparam(head) for head in _PLANNED_AGAIN}
        values |= {"told_ms": None, "ended_ms": None}
        named = col(NoticeRow.message_id) == bindparam("named")
        connection.execute(update(NoticeRow).where(named).values(values), again)


def _plan_one(
    act: Act,
    campaign: CampaignRow,
    wave: str,
    wanted: Sequence[Means],
    household: Addressee | None,
) -> str | dict[str, Any]:
    """The row of one reminder; where there is none, the count that the household belongs to."""
    if household is None or household.has_left:
        return "left"
    if as_recorded(household.noted).done:
        return "done"
    reachable = addresses(household.contact)
    means = next_means(wave, reachable, household.written, wanted)
    if means is None:
        live = (NoticeState.PLANNED, NoticeState.SENDING, NoticeState.SENT)
        told = any(each.wave == wave and each.state in live for each in household.written)
        return "before" if told else "unreachable"
    return {
        "campaign": campaign.name,
        "ean": household.ean,
        "wave": wave,
        "means": means.value,
        "message_id": message_id(campaign, household.ean, wave, means),
        "address": reachable[means],
        "state": NoticeState.PLANNED.value,
        "attempts": 0,
        "planned_ms": act.now_ms,
        "reason": "",
    }


def message_id(campaign: CampaignRow, ean: str, wave: str, means: Means) -> str:
    """The name of a reminder: always the same, so that a repeat can be known. It does not spell out whose."""
    told = "\0".join((campaign.name, str(campaign.opened_ms), ean, wave, means))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def bounced(act: Act, notice: NoticeRow, reason: str) -> bool:
    """Record that a reminder came back; False where that is known already."""
    if notice.state not in {NoticeState.SENT, NoticeState.SENDING}:
        return False
    if notice.state == NoticeState.SENDING and notice.doubtful_ms is None:
        # Where the bounce is taken back it is unknown again; else it would pass for one that never left.
        notice.doubtful_ms = notice.not_before_ms
    notice.state, notice.ended_ms, notice.reason = NoticeState.BOUNCED, act.now_ms, reason
    act.session.add(notice)
    # Without the reason: it may name the household, and the audit keeps it when they have left.
    _audit(act, notice.campaign, does="bounce", ean=notice.ean, means=notice.means)
    return True


def bounced_mail(act: Act, campaign: str, identity: str, reason: str) -> str | None:
    """Record a mail that came back, by its Message-ID; its EAN, or None where it came back before.

    Raises RefusedError for a mail that is not of this reactivation.
    """
    local = identity.strip().strip("<>").partition("@")[0]
    query = select(NoticeRow).where(NoticeRow.message_id == local, NoticeRow.campaign == campaign)
    notice = act.session.exec(query).first()
    if notice is None:
        raise RefusedError(f"{quoted(identity)}: no mail of {campaign} has this Message-ID")
    return notice.ean if bounced(act, notice, reason) else None


def bounced_by_hand(act: Act, campaign: str, name: str, means: Means, reason: str) -> bool:
    """Record that the last reminder by this means came back; False where it is known already."""
    campaign_named(act.session, campaign)
    ean = member(act.session, campaign, name)
    mine = (NoticeRow.campaign == campaign, NoticeRow.ean == ean, NoticeRow.means == means)
    notices = act.session.exec(select(NoticeRow).where(*mine).order_by(col(NoticeRow.sent_ms))).all()
    sent = [each for each in notices if each.state in {NoticeState.SENT, NoticeState.SENDING}]
    if not sent and not any(each.state == NoticeState.BOUNCED for each in notices):
        raise RefusedError(f"{quoted(name)}: no {means} of {campaign} has been sent")
    return bool(sent) and bounced(act, sent[-1], reason)


def take_back_bounces(act: Act, campaign: str, means: Means, name: str | None) -> int:
    """Take back bounces by this means, so that the addresses are used again; returns how many.

    `name`: those of one household; None: of all whom a server refused before anything had left. Each is then
    what it was: sent, or unknown, or never sent, and its wave may plan the last again.
    """
    campaign_named(act.session, campaign)
    row = NoticeRow
    never_left = col(row.sent_ms).is_(None), col(row.doubtful_ms).is_(None)
    ean = None if name is None else member(act.session, campaign, name)
    mine = (
        *(col(row.campaign) == campaign, col(row.means) == means, col(row.state) == NoticeState.BOUNCED),
        *(never_left if ean is None else (col(row.ean) == ean,)),
    )
    count = act.session.exec(select(func.count()).select_from(row).where(*mine)).one()
    if count:
        before = case(
            (col(row.sent_ms).is_not(None), NoticeState.SENT.value),
            (col(row.doubtful_ms).is_not(None), NoticeState.SENDING.value),
            else_=NoticeState.DROPPED.value,
        )
        values = {"state": before, "ended_ms": None, "reason": "its bounce was taken back"}
        act.session.execute(update(row).where(*mine).values(values))
        _audit(act, campaign, does="take bounces back", means=means, ean=ean, reminders=count)
    return count


def _open_one(act: Act, name: str) -> CampaignRow:
    campaign = campaign_named(act.session, name)
    if campaign.closed_ms is not None:
        raise RefusedError(f"reactivation {name} is closed since {iso_from_ms(campaign.closed_ms)}")
    return campaign


def _tenancies(session: Session, eans: Sequence[str]) -> dict[str, int]:
    """How many households have left each connection so far."""
    query = (
        select(TenancyRow.ean, func.count())
        .where(col(TenancyRow.ean).in_(eans))
        .group_by(col(TenancyRow.ean))
    )
    return dict(iter(session.exec(query)))


def _audit(act: Act, subject: str, **detail: str | int | None) -> None:
    audit.record(act.session, act.now_ms, act.actor.name, AuditAct.REACTIVATION, subject, **detail)
