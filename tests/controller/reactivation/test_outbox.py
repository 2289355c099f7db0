"""Reminders are sent once at most, whatever ends a run, by a real mail server and into a real folder."""

import json
import smtplib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from controller.connections.moving import move_out
from controller.database.campaign_tables import NoticeRow
from controller.database.engine import reading, writing
from controller.database.tables import AuditRow, TenancyRow
from controller.orders.acting import acting
from controller.reactivation import outbox
from controller.reactivation.acts import (
    bounced_by_hand,
    bounced_mail,
    close,
    message_id,
    move_deadline,
    record,
)
from controller.reactivation.drop_folder import write_letter_file, write_sms_file
from controller.reactivation.outbox import ATTEMPTS_MAX, RETRY_MS, Sent
from controller.reactivation.rules import Happening, LearnedBy, Means
from controller.reactivation.store import campaign_named
from controller.timing.store import ClockWritten, write_clock
from protocols.errors import InputError, RefusedError, UnreachableError
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.reasons import Voice
from protocols.timing import State, claim, hear, judge, judgement
from tests.controller.households.households import ean
from tests.controller.reactivation.campaign import (
    ANNE,
    DEADLINE_MS,
    NAME,
    NO_ROOT,
    at,
    counts,
    dispatch,
    happen,
    open_june,
    plan,
    populate,
    states,
)
from tests.controller.reactivation.mail_server import MailBox

NOON = at("04 12:00")


@pytest.fixture
def june(engine: Engine) -> Engine:
    """Four households with reminders planned on 4 June."""
    populate(engine, 4)
    assert open_june(engine) == 4
    assert plan(engine, NOON).planned == 4
    return engine


def test_each_gets_its_mail_once_in_its_own_language(june: Engine, mailbox: MailBox, tmp_path: Path) -> None:
    assert dispatch(june, NOON, tmp_path, mailbox.url) == Sent(sent=4)
    assert dispatch(june, NOON, tmp_path, mailbox.url) == Sent()
    assert plan(june, NOON).planned == 0, "the same wave adds nobody"
    assert dispatch(june, NOON + HOUR_MS, tmp_path, mailbox.url, again=True) == Sent()
    assert sorted(mailbox.receivers) == [f"h{n}@example.be" for n in range(1, 5)]
    moments = {
        "fr": "vendredi 3 juillet 2020 à 23h01",
        "nl": "vrijdag 3 juli 2020 om 23.01 uur",
        "de": "Freitag, 3. Juli 2020, um 23:01 Uhr",
        "en": "Friday 3 July 2020 at 23:01",
    }
    for mail in mailbox.mails:
        moment = moments[str(mail["Content-Language"])]
        assert moment in mail.get_content()
        assert moment in str(mail["Subject"])
        assert mail["Auto-Submitted"] == "auto-generated"
        assert str(mail["Date"]) == "Thu, 04 Jun 2020 10:00:00 +0000"
    assert {str(mail["Content-Language"]) for mail in mailbox.mails} == set(moments)
    assert len({str(mail["Message-ID"]) for mail in mailbox.mails}) == 4


