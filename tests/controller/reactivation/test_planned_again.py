"""What was dropped unsent is planned again by its own wave, and so is a bounce that is taken back."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from controller.orders.acting import acting
from controller.reactivation.acts import bounced_by_hand, move_deadline, take_back_bounces
from controller.reactivation.outbox import RETRY_MS, Sent
from controller.reactivation.rules import Means
from protocols.errors import UnreachableError
from protocols.instants import DAY_MS
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
    take_back,
)
from tests.controller.reactivation.mail_server import MailBox

NOON = at("04 12:00")


@pytest.fixture
def june(engine: Engine) -> Engine:
    populate(engine, 4)
    open_june(engine)
    assert plan(engine, NOON).planned == 4
    return engine


def test_a_moved_deadline_plans_what_came_too_late_once_more(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    late_ms = at("07-04 12:00")
    assert dispatch(june, late_ms, tmp_path, mailbox.url) == Sent(dropped=4)
    with acting(june, NO_ROOT, ANNE, late_ms) as act:
        move_deadline(act, NAME, DEADLINE_MS + 9 * DAY_MS)
    found = plan(june, late_ms)
    assert (found.planned, found.before) == (4, 0)
    assert dispatch(june, late_ms, tmp_path, mailbox.url) == Sent(sent=4)
    assert counts(june, late_ms).reached["written"] == 4
    assert plan(june, late_ms).before == 4


def test_a_step_that_is_taken_back_plans_its_reminder_once_more(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    happen(june, 1, "card_back", "clerk", NOON)
    assert dispatch(june, NOON, tmp_path, mailbox.url) == Sent(sent=3, dropped=1)
    take_back(june, 1, "card_back", "clerk", NOON)
    found = plan(june, NOON)
    assert (found.planned, found.before) == (1, 3)
    assert dispatch(june, NOON, tmp_path, mailbox.url) == Sent(sent=1)
    assert len(mailbox.mails) == 4


def test_what_a_server_had_put_off_before_is_no_sign_of_a_backup(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    mailbox.answers["h1@example.be"] = "451 later"
    assert dispatch(june, NOON, tmp_path, mailbox.url).later == 1
    happen(june, 1, "card_back", "clerk", NOON)
    assert dispatch(june, NOON + RETRY_MS, tmp_path, mailbox.url).dropped == 1
    take_back(june, 1, "card_back", "clerk", NOON + RETRY_MS)
    mailbox.answers.clear()
    assert plan(june, NOON + RETRY_MS).planned == 1
    assert dispatch(june, NOON + RETRY_MS, tmp_path, mailbox.url) == Sent(sent=1)


def test_another_means_may_follow_what_was_dropped_and_then_blocks_it(june: Engine, tmp_path: Path) -> None:
    late_ms = at("07-04 12:00")
    assert dispatch(june, late_ms, tmp_path, "smtp://127.0.0.1:1").dropped == 4
    with acting(june, NO_ROOT, ANNE, late_ms) as act:
        move_deadline(act, NAME, DEADLINE_MS + 9 * DAY_MS)
    assert plan(june, late_ms, by=[Means.LETTER]).planned == 4
    assert plan(june, late_ms).before == 4
    assert states(june) == {"dropped": 4, "planned": 4}


# -- bounces that are taken back ------------------------------------------------------------------


def undo_bounces(store: Engine, number: int | None = None) -> int:
    with acting(store, NO_ROOT, ANNE, NOON) as act:
        return take_back_bounces(act, NAME, Means.EMAIL, None if number is None else ean(number))


def test_what_a_server_refused_is_taken_back_for_all_and_goes_out_once(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    mailbox.answers = {f"h{n}@example.be": "550 no such user" for n in (1, 2)}
    assert dispatch(june, NOON, tmp_path, mailbox.url).bounced == 2
    with acting(june, NO_ROOT, ANNE, NOON) as act:
        assert bounced_by_hand(act, NAME, ean(3), Means.EMAIL, "came back by mail")
    mailbox.answers.clear()
    assert (undo_bounces(june), undo_bounces(june)) == (2, 0), "what has left and came back stays so"
    found = plan(june, NOON, by=[Means.EMAIL])
    assert (found.planned, found.before, found.unreachable) == (2, 1, 1)
    assert dispatch(june, NOON, tmp_path, mailbox.url) == Sent(sent=2)
    assert sorted(mailbox.receivers) == [f"h{n}@example.be" for n in range(1, 5)]


def test_one_that_was_sent_is_sent_again_by_no_undo(june: Engine, mailbox: MailBox, tmp_path: Path) -> None:
    dispatch(june, NOON, tmp_path, mailbox.url)
    with acting(june, NO_ROOT, ANNE, NOON) as act:
        assert bounced_by_hand(act, NAME, ean(1), Means.EMAIL, "the wrong household")
    assert counts(june, NOON).reached["nobody"] == 1
    assert undo_bounces(june, 1) == 1
    assert counts(june, NOON).reached["written"] == 4
    assert plan(june, NOON).before == 4
    assert plan(june, NOON, "second", [Means.EMAIL]).planned == 4, "the address is used again"


def test_one_that_may_have_gone_is_unknown_again(june: Engine, mailbox: MailBox, tmp_path: Path) -> None:
    mailbox.on_data = [None]
    with pytest.raises(UnreachableError):
        dispatch(june, NOON, tmp_path, mailbox.url)
    with acting(june, NO_ROOT, ANNE, NOON) as act:
        assert bounced_by_hand(act, NAME, ean(1), Means.EMAIL, "the wrong household")
    assert undo_bounces(june) == 0
    assert undo_bounces(june, 1) == 1
    assert states(june) == {"sending": 1, "planned": 3}
    assert plan(june, NOON).before == 4
    assert dispatch(june, NOON, tmp_path, mailbox.url).sent == 3
