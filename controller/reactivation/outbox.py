"""Sends what is planned, each reminder once at most.

A reminder is marked *sending* before it is handed over, in a transaction of its own, and *sent* after it.
Whoever is killed in between leaves it *sending*: it may have gone. It is not sent again by itself, since a
household must not be told twice; and it does not count as reached, since it may not have been told. A person
decides (`again`). Its Message-ID never changes, so a mail server's log can say whether it went. For a file
the drop folder itself is asked: where it lies there, it was written.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct, structs
from sqlalchemy import ColumnElement, Engine, case, not_, or_, update
from sqlmodel import Session, col, func, select

from controller.database.campaign_tables import CampaignRow, NoticeRow
from controller.database.engine import reading
from controller.office import audit
from controller.office.audit import AuditAct
from controller.office.people import Actor
from controller.orders.acting import Act, acting
from controller.reactivation.acts import check_clock, collect
from controller.reactivation.drop_folder import is_there, write_letter_file, write_sms_file
from controller.reactivation.gone_log import NEVER, UNANSWERED, Gone, Left, append_to_log, key_of, read_log
from controller.reactivation.mail import Handed, Mailer
from controller.reactivation.rules import (
    WAITS_MS_MAX,
    Leaving,
    Means,
    NoticeState,
    after_night,
    as_recorded,
    may_leave,
)
from controller.reactivation.store import Addressee, campaign_named, households
from controller.timing.comparing import Here
from protocols.cutting.zones import load_zone
from protocols.documents.roles import Root
from protocols.errors import InputError, RefusedError, UnreachableError
from protocols.instants import MINUTE_MS, iso_from_ms
from protocols.languages.catalogue import Sentences
from protocols.languages.reactivation import STEPS, Reminder, write_letter, write_sms
from protocols.reasons import Energy, Language

# A server that takes a mail later is asked until it has answered so often, and so long after each time.
ATTEMPTS_MAX: Final = 5
RETRY_MS: Final = 30 * MINUTE_MS
# What has been sending for so long is sent by nobody any more: no answer of a server is waited for longer.
_IN_FLIGHT_MS: Final = 15 * MINUTE_MS
# Files are written so many at a time: what is on the disk answers for itself after a crash.
_FILES_AT_ONCE: Final = 100
# What `Sent` says of the rest.
_NO_COUNTS: Final = ("reasons", "night", "waits_until_ms", "closed")
# A server may answer each mail in other words.
_REASONS_MAX: Final = 20
# Why a reminder that nobody has sent by this store may have gone.
RESTORED: Final = "a backup was restored: it has left before"


class Sent(Struct, frozen=True, kw_only=True):
    """What one run came to. `unknown`: the connection broke meanwhile.

    `reasons`: how many each answer refused for good, without the address in it; of many answers some.
    `night`: the rest waits for the morning. `waits_until_ms`: when the first of it may leave; None: nothing
    waits. `closed`: the reactivation was closed meanwhile, and the rest is never sent.
    """

    sent: int = 0
    bounced: int = 0
    later: int = 0
    dropped: int = 0
    unknown: int = 0
    reasons: dict[str, int] = {}
    night: bool = False
    waits_until_ms: int | None = None
    closed: bool = False


class Due(Struct, frozen=True, kw_only=True):
    """How many reminders of a reactivation wait, and of how many nobody knows whether they have gone."""

    planned: dict[str, int]
    unknown: int


@dataclass(frozen=True, slots=True)
class SendingDesk:
    """Who sends, by what clock, and through what. `clock`: now, and what the machine's clocks show.

    `log`: what has left this home; a restored store is asked about it.
    """

    store: Engine
    root: Root
    actor: Actor
    clock: Callable[[], tuple[int, Here]]
    drop: Path
    log: Path
    mailer: Mailer | None
    pdf: bool = False


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A reminder that is being sent, and the household that it is for.

    `answers`: how many of a server it will have had, with the one to come.
    """

    left: Left
    answers: int
    message_id: str
    address: str
    means: Means
    campaign: CampaignRow
    household: Addressee
    now_ms: int


def due(store: Engine, name: str) -> Due:
    """What waits. Raises RefusedError for an unknown reactivation."""
    with reading(store) as session:
        campaign_named(session, name)
        counted = select(NoticeRow.state, NoticeRow.means, func.count()).where(NoticeRow.campaign == name)
        rows = session.exec(counted.group_by(col(NoticeRow.state), col(NoticeRow.means))).all()
    planned = {means: count for state, means, count in rows if state == NoticeState.PLANNED}
    unknown = sum(count for state, _, count in rows if state == NoticeState.SENDING)
    return Due(planned=planned, unknown=unknown)


