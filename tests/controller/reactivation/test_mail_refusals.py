"""What a mail server's refusal is held against: a mailbox for good, or the server, and the run ends."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

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