def test_nothing_leaves_by_night_and_all_of_it_in_the_morning(
    engine: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    populate(engine, 2)
    open_june(engine)
    plan(engine, at("04 23:30"))
    for night in ("04 23:30", "05 00:00", "05 07:59"):
        waiting = Sent(night=True, waits_until_ms=at("05 08:00"))
        assert dispatch(engine, at(night), tmp_path, mailbox.url) == waiting
    assert dispatch(engine, at("05 08:00"), tmp_path, mailbox.url).sent == 2


def test_what_was_planned_by_day_waits_for_the_morning_too(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    assert dispatch(june, at("04 20:00"), tmp_path, mailbox.url) == Sent(
        night=True, waits_until_ms=at("05 08:00")
    )
    assert mailbox.mails == []
    assert dispatch(june, at("05 08:00"), tmp_path, mailbox.url).sent == 4


def test_who_is_done_by_then_gets_nothing(june: Engine, mailbox: MailBox, tmp_path: Path) -> None:
    happen(june, 1, "card_back", "technician", NOON)
    happen(june, 2, "at_terminal", "card", NOON)
    assert dispatch(june, NOON, tmp_path, mailbox.url) == Sent(sent=3, dropped=1)
    assert "h1@example.be" not in mailbox.receivers
    (asked,) = [mail for mail in mailbox.mails if mail["To"] == "h2@example.be"]
    assert "3. " in asked.get_content()
    assert "1. " not in asked.get_content(), "only the step that is left"
    assert plan(june, NOON, "second").done == 1


def test_nothing_leaves_after_the_deadline_or_once_it_is_closed(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    assert dispatch(june, DEADLINE_MS + 10 * HOUR_MS, tmp_path, mailbox.url) == Sent(dropped=4)
    with pytest.raises(RefusedError, match=r"its deadline .* is over"):
        plan(june, DEADLINE_MS)
    with acting(june, NO_ROOT, ANNE, NOON) as act:
        close(act, NAME)
    with pytest.raises(RefusedError, match="is closed since"):
        dispatch(june, NOON, tmp_path, mailbox.url)
    assert mailbox.mails == []


@pytest.mark.parametrize("means", [Means.EMAIL, Means.SMS])
def test_a_run_stops_once_somebody_closes_the_reactivation(
    engine: Engine, mailbox: MailBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, means: Means
) -> None:
    """Mails are claimed one by one, files here by twos."""
    monkeypatch.setattr(outbox, "_FILES_AT_ONCE", 2)
    populate(engine, 6)
    open_june(engine)
    plan(engine, NOON, by=[means])
    gone = 0

    def told(count: int) -> None:
        nonlocal gone
        gone += count
        if gone == 2 and count:
            with acting(engine, NO_ROOT, ANNE, NOON) as act:
                close(act, NAME)

    assert dispatch(engine, NOON, tmp_path, mailbox.url, told=told) == Sent(sent=2, closed=True)
    assert states(engine) == {"sent": 2, "planned": 4}


# -- whatever ends a run --------------------------------------------------------------------------


class _Killed(BaseException):
    """Stands for a process that is gone: nothing in the program catches it."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_around_the_hand_over_it_is_not_sent_again_by_itself(
    june: Engine, mailbox: MailBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    hand_over = outbox._hand_over

    def killed(desk: outbox.SendingDesk, claimed: outbox._Claimed) -> object:
        if moment == "after":
            hand_over(desk, claimed)
        raise _Killed

    monkeypatch.setattr(outbox, "_hand_over", killed)
    with pytest.raises(_Killed):
        dispatch(june, NOON, tmp_path, mailbox.url)
    monkeypatch.undo()
    assert states(june) == {"sending": 1, "planned": 3}
    gone = len(mailbox.mails)
    assert gone == (moment == "after")
    assert counts(june, NOON).reached["unknown"] == 1, "what nobody knows is shown as unknown"
    assert dispatch(june, NOON, tmp_path, mailbox.url).sent == 3
    assert len(mailbox.mails) == gone + 3
    assert plan(june, NOON).planned == 0
    # Only a person has it sent again, not while somebody may be at it, and then under the same name.
    assert dispatch(june, NOON + 14 * MINUTE_MS, tmp_path, mailbox.url, again=True).sent == 0
    assert dispatch(june, NOON + 15 * MINUTE_MS, tmp_path, mailbox.url, again=True).sent == 1
    names = [str(mail["Message-ID"]) for mail in mailbox.mails]
    assert len(set(names)) == 4
    assert len(names) == 4 + gone
    assert states(june) == {"sent": 4}


def test_killed_in_the_drop_folder_the_file_itself_answers(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(engine, 5, email=False)
    open_june(engine)
    plan(engine, NOON, by=[Means.LETTER])
    write, written = write_letter_file, 0

    def killed(*args: object, **more: object) -> None:
        nonlocal written
        if written == 2:
            raise _Killed
        write(*args, **more)  # type: ignore[arg-type] # as it came
        written += 1

    monkeypatch.setattr(outbox, "write_letter_file", killed)
    with pytest.raises(_Killed):
        dispatch(engine, NOON, tmp_path)
    monkeypatch.undo()
    assert states(engine) == {"sending": 5}
    assert dispatch(engine, NOON, tmp_path) == Sent()
    assert states(engine) == {"sent": 2, "sending": 3}
    assert dispatch(engine, NOON + HOUR_MS, tmp_path, again=True).sent == 3
    assert len(list((tmp_path / "letters").iterdir())) == 5


def test_ctrl_c_leaves_only_the_one_in_the_middle_unknown(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(engine, 5, email=False)
    open_june(engine)
    plan(engine, NOON, by=[Means.SMS])
    write, written = write_sms_file, 0

    def interrupted(*args: object, **more: object) -> None:
        nonlocal written
        written += 1
        if written == 3:
            raise KeyboardInterrupt
        write(*args, **more)  # type: ignore[arg-type] # as it came

    monkeypatch.setattr(outbox, "write_sms_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dispatch(engine, NOON, tmp_path)
    monkeypatch.undo()
    assert states(engine) == {"sent": 2, "sending": 1, "planned": 2}
    assert dispatch(engine, NOON, tmp_path).sent == 2


def test_a_server_that_is_away_loses_nothing(june: Engine, mailbox: MailBox, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"mail server 127\.0\.0\.1:1: Connection refused"):
        dispatch(june, NOON, tmp_path, "smtp://127.0.0.1:1")
    assert states(june) == {"planned": 4}
    with pytest.raises(InputError, match="--smtp: mail waits, and no server is named"):
        dispatch(june, NOON, tmp_path)
    assert dispatch(june, NOON, tmp_path, mailbox.url).sent == 4


def test_a_connection_that_breaks_before_the_answer_leaves_it_unknown(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    mailbox.on_data = [None]
    with pytest.raises(UnreachableError, match="the connection broke while it was sent"):
        dispatch(june, NOON, tmp_path, mailbox.url)
    assert states(june) == {"sending": 1, "planned": 3}, "the run ends with the first"
    assert dispatch(june, NOON, tmp_path, mailbox.url) == Sent(sent=3)
    assert dispatch(june, NOON, tmp_path, mailbox.url) == Sent()
    assert len(mailbox.mails) == 4


def test_a_refused_address_comes_back_at_once_and_the_next_means_follows(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    mailbox.answers["h1@example.be"] = "550 no such user"
    refused = {"550 no such user": 1}
    assert dispatch(june, NOON, tmp_path, mailbox.url) == Sent(sent=3, bounced=1, reasons=refused)
    assert counts(june, NOON).reached == {"acted": 0, "met": 0, "written": 3, "unknown": 0, "nobody": 1}
    assert plan(june, NOON).planned == 1
    assert dispatch(june, NOON, tmp_path, mailbox.url).sent == 1
    (sms,) = (tmp_path / "sms").iterdir()
    told = json.loads(sms.read_text("utf-8"))
    assert told["to"] == "+32470123456"
    assert (told["not_after"], told["not_between"]) == ("2020-07-03T21:01:00Z", ["20:00", "08:00"])
    assert "vrijdag 3 juli 2020 om 23.01 uur" in told["text"]
    assert plan(june, NOON, "second").planned == 4
    assert dispatch(june, NOON, tmp_path, mailbox.url).sent == 4
    assert mailbox.receivers.count("h1@example.be") == 0, "a dead address is not used again"


def test_a_server_that_takes_it_later_is_asked_again_some_times(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    mailbox.answers["h1@example.be"] = "451 later"
    now_ms = at("05 08:30")
    later_ms = now_ms + RETRY_MS
    assert dispatch(june, now_ms, tmp_path, mailbox.url) == Sent(sent=3, later=1, waits_until_ms=later_ms)
    assert dispatch(june, later_ms - 1, tmp_path, mailbox.url) == Sent(waits_until_ms=later_ms)
    for attempt in range(2, ATTEMPTS_MAX):
        now_ms += RETRY_MS
        assert dispatch(june, now_ms, tmp_path, mailbox.url).later == 1, attempt
    refused = {"451 later": 1}
    assert dispatch(june, now_ms + RETRY_MS, tmp_path, mailbox.url) == Sent(bounced=1, reasons=refused)
    mailbox.on_data = ["552 5.2.2 full"]
    plan(june, NOON, "second")
    assert dispatch(june, at("05 14:00"), tmp_path, mailbox.url).bounced == 1


def test_only_what_a_server_has_answered_counts_against_an_address(
    june: Engine, mailbox: MailBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is away, refuses us, and breaks off; then it takes the first mail later (greylisting)."""
    now_ms = at("05 08:30")
    for run in range(ATTEMPTS_MAX):
        with pytest.raises(UnreachableError):
            dispatch(june, now_ms + run, tmp_path, "smtp://127.0.0.1:1")
    with monkeypatch.context() as patch:
        patch.setattr(smtplib.SMTP, "mail", lambda *_args: (421, b"not now"))
        with pytest.raises(UnreachableError, match="not now"):
            dispatch(june, now_ms + ATTEMPTS_MAX, tmp_path, mailbox.url)
    mailbox.on_data = [None]
    with pytest.raises(UnreachableError, match="the connection broke"):
        dispatch(june, now_ms + 10, tmp_path, mailbox.url)
    assert dispatch(june, now_ms + 10, tmp_path, mailbox.url) == Sent(sent=3)
    mailbox.answers["h1@example.be"] = "450 greylisted, come back later"
    now_ms += HOUR_MS
    assert dispatch(june, now_ms, tmp_path, mailbox.url, again=True).later == 1
    for _ in range(2, ATTEMPTS_MAX):
        now_ms += RETRY_MS
        assert dispatch(june, now_ms, tmp_path, mailbox.url).later == 1
    assert dispatch(june, now_ms + RETRY_MS, tmp_path, mailbox.url).bounced == 1


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("451 try again later", Sent(sent=3, later=1, waits_until_ms=NOON + RETRY_MS)),
        ("550 5.1.1 nobody", Sent(sent=3, bounced=1, reasons={"550 5.1.1 nobody": 1})),
    ],
)
def test_a_server_that_refuses_before_the_text_takes_the_next_mail(
    june: Engine, mailbox: MailBox, tmp_path: Path, answer: str, found: Sent
) -> None:
    """By then it has a sender and a receiver; of another sender in the same transaction it takes none."""
    mailbox.before_data = [answer]
    assert dispatch(june, NOON, tmp_path, mailbox.url) == found
    assert len(mailbox.mails) == 3


def test_two_that_send_at_once_send_each_once(engine: Engine, mailbox: MailBox, tmp_path: Path) -> None:
    populate(engine, 30)
    open_june(engine)
    plan(engine, NOON)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(dispatch, engine, NOON, tmp_path, mailbox.url) for _ in range(2)]
        assert sum(run.result().sent for run in runs) == 30
    assert sorted(mailbox.receivers) == sorted(f"h{n}@example.be" for n in range(1, 31))