def send(desk: SendingDesk, name: str, told: Callable[[int], None], *, again: bool = False) -> Sent:
    """Send a reactivation's reminders that are due. `told`: hears of each that is settled.

    `again`: also those of which nobody has known for a quarter of an hour whether they have gone. Raises
    RefusedError while nobody can say what time it is, InputError where mail waits and no server is named,
    UnreachableError where it is away.
    """
    with _act(desk) as act:
        check_clock(act)
        campaign = campaign_named(act.session, name)
        if campaign.closed_ms is not None:
            raise RefusedError(f"reactivation {name} is closed since {iso_from_ms(campaign.closed_ms)}")
        collect(act, name)
        _settle_doubtful(act, name, desk.drop, again=again)
    if due(desk.store, name).planned.get(Means.EMAIL) and desk.mailer is None:
        raise InputError(
            "--smtp: mail waits, and no server is named; allowed: smtp://HOST:PORT, or RELANCE_SMTP"
        )
    total = Sent()
    gone = read_log(desk.log)
    for means, at_once in ((Means.EMAIL, 1), (Means.SMS, _FILES_AT_ONCE), (Means.LETTER, _FILES_AT_ONCE)):
        total = _send_all(desk, name, means, at_once, total, told, gone)
    with _act(desk) as act:
        counts = {key: count for key, count in structs.asdict(total).items() if key not in _NO_COUNTS}
        if any(counts.values()):
            audit.record(
                act.session, act.now_ms, act.actor.name, AuditAct.REACTIVATION, name, does="send", **counts
            )
        campaign = campaign_named(act.session, name)
        zone, closed = load_zone(campaign.zone), campaign.closed_ms is not None
        until_ms = None if closed else _waits_until_ms(act.session, name, act.now_ms, zone)
    night = until_ms is not None and after_night(act.now_ms, zone) > act.now_ms
    return structs.replace(total, night=night, waits_until_ms=until_ms, closed=closed)


def _waits_until_ms(session: Session, name: str, now_ms: int, zone: ZoneInfo) -> int | None:
    """When the first of what waits may leave; None where nothing waits."""
    first = case((_is_put_off(now_ms), col(NoticeRow.not_before_ms)), else_=now_ms)
    planned = NoticeRow.campaign == name, NoticeRow.state == NoticeState.PLANNED
    first_ms = session.exec(select(func.min(first)).where(*planned)).one()
    return None if first_ms is None else after_night(first_ms, zone)


def _is_put_off(now_ms: int) -> ColumnElement[bool]:
    """Whether one waits for its time. What waits for longer than any does was dated by a clock ahead."""
    return col(NoticeRow.not_before_ms).between(now_ms + 1, now_ms + WAITS_MS_MAX)


def _send_all(
    desk: SendingDesk,
    name: str,
    means: Means,
    at_once: int,
    total: Sent,
    told: Callable[[int], None],
    gone: Mapping[str, Gone],
) -> Sent:
    while True:
        with _act(desk) as act:
            check_clock(act)
            claims = _claim(act, name, means, at_once, gone)
        claimed = claims.claimed
        told(claims.dropped + claims.doubtful)
        total = structs.replace(
            total,
            dropped=total.dropped + claims.dropped,
            unknown=total.unknown + claims.doubtful,
        )
        if claims.night or not (claimed or claims.dropped or claims.doubtful):
            return total
        append_to_log(desk.log, [each.left for each in claimed], act.now_ms)
        total = _hand_over_all(desk, claimed, total)
        told(len(claimed))


def _hand_over_all(desk: SendingDesk, claimed: Sequence[_Claimed], total: Sent) -> Sent:
    """Hand each over and settle all; where the way is shut, what has not gone is planned again."""
    handed: list[tuple[_Claimed, Handed]] = []
    try:
        for each in claimed:
            handed.append((each, _hand_over(desk, each)))  # noqa: PERF401 # an error keeps those before it
    except (UnreachableError, InputError) as error:
        rest = claimed[len(handed) :]
        _settle_all(desk, [*handed, *((each, Handed(NoticeState.PLANNED, str(error))) for each in rest)], 0)
        if isinstance(error, UnreachableError):
            _note_unanswered(desk, rest)
        raise
    except KeyboardInterrupt:
        # The one in the middle may have gone; those after it have not.
        rest = claimed[len(handed) + 1 :]
        _settle_all(desk, [*handed, *((each, Handed(NoticeState.PLANNED)) for each in rest)], 0)
        raise
    handed = [(each, _for_good(each, result)) for each, result in handed]
    count = _settle_all(desk, handed, RETRY_MS)
    unanswered = [each for each, result in handed if result.stops or result.state is NoticeState.SENDING]
    _note_unanswered(desk, unanswered)
    for _, result in handed:
        if result.stops:
            shown = "mail server" if desk.mailer is None else desk.mailer.shown
            raise UnreachableError(f"{shown}: {result.reason}")
    return structs.replace(
        total,
        reasons=_more_reasons(total.reasons, handed),
        sent=total.sent + count[NoticeState.SENT],
        bounced=total.bounced + count[NoticeState.BOUNCED],
        later=total.later + count[NoticeState.PLANNED],
        unknown=total.unknown + count[NoticeState.SENDING],
    )


