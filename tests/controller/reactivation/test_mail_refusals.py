"""What a mail server's refusal or silence is held against: a mailbox, or the server, and the run ends."""

import smtplib
from pathlib import Path

import pytest
from sqlalchemy import Engine

from controller.reactivation import mail
from controller.reactivation.outbox import ATTEMPTS_MAX, RETRY_MS
from protocols.errors import UnreachableError
from tests.controller.reactivation.campaign import at, dispatch, open_june, plan, populate, states
from tests.controller.reactivation.mail_server import MailBox

NOON = at("04 12:00")


@pytest.fixture
def june(engine: Engine) -> Engine:
    """Four households with mails planned on 4 June."""
    populate(engine, 4)
    open_june(engine)
    assert plan(engine, NOON).planned == 4
    return engine


# RFC 3463 3.2 and 3.3 are of the mailbox; the rest is of the server, the network or us.
OF_MAILBOX = [
    "550",
    "551 moved",
    "553 no such name",
    "550 5.1.1 nobody",
    "554 5.1.10 null MX",
    "552 5.2.2 full",
]
OF_SERVER = [
    "554 5.7.1 Relay access denied",
    "550 5.7.1 you are on a list",
    "550 5.7.26 no SPF",
    "553 5.3.2 not now",
    "503 5.5.1 need MAIL",
    "530 log in first",
    "554 no service",
    "552 too large",
    "503 bad sequence",
]


@pytest.mark.parametrize("answer", OF_MAILBOX)
def test_what_is_said_of_a_mailbox_is_its_bounce(
    june: Engine, mailbox: MailBox, tmp_path: Path, answer: str
) -> None:
    mailbox.answers["h1@example.be"] = f"{answer} <h1@example.be>"
    sent = dispatch(june, NOON, tmp_path, mailbox.url)
    assert (sent.sent, sent.reasons) == (3, {f"{answer} <…>": 1})
    assert states(june) == {"sent": 3, "bounced": 1}


@pytest.mark.parametrize("answer", OF_SERVER)
def test_any_other_refusal_ends_the_run_and_costs_no_address(
    june: Engine, mailbox: MailBox, tmp_path: Path, answer: str
) -> None:
    mailbox.answers = dict.fromkeys((f"h{n}@example.be" for n in range(1, 5)), answer)
    for run in range(ATTEMPTS_MAX + 2):
        with pytest.raises(UnreachableError, match=rf"mail server 127\.0\.0\.1:\d+: {answer}"):
            dispatch(june, NOON + run * RETRY_MS, tmp_path, mailbox.url)
        assert states(june) == {"planned": 4}
    mailbox.answers.clear()
    assert dispatch(june, NOON + 8 * RETRY_MS - 1, tmp_path, mailbox.url).sent == 4


def test_a_mail_that_the_server_refuses_for_itself_lets_the_others_by(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    """One that is refused each time would else keep all others back for ever."""
    mailbox.answers["h1@example.be"] = "550 5.7.1 no mail of yours"
    with pytest.raises(UnreachableError, match="no mail of yours"):
        dispatch(june, NOON, tmp_path, mailbox.url)
    sent = dispatch(june, NOON + 1, tmp_path, mailbox.url)
    assert (sent.sent, sent.waits_until_ms) == (3, NOON + RETRY_MS)


def test_a_text_that_the_server_refuses_ends_the_run_too(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    mailbox.before_data = ["554 no such text here"]
    with pytest.raises(UnreachableError, match="554 no such text here"):
        dispatch(june, NOON, tmp_path, mailbox.url)
    mailbox.on_data = ["554 5.7.1 looks like spam"]
    with pytest.raises(UnreachableError, match="looks like spam"):
        dispatch(june, NOON, tmp_path, mailbox.url)
    assert states(june) == {"planned": 4}
    assert dispatch(june, NOON + RETRY_MS, tmp_path, mailbox.url).sent == 4


# -- silence --------------------------------------------------------------------------------------


def test_a_server_that_takes_the_text_and_is_silent_leaves_one_unknown_and_ends_the_run(
    june: Engine, mailbox: MailBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "_ANSWER_PATIENCE_S", 0.2)
    mailbox.hold()
    with pytest.raises(UnreachableError, match=r"the connection broke while it was sent: .*timed out"):
        dispatch(june, NOON, tmp_path, mailbox.url)
    mailbox.go_on()
    assert states(june) == {"sending": 1, "planned": 3}
    assert len(mailbox.mails) == 1


def test_for_the_answer_to_a_text_it_is_waited_longer_than_for_any_other(
    june: Engine, mailbox: MailBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 5321 4.5.3.2.6: ten minutes; less than what is being sent is left alone for."""
    getreply, waited_s = smtplib.SMTP.getreply, []

    def noted(connection: smtplib.SMTP) -> tuple[int, bytes]:
        waited_s.append(None if connection.sock is None else connection.sock.gettimeout())
        return getreply(connection)

    monkeypatch.setattr(smtplib.SMTP, "getreply", noted)
    assert dispatch(june, NOON, tmp_path, mailbox.url).sent == 4
    # The greeting and EHLO; then MAIL, RCPT, DATA and the text, four times.
    assert waited_s == [30.0] * 2 + [30.0, 30.0, 30.0, 600.0] * 4


def test_a_server_that_breaks_off_at_data_has_taken_nothing(
    june: Engine, mailbox: MailBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(smtplib.SMTP, "docmd", lambda *_args: (_ for _ in ()).throw(TimeoutError("timed out")))
        with pytest.raises(UnreachableError, match="timed out"):
            dispatch(june, NOON, tmp_path, mailbox.url)
    assert states(june) == {"planned": 4}
    assert dispatch(june, NOON, tmp_path, mailbox.url).sent == 4


def test_lines_that_begin_with_a_dot_arrive_as_they_were(mailbox: MailBox) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.port) as connection:
        connection.ehlo()
        connection.mail("info@example.be")
        connection.rcpt("h1@example.be")
        connection.docmd("data")
        text = b"To: h1@example.be\r\n\r\n.one\r\n..two\r\n.\r\nthree"
        assert mail._give_text(connection, text)[0] == 250
    (got,) = mailbox.mails
    assert got.get_content().splitlines() == [".one", "..two", ".", "three"]
