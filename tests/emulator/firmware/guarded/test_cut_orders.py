"""A cut order from its storing to its end: each revision is a cut of its own, with a warning of its own."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.effects import Persist, RecordEmitted, SetSupply
from emulator.firmware.events import MainsOff, MainsOn, TicksLost
from emulator.firmware.guarded.clock import earliest_ms
from emulator.firmware.guarded.identity import SPREAD_WHOLE, Identity
from emulator.firmware.guarded.meter import GuardedMeter
from protocols.documents.bodies import CutCalendarBody, CutOrderBody
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS
from protocols.link.records import OrderJudged, WarningShown
from protocols.reasons import Source, Supply
from protocols.spans import Window
from tests.emulator.firmware.guarded.workbench import MINUTE_MS, MONDAY_MS, PROFILE, Workbench

EIGHT = MONDAY_MS + 8 * HOUR_MS
NOON = MONDAY_MS + 12 * HOUR_MS
WINDOW = (EIGHT, MONDAY_MS + 15 * HOUR_MS)
NEXT_WINDOW = (WINDOW[0] + DAY_MS, WINDOW[1] + DAY_MS)
WARNING_MS = PROFILE.warning_s * SECOND_MS
Interval = tuple[int, int]


def permitted() -> Workbench:
    bench = Workbench()
    bench.permit(WINDOW, NEXT_WINDOW)
    return bench


def order_cut(bench: Workbench, interval: Interval, name: str = "c1", rev: int | None = None) -> OrderJudged:
    from_ms, until_ms = interval
    order = bench.order(
        Kind.CUT_ORDER, name, CutOrderBody(), rev=rev, not_before_ms=from_ms, not_after_ms=until_ms
    )
    return bench.send(order)


def cut_at_ms(bench: Workbench) -> int | None:
    """When the supply was first taken, in the ticks of a true crystal; None where it never was."""
    taken = (e for e in bench.effects if isinstance(e, SetSupply) and e.after is Supply.OFF)
    return next((MONDAY_MS + each.at_tick for each in taken), None)


# The interval of the first revision, the interval of the second, when the second is stored (the first is at
# midnight), and the earliest instant at which the second may cut.
REVISED = {
    "the old interval is over": ((EIGHT - 4 * HOUR_MS, EIGHT - 2 * HOUR_MS), WINDOW, NOON, NOON + WARNING_MS),
    "brought forward": ((NOON, WINDOW[1]), WINDOW, EIGHT + MINUTE_MS, EIGHT + MINUTE_MS + WARNING_MS),
    "moved to the next day": ((NOON, WINDOW[1]), NEXT_WINDOW, NOON - SECOND_MS, NEXT_WINDOW[0]),
    "the same interval": (
        (NOON, WINDOW[1]),
        (NOON, WINDOW[1]),
        NOON - SECOND_MS,
        NOON - SECOND_MS + WARNING_MS,
    ),
    "stored long before": ((NOON, WINDOW[1]), (EIGHT, WINDOW[1]), MONDAY_MS + MINUTE_MS, EIGHT),
}


@pytest.mark.parametrize("case", REVISED)
def test_a_new_revision_cuts_after_a_full_warning_of_its_own(case: str) -> None:
    first, second, stored_ms, earliest_ms = REVISED[case]
    bench = permitted()
    order_cut(bench, first)
    bench.wait_until(stored_ms)
    assert bench.supply == "on"
    assert order_cut(bench, second).reason == "stored"
    assert bench.wait_until(earliest_ms - 1).supply == "on"
    # The second of the crystal, the second that commissioning left open, and its margin of 50 ppm.
    assert bench.wait(SECOND_MS + SECOND_MS + 10 * SECOND_MS).supply == "off"


def test_a_repetition_of_the_revision_in_force_restarts_no_warning() -> None:
    bench = permitted()
    order_cut(bench, WINDOW, rev=1)
    bench.wait_until(EIGHT - MINUTE_MS)
    assert order_cut(bench, WINDOW, rev=1).reason == "repeated"
    assert bench.wait_until(EIGHT + 10 * SECOND_MS).supply == "off"


def test_a_revision_of_one_order_restarts_no_warning_of_another() -> None:
    bench = permitted()
    order_cut(bench, WINDOW, "a")
    order_cut(bench, WINDOW, "b")
    bench.wait_until(EIGHT - MINUTE_MS)
    order_cut(bench, WINDOW, "a")
    assert bench.wait_until(EIGHT + 10 * SECOND_MS).supply == "off"


edges = st.sampled_from([-3 * HOUR_MS, -HOUR_MS, -SECOND_MS, 0, SECOND_MS, MINUTE_MS, HOUR_MS, 3 * HOUR_MS])


@given(
    revisions=st.lists(
        st.tuples(st.sampled_from([SECOND_MS, 59 * MINUTE_MS, 3 * HOUR_MS]), edges), min_size=1, max_size=5
    )
)
def test_no_order_cuts_within_the_warning_of_its_last_revision(revisions: list[tuple[int, int]]) -> None:
    """Each revision is stored some time after the one before, for an interval that begins about then."""
    bench = permitted()
    bench.wait_until(EIGHT - 5 * HOUR_MS)
    stored_ms = []
    for wait_ms, begins_ms in revisions:
        bench.wait(wait_ms)
        judged = order_cut(bench, (bench.now_ms + begins_ms, bench.now_ms + begins_ms + 4 * HOUR_MS))
        stored_ms += [bench.now_ms] if judged.reason == "stored" else []
    bench.wait(2 * DAY_MS)
    cut_ms = cut_at_ms(bench)
    if cut_ms is not None:
        assert max(at for at in stored_ms if at <= cut_ms) + WARNING_MS <= cut_ms


# -- an order that is over ---------------------------------------------------------------------------


def warnings(bench: Workbench) -> int:
    records = (each.record for each in bench.effects if isinstance(each, RecordEmitted))
    return sum(isinstance(record, WarningShown) for record in records)


def dip(bench: Workbench) -> None:
    bench.do(MainsOff())
    bench.wait(SECOND_MS)
    bench.do(MainsOn())


def restore(bench: Workbench, image: bytes) -> None:
    """A power cut, after which the meter has an image, and the tick of that image."""
    old = bench.meter
    bench.meter = GuardedMeter.restore(
        old.identity, old.profile, old.root, image, load_w=1000, head=old.journal.head
    )


def test_an_order_that_is_over_is_held_no_more() -> None:
    bench = permitted()
    order_cut(bench, (MONDAY_MS, MONDAY_MS + HOUR_MS))
    order_cut(bench, (MONDAY_MS, MONDAY_MS + 2 * HOUR_MS), "c2")
    assert bench.wait_until(MONDAY_MS + HOUR_MS).meter.holdings().cut_orders == ("cut/c1", "cut/c2")
    # The second that commissioning left open, the margin of an hour, and a second of the crystal.
    assert bench.wait(3 * SECOND_MS).meter.holdings().cut_orders == ("cut/c2",)
    assert bench.wait(HOUR_MS).meter.holdings().cut_orders == ()


def test_nobody_is_warned_again_of_a_cut_that_cannot_come() -> None:
    bench = permitted()
    order_cut(bench, (MONDAY_MS, MONDAY_MS + HOUR_MS))
    before = bench.wait(SECOND_MS).meter.image()
    bench.wait(2 * HOUR_MS)
    assert warnings(bench) == 1
    dip(bench)
    bench.wait(HOUR_MS)
    restore(bench, before)
    bench.wait(SECOND_MS)
    dip(bench)
    bench.wait(HOUR_MS)
    assert (warnings(bench), bench.meter.holdings().cut_orders) == (1, ())


def test_a_power_cut_brings_nothing_back_and_neither_do_ticks_lost_after_it() -> None:
    bench = permitted()
    order_cut(bench, (MONDAY_MS, MONDAY_MS + HOUR_MS))
    bench.wait(2 * HOUR_MS)
    restore(bench, [each.image for each in bench.effects if isinstance(each, Persist)][-1])
    bench.do(TicksLost())
    bench.wait(HOUR_MS)
    assert (warnings(bench), bench.meter.holdings().cut_orders) == (1, ())


def test_a_doubted_clock_forgets_it_too() -> None:
    bench = permitted()
    order_cut(bench, (MONDAY_MS, MONDAY_MS + HOUR_MS))
    bench.witness(Source.HEADEND, DAY_MS)
    bench.witness(Source.TIMESERVER, DAY_MS)
    assert bench.clock == "disputed"
    assert bench.wait(2 * HOUR_MS).meter.holdings().cut_orders == ()


def test_a_recorded_order_that_was_forgotten_does_not_come_back() -> None:
    bench = permitted()
    order_cut(bench, (MONDAY_MS, MONDAY_MS + HOUR_MS), rev=1)
    bench.wait(2 * HOUR_MS)
    assert order_cut(bench, (MONDAY_MS, MONDAY_MS + HOUR_MS), rev=1).reason == "expired"


@given(
    lengths_ms=st.lists(
        st.sampled_from([SECOND_MS, MINUTE_MS, HOUR_MS, 3 * HOUR_MS]), min_size=1, max_size=3
    ),
    program=st.lists(
        st.tuples(
            st.sampled_from([0, 1, SECOND_MS, MINUTE_MS, HOUR_MS]), st.sampled_from(["look", "dip", "old"])
        ),
        max_size=6,
    ),
)
def test_what_is_held_after_a_second_is_not_over(
    lengths_ms: list[int], program: list[tuple[int, str]]
) -> None:
    bench = permitted()
    for number, length_ms in enumerate(lengths_ms):
        order_cut(bench, (bench.now_ms, bench.now_ms + length_ms), f"c{number}")
    image = bench.meter.image()
    for wait_ms, act in program:
        bench.wait(wait_ms)
        if act == "dip":
            dip(bench)
        elif act == "old":
            restore(bench, image)
        bench.wait(2 * SECOND_MS)
        memory = bench.meter.memory
        stepped_ms = earliest_ms(memory.clock, memory.tick) - SECOND_MS
        assert all(order.until_ms > stepped_ms for order in memory.cut_orders.values())


# -- a calendar sent again inside its window ------------------------------------------------------------


def test_a_calendar_sent_again_restarts_no_warning_and_permits_when_a_lease_names_it() -> None:
    bench = permitted()
    order_cut(bench, WINDOW)
    bench.wait_until(EIGHT - MINUTE_MS)
    assert bench.calendar is not None
    assert bench.send(bench.calendar).reason == "repeated"
    bench.calendar = bench.order(Kind.CUT_CALENDAR, "season", CutCalendarBody((Window(EIGHT, NOON),)))
    assert bench.send(bench.calendar).reason == "stored"
    assert bench.wait_until(EIGHT + MINUTE_MS).supply == "on", "no lease names it yet"
    bench.lease()
    assert bench.wait(10 * SECOND_MS).supply == "off"
    assert warnings(bench) == 1


@pytest.mark.parametrize("begins_ms", [EIGHT, EIGHT + HOUR_MS])
def test_the_spread_counts_from_the_window_in_force(monkeypatch: pytest.MonkeyPatch, begins_ms: int) -> None:
    """A meter with a whole share waits for half an hour after the start of the window that it has now."""
    bench = Workbench(profile=replace(PROFILE, spread_max_s=1_800), balance_q=0)
    monkeypatch.setattr(Identity, "spread_share", lambda _: SPREAD_WHOLE)
    bench.permit(WINDOW)
    bench.wait_until(EIGHT + MINUTE_MS)
    bench.permit((begins_ms, WINDOW[1]))
    assert bench.wait_until(begins_ms + 30 * MINUTE_MS - SECOND_MS).supply == "on"
    assert bench.wait(10 * SECOND_MS).supply == "off"
