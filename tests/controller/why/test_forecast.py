"""One true forecast: the meter's own where it is fresh, else by the orders in force, never against them."""

from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from controller.orders.life import HELD_DELIVERIES, ActiveOrder, DeliveryState
from controller.orders.standing import standing_of
from controller.why.forecast import is_fresh, next_cut, orders_that_bear
from protocols.documents import drafting
from protocols.documents.drafting import FLEET, CalendarRule, Sheet
from protocols.documents.orders import Order, Scope
from protocols.instants import DAY_MS, HOUR_MS, ms_from_iso
from protocols.link.explanation import NextByOrders, NextCut
from protocols.reasons import FlagName
from protocols.spans import Window
from protocols.words.en.why import explanation_in_words

BRUSSELS = ZoneInfo("Europe/Brussels")
# A Saturday; the window is on Monday morning.
NOW = ms_from_iso("2026-11-28T20:36:00+01:00")
MONDAY = ms_from_iso("2026-11-30T08:00:00+01:00")
WINDOWS = tuple(Window(MONDAY + day * DAY_MS, MONDAY + day * DAY_MS + 4 * HOUR_MS) for day in range(4))
ONE = Scope(meters=("m1",))


def sheet(number: int) -> Sheet:
    return Sheet(id=f"o{number:06}", rev=1, now_ms=NOW - HOUR_MS, basis="test")


RULE = CalendarRule("mon-thu 08:00-12:00", "Europe/Brussels", "none")
CALENDAR = drafting.unlinted_calendar(sheet(1), "fleet", list(WINDOWS), RULE, NOW + 90 * DAY_MS, FLEET)
RELEASE = drafting.release(sheet(2), "m1", 72, ONE)
MEDICAL = drafting.set_flag(sheet(3), "m1", FlagName.MEDICAL)
PROTECTED = drafting.set_flag(sheet(4), "m1", FlagName.PROTECTED)
WINTER = drafting.declare_moratorium(sheet(5), "winter", NOW - HOUR_MS, NOW + 120 * DAY_MS, FLEET)
TUESDAYS_HOLD = drafting.declare_moratorium(sheet(6), "heat", MONDAY, MONDAY + DAY_MS, FLEET)
CUT = drafting.unlinted_cut(sheet(7), "debts", ("m1",), (MONDAY + HOUR_MS, MONDAY + 3 * HOUR_MS))


def held(*orders: Order, stored_ms: int = NOW) -> list[ActiveOrder]:
    return [ActiveOrder(order, DeliveryState.EFFECTIVE, stored_ms) for order in orders]


def told(active: list[ActiveOrder], said: tuple[int | None, int | None]) -> str:
    standing = standing_of(active, NOW)
    found = [*orders_that_bear(active, standing, NOW), *next_cut(active, standing, said, NOW)]
    return "\n".join(explanation_in_words(found, BRUSSELS))


def test_a_release_is_named_with_its_hours_and_delays_the_forecast() -> None:
    text = told(held(CALENDAR, RELEASE, stored_ms=NOW - HOUR_MS), (MONDAY, NOW))
    assert (
        "release/m1 rev 1 forbids cuts for 2 d 23 h more, at least until Tue 2026-12-01 19:36 CET (18:36 UTC)"
        in text
    )
    assert "By the orders in force no cut is possible before Wed 2026-12-02 08:00 CET (07:00 UTC)" in text
    assert "The meter's own forecast, of Sat 2026-11-28 20:36 CET (19:36 UTC)" in text
    assert "The next instant at which a cut would be possible" not in text


def test_a_release_forbids_whether_the_calendar_is_known_or_not() -> None:
    text = told(held(RELEASE, stored_ms=NOW - HOUR_MS), (MONDAY, NOW))
    assert "By the orders in force no cut is possible: no calendar is in force" in text
    assert "the hours of a release run until Tue 2026-12-01 19:36 CET" in text
    assert "The next instant at which a cut would be possible" not in text


def test_a_release_that_the_meter_has_not_confirmed_begins_with_it() -> None:
    text = told([*held(CALENDAR), ActiveOrder(RELEASE, DeliveryState.QUEUED)], (MONDAY, NOW))
    assert "forbids cuts for 3 d; they begin when the meter has it: the meter has not confirmed it" in text


def test_a_flag_is_the_reason_and_not_a_missing_window() -> None:
    text = told(held(CALENDAR, MEDICAL), (None, NOW + 1))
    assert "flag/medical forbids cuts, until two people clear it: the meter has it." in text
    assert "The meter itself knows of no instant at which a cut would be possible." in text
    assert "By the orders in force no cut is possible: the flag medical forbids it" in text
    assert "no window" not in text
    # An older firmware forecasts without regard to flags.
    text = told(held(CALENDAR, MEDICAL), (MONDAY, NOW + 1))
    assert "The next instant at which a cut would be possible" not in text


