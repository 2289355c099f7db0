"""A meter's limit of a day is counted by the machine and the judged clock: no clock that is set ends it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.card.store import WholeMemory
from cardreader.kiosk.elapsed import pass_time
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.ports import Cash
from cardreader.kiosk.rules import Moment, passed_ms
from cardreader.kiosk.store import note_heard, writing_kiosk
from protocols.documents.kiosk_limits import KioskLimits
from protocols.errors import RefusedError
from protocols.instants import DAY_MS, HOUR_MS, UtcMs
from tests.cardreader.kiosk.till_bench import CARD, EURO, Till
from tests.cardreader.one_card import NOW_MS

LIMITS = KioskLimits(kiosk="k1", version=1, meter_day_ueur=30 * EURO, offline_hours=720)


@dataclass
class Counter:
    """A kiosk that may take 30 euro a day for a meter, and what its clocks say."""

    till: Till
    memory: WholeMemory
    wall_ms: int = NOW_MS
    tick_ms: int = 1_000
    boot: int = 1
    true_ms: int = NOW_MS
    paid: int = 0

    def pays(self, *, tells_time: bool = False) -> bool:
        """Whether it takes 20 euro more now."""
        now = Moment(self.wall_ms, self.tick_ms, self.boot)
        self.till.kiosk = replace(
            self.till.kiosk,
            limits=LIMITS,
            tells_time=tells_time,
            ahead_ms=self.wall_ms - self.true_ms if tells_time else 0,
        )
        with writing_kiosk(self.till.engine) as session:
            note_heard(session, now)
        self.paid += 1
        said = ""
        try:
            with self.till.serving(self.memory) as card:
                top_up(self.till.kiosk, card, f"p{self.paid}", 20 * EURO, Cash(), now)
        except RefusedError as error:
            said = str(error)
        assert not said or "(code K4)" in said
        return not said

    def passes(self, ms: int) -> None:
        self.wall_ms, self.tick_ms, self.true_ms = self.wall_ms + ms, self.tick_ms + ms, self.true_ms + ms

    def boots(self, off_ms: int, up_ms: int = 10) -> None:
        """It was off for so long, and a program begins; `up_ms`: since when that machine is up."""
        self.passes(off_ms)
        self.tick_ms, self.boot = up_ms, self.boot + 1
        with writing_kiosk(self.till.engine) as session:
            pass_time(session, Moment(self.wall_ms, self.tick_ms, self.boot), None)


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    till = Till("k1", tmp_path)
    yield Counter(till, WholeMemory(CARD))
    till.engine.dispose()


@pytest.mark.parametrize("off_ms", [0, DAY_MS, 60 * DAY_MS, -DAY_MS, -60 * DAY_MS])
@pytest.mark.parametrize("tells_time", [False, True])
def test_a_clock_that_is_set_ends_no_day_and_begins_none(
    counter: Counter, off_ms: int, *, tells_time: bool
) -> None:
    assert counter.pays(tells_time=tells_time)
    counter.wall_ms += off_ms
    assert not counter.pays(tells_time=tells_time)
    counter.passes(23 * HOUR_MS)
    assert not counter.pays(tells_time=tells_time)
    counter.passes(HOUR_MS)
    assert counter.pays(tells_time=tells_time)


def test_what_has_passed_before_a_boot_only_a_judged_clock_can_say(counter: Counter) -> None:
    assert counter.pays(tells_time=True)
    counter.boots(2 * DAY_MS)
    assert not counter.pays()
    counter.wall_ms += DAY_MS
    assert not counter.pays()
    assert counter.pays(tells_time=True)
    counter.boots(HOUR_MS)
    assert not counter.pays(tells_time=True)


def test_a_kiosk_that_never_trusts_its_clock_counts_the_hours_in_which_it_runs(counter: Counter) -> None:
    assert counter.pays()
    for is_over in (False, True):
        counter.boots(5 * DAY_MS)
        counter.passes(11 * HOUR_MS)
        assert not counter.pays()
        counter.passes(HOUR_MS)
        assert counter.pays() == is_over


@pytest.mark.parametrize("tells_time", [False, True])
def test_a_store_on_a_machine_that_was_up_for_long_forgets_no_day(
    counter: Counter, *, tells_time: bool
) -> None:
    assert counter.pays(tells_time=tells_time)
    counter.boots(60_000, up_ms=40 * DAY_MS)
    assert not counter.pays(tells_time=tells_time)
    counter.passes(DAY_MS)
    assert counter.pays(tells_time=tells_time)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pass", "set", "boot"]),
        st.integers(-90 * DAY_MS, 90 * DAY_MS),
        st.booleans(),
        # For how long the machine has been up that is there after a boot: it may be another one.
        st.integers(0, 900 * DAY_MS),
    ),
    max_size=20,
)


@given(STEPS)
def test_the_count_never_falls_and_never_runs_ahead_of_time(steps: list[tuple[str, int, bool, int]]) -> None:
    """Whatever the wall clock says: what is counted is at most what has passed."""
    now, true_ms = Moment(UtcMs(NOW_MS), 0, 1), NOW_MS
    last: tuple[int, int, int] = (0, 0, 1)
    anchor: tuple[int, int] | None = None
    for deed, ms, trusted, up_ms in steps:
        if deed == "set":
            now = now._replace(wall_ms=now.wall_ms + ms)
        else:
            true_ms += abs(ms)
            tick, boot = (now.tick_ms + abs(ms), now.boot) if deed == "pass" else (up_ms, now.boot + 1)
            now = Moment(now.wall_ms + abs(ms), tick, boot)
        counted = passed_ms(last, anchor, now, true_ms if trusted else None)
        assert last[0] <= counted <= true_ms - NOW_MS
        if trusted and anchor is not None:
            assert counted - anchor[0] >= true_ms - anchor[1]
        last = (counted, now.tick_ms, now.boot)
        if trusted:
            anchor = (counted, true_ms)
