"""Whatever people, servers and kills do in any order: once at most, by day, in time, and not when done."""

from collections import Counter
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete
from sqlmodel import select

from controller.database.campaign_tables import CampaignHouseholdRow, CampaignRow, HappeningRow, NoticeRow
from controller.database.engine import reading, writing
from controller.orders.acting import acting
from controller.reactivation import outbox
from controller.reactivation.acts import bounced_by_hand
from controller.reactivation.mail import Handed
from controller.reactivation.rules import Means, NoticeState, is_night
from protocols.cutting.zones import load_zone
from protocols.errors import RefusedError, UnreachableError
from protocols.instants import HOUR_MS
from tests.controller.households.households import ean
from tests.controller.reactivation.campaign import (
    ANNE,
    DEADLINE_MS,
    NAME,
    NO_ROOT,
    OPENED_MS,
    dispatch,
    happen,
    open_june,
    plan,
    populate,
    take_back,
)

BRUSSELS = load_zone("Europe/Brussels")
HOUSEHOLDS = 3
# What a server or folder answers, to one hand-over after the other.
ANSWERS = st.lists(
    st.sampled_from(["sent", "bounced", "planned", "refused", "sending", "away", "killed"]),
    min_size=1,
    max_size=6,
)
NUMBERS = st.integers(1, HOUSEHOLDS)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("plan"), st.sampled_from(["first", "second"])),
        st.tuples(st.just("send"), ANSWERS),
        st.tuples(st.just("done"), NUMBERS),
        st.tuples(st.just("undo"), NUMBERS),
        st.tuples(st.just("bounce"), NUMBERS),
        st.tuples(st.just("wait"), st.integers(1, 400)),
        st.tuples(st.sampled_from(["back up", "restore"]), st.just(0)),
    ),
    max_size=14,
)


class _Killed(BaseException):
    """Stands for a process that is gone."""


class World:
    """A store, its time, and every hand-over that there was."""

    def __init__(self, store: Engine, drop: Path) -> None:
        self.store = store
        self.drop = drop
        self.now_ms: int = OPENED_MS
        self.taken: Counter[str] = Counter()
        self.done: set[str] = set()
        self.answers: list[str] = []
        self.backup: list[dict[str, Any]] = []
        self.was_restored = False

    def hand_over(self, _desk: object, claimed: outbox._Claimed) -> Handed:
        """In the place of server and folder; checks what must hold whenever something leaves."""
        assert not is_night(self.now_ms, BRUSSELS)
        assert self.now_ms < DEADLINE_MS
        assert claimed.household.ean not in self.done
        assert not self.taken[claimed.message_id], "it has been taken before"
        answer = self.answers.pop(0) if self.answers else "sent"
        if answer == "away":
            raise UnreachableError("away")
        if answer in {"sent", "sending", "killed"}:
            self.taken[claimed.message_id] += 1
        if answer == "killed":
            raise _Killed
        if answer == "refused":
            return Handed(NoticeState.PLANNED, "relay access denied", stops=True)
        return Handed(NoticeState(answer), answer, stops=answer == "sending")

    def step(self, verb: str, given: str | int | list[str]) -> None:
        match verb, given:
            case "plan", str(wave):
                try:
                    plan(self.store, self.now_ms, wave)
                except RefusedError:
                    assert self.now_ms >= DEADLINE_MS
            case "send", list(answers):
                self.answers = list(answers)
                try:
                    dispatch(self.store, self.now_ms, self.drop, "smtp://127.0.0.1:1")
                except (UnreachableError, _Killed):
                    assert {"away", "refused", "sending", "killed"} & set(answers)
            case "done", int(number):
                happen(self.store, number, "card_back", "technician", self.now_ms)
                self.done.add(ean(number))
            case "undo", int(number):
                if ean(number) in self.done:
                    take_back(self.store, number, "card_back", "technician", self.now_ms)
                    self.done.remove(ean(number))
            case "bounce", int(number):
                self._bounce(number)
            case "wait", int(hours):
                self.now_ms += hours * HOUR_MS
            case "back up", _:
                with reading(self.store) as session:
                    self.backup = [row.model_dump() for row in session.exec(select(NoticeRow))]
            case "restore", _:
                with writing(self.store) as session:
                    session.execute(delete(NoticeRow))
                    session.add_all(NoticeRow(**row) for row in self.backup)
                self.was_restored = True

    def _bounce(self, number: int) -> None:
        for means in Means:
            try:
                with acting(self.store, NO_ROOT, ANNE, self.now_ms) as act:
                    bounced_by_hand(act, NAME, ean(number), means, "moved")
            except RefusedError:
                continue

    def check(self) -> None:
        """What must hold of the store after each step."""
        assert max(self.taken.values(), default=0) <= 1, "nothing was taken twice"
        with reading(self.store) as session:
            rows = session.exec(select(NoticeRow)).all()
            alive = Counter((row.ean, row.wave) for row in rows if row.state != NoticeState.BOUNCED)
            assert max(alive.values(), default=0) <= 1, "one means in a wave, until it comes back"
            for row in rows:
                if row.state == NoticeState.SENT:
                    assert self.taken[row.message_id] == 1, "what is called sent was taken"
                    assert row.told_ms == DEADLINE_MS
                if row.state == NoticeState.PLANNED:
                    unknown = self.was_restored or self.taken[row.message_id] == 0
                    assert unknown, "what was taken is not planned again"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(STEPS)
def test_whatever_happens_nothing_comes_twice_by_night_too_late_or_to_who_is_done(
    sqlite_store: Engine, tmp_path: Path, steps: list[tuple[str, str | int | list[str]]]
) -> None:
    world = fresh(sqlite_store, tmp_path)
    with mock.patch.object(outbox, "_hand_over", world.hand_over):
        for verb, argument in steps:
            world.step(verb, argument)
            world.check()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12)
@given(st.lists(st.sampled_from(["bounced", "planned", "refused", "away"]), max_size=6))
def test_who_can_be_reached_is_reached_in_the_end(
    sqlite_store: Engine, tmp_path: Path, answers: list[str]
) -> None:
    """Servers refuse, put off and are away; then they answer: nobody is forgotten while a means is left."""
    world = fresh(sqlite_store, tmp_path)
    world.now_ms += HOUR_MS
    with mock.patch.object(outbox, "_hand_over", world.hand_over):
        for answer in [*answers, *["sent"] * 20]:
            world.step("plan", "first")
            world.step("send", [answer])
            world.now_ms += HOUR_MS
    with reading(sqlite_store) as session:
        rows = session.exec(select(NoticeRow)).all()
        sent = {row.ean for row in rows if row.state == NoticeState.SENT}
        back = Counter(row.ean for row in rows if row.state == NoticeState.BOUNCED)
    lost = {each for each, count in back.items() if count == len(Means)}
    assert sent | lost == {ean(number) for number in range(1, HOUSEHOLDS + 1)}
    assert answers.count("bounced") >= len(Means) * len(lost)


def fresh(store: Engine, drop: Path) -> World:
    """The store as on the morning of 4 June, in a home from which nothing has left."""
    (drop / "reminders.log").unlink(missing_ok=True)
    with writing(store) as session:
        for table in (NoticeRow, HappeningRow, CampaignHouseholdRow, CampaignRow):
            session.execute(delete(table))
    populate(store, HOUSEHOLDS)
    open_june(store)
    return World(store, drop)
