"""What a reactivation with an order costs grows with its households, and not with their square.

SQLite counts the steps of its virtual machine: no clock is asked. PostgreSQL plans these queries by itself.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from controller.database.engine import open_store, reading
from controller.orders.acting import acting
from controller.reactivation.acts import collect
from controller.reactivation.store import campaign_named, households
from controller.reactivation.views import funnel, unreached, visits
from tests.controller.households.households import ean
from tests.controller.reactivation.campaign import ANNE, NAME, NO_ROOT, at, open_june, populate
from tests.controller.reactivation.remote import deliver

NOW_MS = at("10 10:00")
SMALL, TIMES = 100, 8
# Ten are counted at once: to count each would be most of the work.
_STEPS_AT_ONCE = 10

Task = Callable[[Session], object]


class Steps:
    """How many steps SQLite has taken, by tens."""

    def __init__(self) -> None:
        self.count = 0

    def _one_more(self) -> int:
        self.count += 1
        return 0

    @contextmanager
    def counted(self, session: Session) -> Iterator[None]:
        raw = session.connection().connection.driver_connection
        assert raw is not None
        raw.set_progress_handler(self._one_more, _STEPS_AT_ONCE)
        yield
        raw.set_progress_handler(None, 0)


@pytest.fixture(scope="module")
def stores(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Engine]]:
    """A small reactivation and a larger one; every meter has its order, and half of them have taken it."""
    opened: list[Engine] = []
    for count in (SMALL, SMALL * TIMES):
        path = tmp_path_factory.mktemp("large") / "relance.db"
        shutil.copy(empty_store, path)
        store = open_store(f"sqlite:///{path}")
        opened.append(store)
        populate(store, count)
        states = (("sent", None), ("effective", at("09 10:00")))
        deliver(store, "o1", ((number, *states[number % 2]) for number in range(1, count + 1)))
        open_june(store, "o1")
    yield opened
    for store in opened:
        store.dispose()


def grown(stores: list[Engine], task: Task) -> float:
    """How many times as many steps the larger reactivation takes."""
    taken = [Steps() for _ in stores]
    for store, steps in zip(stores, taken, strict=True):
        with reading(store) as session, steps.counted(session):
            task(session)
    return taken[1].count / taken[0].count


@pytest.mark.parametrize(
    "task",
    [
        lambda session: funnel(session, NAME, NOW_MS, NOW_MS),
        lambda session: visits(session, NAME),
        lambda session: unreached(session, None),
    ],
    ids=["status", "visit", "a cut of the fleet"],
)
def test_eight_times_the_households_take_about_eight_times_the_steps(
    stores: list[Engine], task: Task
) -> None:
    assert grown(stores, task) < TIMES * 1.5


def test_a_cut_of_one_meter_asks_for_its_household_alone(stores: list[Engine]) -> None:
    assert grown(stores, lambda session: unreached(session, ["m00002"])) < 1.5


def test_what_the_meters_have_taken_is_recorded_once_and_then_hardly_asked(stores: list[Engine]) -> None:
    first, again = ([Steps() for _ in stores] for _ in range(2))
    for number, store in enumerate(stores):
        for steps, new in ((first[number], True), (again[number], False)):
            with acting(store, NO_ROOT, ANNE, NOW_MS) as act, steps.counted(act.session):
                assert bool(collect(act, NAME)) is new
    assert first[1].count < first[0].count * TIMES * 1.5
    assert again[1].count < again[0].count * TIMES * 1.5
    # What has happened to others does not count where one household is asked about, for each mail anew.
    assert grown(stores, one_household) < 1.5


def one_household(session: Session) -> object:
    return households(session, campaign_named(session, NAME), [ean(1)])[ean(1)]