def _for_good(claimed: _Claimed, result: Handed) -> Handed:
    """What a server has put off so often has come back."""
    last = result.state is NoticeState.PLANNED and not result.stops and claimed.answers >= ATTEMPTS_MAX
    return structs.replace(result, state=NoticeState.BOUNCED) if last else result


def _more_reasons(before: dict[str, int], handed: Sequence[tuple[_Claimed, Handed]]) -> dict[str, int]:
    """Count by their words why mails were refused for good. Servers repeat the address: it is left out."""
    found = dict(before)
    for claimed, result in handed:
        reason = result.reason.replace(claimed.address, "…")
        if result.state is NoticeState.BOUNCED and (reason in found or len(found) < _REASONS_MAX):
            found[reason] = found.get(reason, 0) + 1
    return found


def _note_unanswered(desk: SendingDesk, claimed: Sequence[_Claimed]) -> None:
    """Note that no server has answered about these, so that it does not count against their addresses."""
    left = [Left(each.left.key, UNANSWERED) for each in claimed]
    append_to_log(desk.log, left, desk.clock()[0])


@dataclass(frozen=True, slots=True)
class _Claims:
    """Reminders that are marked as being sent; how many were needless, or may have gone before a restore.

    `night`: the rest waits for the morning.
    """

    claimed: list[_Claimed]
    dropped: int
    doubtful: int
    night: bool


def _claim(act: Act, name: str, means: Means, limit: int, gone: Mapping[str, Gone]) -> _Claims:
    """Mark the next reminders as being sent, and drop what is needless; none once somebody has closed it.

    `gone`: how often each has left this home. Where the store knows of fewer times it was restored since, and
    the reminder may have gone.
    """
    session = act.session
    campaign = campaign_named(session, name)
    if campaign.closed_ms is not None:
        return _Claims([], dropped=0, doubtful=0, night=False)
    planned = (
        NoticeRow.campaign == name,
        NoticeRow.state == NoticeState.PLANNED,
        NoticeRow.means == means,
        not_(_is_put_off(act.now_ms)),
    )
    notices = session.exec(select(NoticeRow).where(*planned).order_by(NoticeRow.ean).limit(limit)).all()
    known = households(session, campaign, [each.ean for each in notices])
    zone = load_zone(campaign.zone)
    claimed: list[_Claimed] = []
    dropped = doubtful = 0
    for notice in notices:
        household = known.get(notice.ean)
        leaving = (
            Leaving.LEFT
            if household is None
            else may_leave(
                as_recorded(household.noted),
                has_left=household.has_left,
                not_before_ms=notice.not_before_ms,
                deadline_ms=campaign.deadline_ms,
                now_ms=act.now_ms,
                zone=zone,
            )
        )
        if leaving is Leaving.NIGHT:
            assert not claimed, "it is night for all of them or for none"
            return _Claims(claimed, dropped, doubtful, night=True)
        key = key_of(name, notice.ean, notice.wave, notice.means)
        if household is None or leaving is not Leaving.SEND:
            notice.state, notice.ended_ms, notice.reason = NoticeState.DROPPED, act.now_ms, leaving.value
            dropped += 1
        elif gone.get(key, NEVER).attempts > notice.attempts:
            _doubt(notice, gone[key].attempts, act.now_ms)
            doubtful += 1
        else:
            notice.state, notice.told_ms = NoticeState.SENDING, campaign.deadline_ms
            notice.not_before_ms = act.now_ms
            notice.attempts += 1
            claimed.append(
                _Claimed(
                    Left(key, notice.attempts),
                    notice.attempts - gone.get(key, NEVER).unanswered,
                    notice.message_id,
                    notice.address,
                    means,
                    campaign,
                    household,
                    act.now_ms,
                )
            )
        session.add(notice)
    return _Claims(claimed, dropped, doubtful, night=False)


def _doubt(notice: NoticeRow, attempts: int, now_ms: int) -> None:
    """It left this home, and the store does not know it: it is sent again only where a person says so."""
    notice.state, notice.reason = NoticeState.SENDING, RESTORED
    notice.doubtful_ms = notice.not_before_ms = now_ms
    notice.attempts = attempts