# -- clocks, dates, homes -------------------------------------------------------------------------


@pytest.mark.parametrize(("off_ms", "voices"), [(30 * DAY_MS, 2), (0, 1)])
def test_while_nobody_can_say_what_time_it_is_nothing_is_planned_or_sent(
    june: Engine, mailbox: MailBox, tmp_path: Path, off_ms: int, voices: int
) -> None:
    """The machine's clock is a month off; or the service has only one voice."""
    state = State("no-boot")
    for voice in (Voice.SYSTEM, Voice.TIMESERVER)[:voices]:
        state = hear(state, voice, claim(NOON + off_ms - 1_000, 0, NOON + off_ms + 1_000, 0))
    with writing(june) as session:
        judged = judgement(judge(state, 0), 0, NOON)
        write_clock(session, ClockWritten(judged=judged, shares_machine=None))
    words = "clock and the service's differ" if voices == 2 else "the service doubts its clock"
    with pytest.raises(RefusedError, match=words):
        dispatch(june, NOON, tmp_path, mailbox.url)
    assert mailbox.mails == []
    assert states(june) == {"planned": 4}


def test_a_moved_deadline_is_what_is_sent_and_who_was_told_another_is_counted(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    mailbox.answers["h4@example.be"] = "451 later"
    dispatch(june, NOON, tmp_path, mailbox.url)
    with acting(june, NO_ROOT, ANNE, at("30 08:00")) as act:
        assert move_deadline(act, NAME, DEADLINE_MS + 3 * DAY_MS) == 3
    mailbox.answers.clear()
    assert dispatch(june, at("30 09:00"), tmp_path, mailbox.url).sent == 1
    assert "lundi 6 juillet 2020 à 23h01" in mailbox.mails[-1].get_content()
    assert counts(june, at("30 10:00")).told_otherwise == 3


def test_who_has_moved_out_gets_nothing_and_neither_does_the_next(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    with writing(june) as session:
        session.add(
            TenancyRow(
                ean=ean(1), number=1, meter="m00001", until_ms=NOON, recorded_by="anne", recorded_ms=NOON
            )
        )
    assert dispatch(june, NOON, tmp_path, mailbox.url) == Sent(sent=3, dropped=1)
    assert counts(june, NOON).left == 1
    assert plan(june, NOON, "second").left == 1


def test_who_left_before_it_was_opened_and_was_recorded_later_is_not_who_it_is_for(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    with writing(june) as session:
        opened_ms = campaign_named(session, NAME).opened_ms
        session.add(
            TenancyRow(
                ean=ean(1), number=1, meter="m00001", until_ms=opened_ms, recorded_by="anne", recorded_ms=NOON
            )
        )
    assert dispatch(june, NOON, tmp_path, mailbox.url) == Sent(sent=4)
    assert counts(june, NOON).left == 0


def test_where_a_leaver_was_written_to_is_forgotten_and_that_it_was_is_not(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    mailbox.answers["h1@example.be"] = "550 h1@example.be is unknown"
    assert dispatch(june, NOON, tmp_path, mailbox.url).reasons == {"550 … is unknown": 1}
    plan(june, NOON, "letters", [Means.LETTER])
    for name in ("m00001", "m00002"):
        with acting(june, NO_ROOT, ANNE, NOON + HOUR_MS) as act:
            move_out(act, name, NOON)
    with reading(june) as session:
        found = session.exec(select(NoticeRow).order_by(NoticeRow.ean, NoticeRow.wave)).all()
        gone = [each for each in found if each.ean in {ean(1), ean(2)}]
        assert {(each.address, each.reason) for each in gone} == {("", "")}
        assert [each.state for each in gone] == ["bounced", "planned", "sent", "planned"]
        assert all(each.address for each in found if each not in gone)
    assert dispatch(june, NOON + HOUR_MS, tmp_path, mailbox.url, again=True) == Sent(sent=2, dropped=2)


def test_the_audit_keeps_nothing_that_people_or_servers_write_about_a_household(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    """All that is written freely: why a reminder came back, the proof of a step, and contacts."""
    told = "550 <h1@example.be>: Household 1 of Rue 1 is unknown"
    mailbox.answers["h4@example.be"] = told
    assert dispatch(june, NOON, tmp_path, mailbox.url).bounced == 1
    with acting(june, NO_ROOT, ANNE, NOON + HOUR_MS) as act:
        assert bounced_mail(act, NAME, str(mailbox.mails[0]["Message-ID"]), told) is not None
        left = str(mailbox.mails[1]["To"])[1]
        assert bounced_by_hand(act, NAME, ean(int(left)), Means.EMAIL, told)
        record(act, NAME, ean(1), Happening.MET, LearnedBy.CALL, NOON, proof=told)
        record(act, NAME, ean(1), Happening.MET, LearnedBy.CALL, NOON, proof=told, withdrawn=True)
    with reading(june) as session:
        bodies = b"".join(row.body for row in session.exec(select(AuditRow)))
        reasons = session.exec(select(NoticeRow.reason)).all()
    assert reasons.count(told) == 3, "people still see why"
    assert bodies.count(b'"does":"bounce"') == 2
    for word in (b"example.be", b"Household", b"Rue", b"550"):
        assert word not in bodies


def test_the_name_of_a_reminder_never_changes_and_has_no_ean_in_it(june: Engine) -> None:
    with reading(june) as session:
        campaign = campaign_named(session, NAME)
        rows = session.exec(select(NoticeRow)).all()
        for row in rows:
            assert row.message_id == message_id(campaign, row.ean, row.wave, Means(row.means))
            assert row.ean not in row.message_id
        assert len({row.message_id for row in rows}) == 4
