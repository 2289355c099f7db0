"""A clock that was wrong while something was recorded loses no household, and tells none twice."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from controller.database.engine import reading
from controller.orders.acting import acting
from controller.reactivation.acts import bounced_by_hand
from controller.reactivation.outbox import Sent
from controller.reactivation.rules import Means, ReachedBy
from controller.reactivation.views import show_household, unreached, visits
from protocols.errors import UnreachableError
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from tests.controller.households.households import ean
from tests.controller.reactivation.campaign import (
    ANNE,
    NAME,
    NO_ROOT,
    at,
    counts,
    dispatch,
    happen,
    open_june,
    plan,
    populate,
)
from tests.controller.reactivation.mail_server import MailBox

NOON = at("10 12:00")
AHEAD = pytest.mark.parametrize("ahead_ms", [MINUTE_MS, DAY_MS, 20 * DAY_MS])


@pytest.fixture
def june(engine: Engine) -> Engine:
    populate(engine, 2)
    open_june(engine)
    return engine


@AHEAD
def test_what_was_planned_by_a_clock_ahead_leaves_once_it_is_right(
    june: Engine, mailbox: MailBox, tmp_path: Path, ahead_ms: int
) -> None:
    assert plan(june, NOON + ahead_ms).planned == 2
    dispatch(june, NOON, tmp_path, mailbox.url)
    dispatch(june, NOON + DAY_MS, tmp_path, mailbox.url)
    assert sorted(mailbox.receivers) == ["h1@example.be", "h2@example.be"]


@AHEAD
def test_what_may_have_gone_by_a_clock_ahead_is_sent_again_when_a_person_says_so(
    june: Engine, mailbox: MailBox, tmp_path: Path, ahead_ms: int
) -> None:
    plan(june, NOON)
    mailbox.on_data = [None]
    with pytest.raises(UnreachableError, match="the connection broke"):
        dispatch(june, NOON + ahead_ms, tmp_path, mailbox.url)
    assert dispatch(june, NOON + ahead_ms, tmp_path, mailbox.url) == Sent(sent=1)
    late_ms = NOON + HOUR_MS
    assert dispatch(june, late_ms, tmp_path, mailbox.url) == Sent()
    assert dispatch(june, late_ms, tmp_path, mailbox.url, again=True) == Sent(sent=1)


@AHEAD
def test_a_step_that_was_recorded_by_a_clock_ahead_counts(
    june: Engine, mailbox: MailBox, tmp_path: Path, ahead_ms: int
) -> None:
    """It cannot be recorded again, as it is known; so it must count."""
    assert happen(june, 1, "card_back", "technician", NOON + ahead_ms)
    assert not happen(june, 1, "card_back", "technician", NOON)
    assert plan(june, NOON).done == 1
    dispatch(june, NOON, tmp_path, mailbox.url)
    assert mailbox.receivers == ["h2@example.be"]
    with reading(june) as session:
        assert [door.ean for door in visits(session, NAME).doors] == [ean(2)]
        assert show_household(session, NAME, ean(1)).far.done
        assert [(each.nobody, each.undone) for each in unreached(session, None)] == [((), ("m00002",))]
    assert counts(june, NOON).done == 0, "of a day it is said as it was known on that day"


def test_what_came_back_by_a_clock_ahead_has_reached_nobody(
    june: Engine, mailbox: MailBox, tmp_path: Path
) -> None:
    plan(june, NOON)
    dispatch(june, NOON, tmp_path, mailbox.url)
    with acting(june, NO_ROOT, ANNE, NOON + 20 * DAY_MS) as act:
        assert bounced_by_hand(act, NAME, ean(1), Means.EMAIL, "moved")
    with reading(june) as session:
        assert show_household(session, NAME, ean(1)).reached is ReachedBy.NOBODY