def _settle_all(
    desk: SendingDesk, handed: Sequence[tuple[_Claimed, Handed]], wait_ms: int
) -> dict[NoticeState, int]:
    """Record what became of these, in one transaction; returns how many are in each state now."""
    count = dict.fromkeys(NoticeState, 0)
    with _act(desk) as act:
        names = col(NoticeRow.message_id).in_([claimed.message_id for claimed, _ in handed])
        notices = {row.message_id: row for row in act.session.exec(select(NoticeRow).where(names))}
        for claimed, result in handed:
            count[_settle(act, notices[claimed.message_id], result, wait_ms)] += 1
    return count


def _settle(act: Act, notice: NoticeRow, handed: Handed, wait_ms: int) -> NoticeState:
    if notice.state != NoticeState.SENDING:
        # It came back before its server had answered us.
        return NoticeState(notice.state)
    notice.state, notice.reason = handed.state, handed.reason
    match handed.state:
        case NoticeState.SENT:
            notice.sent_ms = act.now_ms
        case NoticeState.BOUNCED:
            notice.ended_ms = act.now_ms
        case NoticeState.PLANNED:
            notice.told_ms = None
            notice.not_before_ms = act.now_ms + wait_ms
        case _:
            pass
    act.session.add(notice)
    return handed.state


def _settle_doubtful(act: Act, name: str, drop: Path, *, again: bool) -> None:
    """Ask the drop folder about each file that may have been written; `again`: plan all others anew."""
    doubtful = col(NoticeRow.campaign) == name, col(NoticeRow.state) == NoticeState.SENDING
    for notice in act.session.exec(select(NoticeRow).where(*doubtful, NoticeRow.means != Means.EMAIL)).all():
        if is_there(drop, notice.message_id):
            notice.doubtful_ms = notice.not_before_ms if notice.doubtful_ms is None else notice.doubtful_ms
            notice.state, notice.sent_ms = NoticeState.SENT, act.now_ms
            act.session.add(notice)
    act.session.flush()
    if again:
        planned = {
            "state": NoticeState.PLANNED,
            "not_before_ms": act.now_ms,
            "told_ms": None,
            # What was unknown on a day stays so for that day.
            "doubtful_ms": func.coalesce(NoticeRow.doubtful_ms, NoticeRow.not_before_ms),
        }
        # One that claims to be sent in a while was handed over by a clock ahead: nobody sends it now.
        begun_ms = col(NoticeRow.not_before_ms)
        long_ago = or_(begun_ms <= act.now_ms - _IN_FLIGHT_MS, begun_ms > act.now_ms + _IN_FLIGHT_MS)
        act.session.execute(update(NoticeRow).where(*doubtful, long_ago).values(**planned))


def _hand_over(desk: SendingDesk, claimed: _Claimed) -> Handed:
    campaign, household = claimed.campaign, claimed.household
    language = Language(household.language or campaign.language)
    sentences, zone = Sentences(language), load_zone(campaign.zone)
    told = reminder_of(campaign, household)
    match claimed.means:
        case Means.SMS:
            write_sms_file(
                desk.drop,
                claimed.message_id,
                to=claimed.address,
                language=language,
                text=write_sms(sentences, told, zone),
                zone=campaign.zone,
                deadline_ms=campaign.deadline_ms,
            )
        case Means.LETTER:
            address = f"{told.name}\n{claimed.address}" if told.name else claimed.address
            letter = write_letter(sentences, told, zone, claimed.now_ms)
            write_letter_file(desk.drop, claimed.message_id, letter, address, pdf=desk.pdf)
        case Means.EMAIL:
            assert desk.mailer is not None, "asked for before"
            letter = write_letter(sentences, told, zone, claimed.now_ms)
            return desk.mailer.hand_over(letter, claimed.message_id, claimed.address, claimed.now_ms)
    return Handed(NoticeState.SENT)


def reminder_of(campaign: CampaignRow, household: Addressee) -> Reminder:
    """What a household is reminded of now."""
    return Reminder(
        name=household.contact.name,
        ean=household.ean,
        energy=None if household.energy is None else Energy(household.energy),
        deadline_ms=campaign.deadline_ms,
        steps_done=min(as_recorded(household.noted).steps, STEPS - 1),
        remote=household.remote,
        balance_ueur=household.balance_ueur,
        balance_at_ms=household.reported_ms,
        sender=campaign.sender,
        phone=campaign.phone,
    )


def _act(desk: SendingDesk) -> AbstractContextManager[Act]:
    now_ms, here = desk.clock()
    return acting(desk.store, desk.root, desk.actor, now_ms, here=here)
