"""What the orders in force make of a meter: checked minute by minute, and in a ledger of obstacles."""

from hypothesis import given
from hypothesis import strategies as st

from controller.orders.life import ActiveOrder, DeliveryState
from controller.orders.standing import (
    ReleaseRuns,
    Standing,
    first_chance_ms,
    hindrances_of,
    standing_of,
)
from protocols.cutting.hindrances import Hindrance, Obstacle
from protocols.documents import drafting
from protocols.documents.drafting import FLEET, CalendarRule, Sheet
from protocols.documents.orders import Order, Scope
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.question import HoldSpan
from protocols.reasons import FlagName
from protocols.spans import Span, Window

NOW = 1_782_000_000_000
ONE = Scope(meters=("m1",))

spans = st.tuples(st.integers(0, 40), st.integers(1, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))
standings = st.builds(
    Standing,
    forbidding=st.lists(spans.map(lambda span: HoldSpan("hold/x", *span)), max_size=4).map(tuple),
    release=st.none()
    | st.integers(0, 40).map(
        lambda end: ReleaseRuns(
            object="release/m1", rev=1, by="anna", until_ms=end, left_ms=end, unconfirmed=None
        )
    ),
)
calendars = st.none() | st.lists(spans.map(lambda span: Window(*span)), max_size=4).map(tuple)


@given(standings, spans.map(lambda span: Span(*span)), calendars)
def test_the_first_chance_is_the_first_instant_that_nothing_forbids(
    standing: Standing, interval: Span, windows: tuple[Window, ...] | None
) -> None:
    def possible(instant: int) -> bool:
        in_window = any(window.start_ms <= instant < window.end_ms for window in windows or ())
        held = any(hold.from_ms <= instant < hold.until_ms for hold in standing.forbidding)
        released = standing.release is not None and instant < standing.release.until_ms
        return in_window and not held and not released

    wanted = next((each for each in range(interval.from_ms, interval.until_ms) if possible(each)), None)
    assert first_chance_ms(standing, interval, windows) == wanted
    # Where there is no chance there is a reason, and only there.
    assert bool(hindrances_of(standing, interval, windows)) == (wanted is None)


def sheet(number: int, rev: int = 1, now_ms: int = NOW) -> Sheet:
    return Sheet(id=f"o{number:06}", rev=rev, now_ms=now_ms, basis="test")


def held(*orders: Order, stored_ms: int = NOW) -> list[ActiveOrder]:
    return [ActiveOrder(order, DeliveryState.EFFECTIVE, stored_ms) for order in orders]


def calendar(number: int, *windows: tuple[int, int]) -> Order:
    rule = CalendarRule("mon 08:00-12:00", "UTC", "none")
    listed = [Window(*window) for window in windows]
    return drafting.unlinted_calendar(sheet(number), "fleet", listed, rule, NOW + 90 * DAY_MS, FLEET)


def test_holds_join_and_a_lift_ends_them() -> None:
    long = drafting.declare_moratorium(sheet(1), "winter", NOW, NOW + 9 * DAY_MS, FLEET)
    assert standing_of(held(long), NOW).forbidding == (HoldSpan("hold/winter", NOW, NOW + 9 * DAY_MS),)
    lift = drafting.lift_moratorium(sheet(2, 2), "winter")
    assert standing_of(held(long, lift), NOW).forbidding == ()


def test_flags_forbid_for_ever_and_protected_limits() -> None:
    orders = [drafting.set_flag(sheet(number), "m1", flag) for number, flag in enumerate(FlagName, start=1)]
    standing = standing_of(held(*orders), NOW)
    assert [each.name for each in standing.forbidding] == ["flag/dispute", "flag/medical"]
    assert standing.is_protected


def test_the_hours_of_a_release_begin_when_the_meter_has_it() -> None:
    order = drafting.release(sheet(1), "m1", 72, ONE)
    begun = standing_of(held(order, stored_ms=NOW - 10 * HOUR_MS), NOW).release
    assert begun is not None
    assert (begun.left_ms, begun.until_ms, begun.unconfirmed) == (62 * HOUR_MS, NOW + 62 * HOUR_MS, None)
    waiting = standing_of([ActiveOrder(order, DeliveryState.QUEUED)], NOW).release
    assert waiting is not None
    assert (waiting.left_ms, waiting.unconfirmed) == (72 * HOUR_MS, "queued")
    assert standing_of(held(order, stored_ms=NOW - 72 * HOUR_MS), NOW).release is None


def test_a_cut_counts_until_it_is_cancelled_or_over() -> None:
    until_ms = NOW + 3 * HOUR_MS
    cut = drafting.unlinted_cut(sheet(1), "debts", ("m1",), (NOW + HOUR_MS, until_ms))
    assert [each.object for each in standing_of(held(cut), NOW).cuts] == ["cut/debts"]
    assert standing_of(held(cut), until_ms).cuts == ()
    cancelled = drafting.cancel_cut(sheet(2, 2), "debts", ("m1",))
    assert standing_of(held(cut, cancelled), NOW).cuts == ()
    gone = [ActiveOrder(cut, DeliveryState.SUPERSEDED)]
    assert standing_of(gone, NOW).cuts == ()


def test_the_calendar_that_was_made_last_is_in_force_whatever_its_date() -> None:
    older = calendar(999_999, (NOW + HOUR_MS, NOW + 2 * HOUR_MS))
    newer = calendar(1_000_000, (NOW + 3 * HOUR_MS, NOW + 4 * HOUR_MS))
    assert standing_of(held(newer, older), NOW).windows == (Window(NOW + 3 * HOUR_MS, NOW + 4 * HOUR_MS),)


def test_each_reason_that_has_a_part_is_named() -> None:
    interval = Span(NOW, NOW + 10)
    winter = HoldSpan("hold/winter", NOW - 5, NOW + 50)
    elsewhere = HoldSpan("hold/later", NOW + 60, NOW + 70)
    standing = Standing(forbidding=(HoldSpan("flag/medical", NOW - 9, NOW + 99), elsewhere, winter))
    assert hindrances_of(standing, interval, None) == (
        Hindrance(why=Obstacle.NO_CALENDAR),
        Hindrance(why=Obstacle.FLAG, object="flag/medical"),
        Hindrance(why=Obstacle.HOLD, object="hold/winter", until_ms=NOW + 50),
    )
    assert hindrances_of(Standing(), interval, ()) == (Hindrance(why=Obstacle.NO_WINDOW),)