def test_protected_limits_and_leaves_the_forecast() -> None:
    text = told(held(CALENDAR, PROTECTED), (MONDAY, NOW + 1))
    assert "flag/protected limits in place of a cut" in text
    assert "The next instant at which a cut would be possible: Mon 2026-11-30 08:00 CET (07:00 UTC)" in text


def test_moratoriums_of_now_and_to_come_are_named() -> None:
    text = told(held(CALENDAR, WINTER), (None, NOW + 1))
    assert "hold/winter (revision 1) forbids cuts until" in text
    assert "no cut is possible: the hold winter forbids it until" in text
    text = told(held(CALENDAR, TUESDAYS_HOLD), (MONDAY + DAY_MS, NOW + 1))
    assert "hold/heat (revision 1) will forbid cuts from Mon 2026-11-30 08:00 CET (07:00 UTC)" in text
    assert "The next instant at which a cut would be possible: Tue 2026-12-01 08:00 CET (07:00 UTC)" in text


def test_a_forecast_inside_a_hold_to_come_does_not_stand() -> None:
    wednesday = MONDAY + 2 * DAY_MS
    hold = drafting.declare_moratorium(sheet(8), "later", wednesday, wednesday + DAY_MS, FLEET)
    text = told(held(CALENDAR, hold), (wednesday, NOW + 1))
    assert "By the orders in force no cut is possible before Mon 2026-11-30 08:00 CET (07:00 UTC)" in text
    assert "The next instant at which" not in text


def test_a_planned_cut_is_named_with_the_windows_that_it_covers() -> None:
    text = told(held(CALENDAR, CUT), (MONDAY, NOW + 1))
    assert "cut/debts (revision 1) plans a cut between Mon 2026-11-30 09:00 CET (08:00 UTC)" in text
    assert "Windows in it: Mon 2026-11-30 09:00 CET (08:00 UTC)" in text
    text = told(held(CALENDAR, CUT, WINTER), (None, NOW + 1))
    assert "It cannot happen: the hold winter forbids it" in text


def test_a_forecast_that_is_over_is_no_forecast() -> None:
    text = told(held(CALENDAR), (NOW - 2_000, NOW - 1_000))
    assert "By the orders in force no cut is possible before Mon 2026-11-30 08:00 CET (07:00 UTC)" in text
    past = [Window(NOW - HOUR_MS, NOW - 1_000)]
    over = drafting.unlinted_calendar(sheet(9), "fleet", past, RULE, NOW + 90 * DAY_MS, FLEET)
    text = told(held(over), (NOW - 2_000, NOW - 1_000))
    assert "By the orders in force no cut is possible: its calendar has no window ahead." in text
    assert "is out of date: Sat 2026-11-28 20:35:58 CET (19:35:58 UTC)" in text


states = st.sampled_from(DeliveryState)
pools = st.lists(
    st.builds(
        ActiveOrder,
        st.sampled_from([CALENDAR, RELEASE, MEDICAL, PROTECTED, WINTER, TUESDAYS_HOLD, CUT]),
        states,
        st.none() | st.integers(NOW - DAY_MS, NOW),
    ),
    max_size=6,
    unique_by=lambda each: each.order.id,
)
instants = st.integers(NOW - DAY_MS, NOW + 6 * DAY_MS)


@given(pools, st.none() | instants, st.none() | st.integers(NOW - DAY_MS, NOW))
def test_what_is_said_first_is_never_before_what_the_orders_permit(
    active: list[ActiveOrder], theirs_ms: int | None, said_ms: int | None
) -> None:
    standing = standing_of(active, NOW)
    first, *_ = next_cut(active, standing, (theirs_ms, said_ms), NOW)
    assert isinstance(first, NextCut | NextByOrders)
    if first.instant_ms is None:
        return
    assert first.instant_ms >= NOW
    assert standing.release is None or first.instant_ms >= standing.release.until_ms
    assert not [hold for hold in standing.forbidding if hold.from_ms <= first.instant_ms < hold.until_ms]


@given(pools, st.none() | instants, st.integers(NOW - DAY_MS, NOW))
def test_a_fresh_forecast_knows_every_order(
    active: list[ActiveOrder], theirs_ms: int | None, said_ms: int
) -> None:
    if not is_fresh(active, theirs_ms, said_ms, NOW):
        return
    assert theirs_ms is None or theirs_ms >= NOW
    for each in active:
        if each.order is not CUT and each.state is not DeliveryState.SUPERSEDED:
            assert each.state in HELD_DELIVERIES
            assert each.stored_ms is None or each.stored_ms <= said_ms
