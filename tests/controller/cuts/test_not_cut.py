"""Who will not be cut by a plan, and why: grouped by reason."""

from controller.cuts.rules import not_cut
from controller.orders.standing import ReleaseRuns, Standing
from protocols.cutting.hindrances import Hindrance, NotCut, Obstacle
from protocols.instants import HOUR_MS, MINUTE_MS
from protocols.link.question import HoldSpan
from protocols.spans import Span, Window

NOW = 1_782_000_000_000
INTERVAL = Span(NOW, NOW + 4 * HOUR_MS)
WINDOWS = (Window(NOW + HOUR_MS, NOW + 3 * HOUR_MS),)
FREE = Standing(windows=WINDOWS, leased=True)
WINTER = HoldSpan("hold/winter", NOW - 1, NOW + 90 * HOUR_MS)


def released(until_ms: int, meter: str) -> Standing:
    runs = ReleaseRuns(
        object=f"release/{meter}", rev=1, by="anna", until_ms=until_ms, left_ms=1, unconfirmed=None
    )
    return Standing(windows=WINDOWS, leased=True, release=runs)


def test_a_cut_that_can_happen_hinders_nobody() -> None:
    assert not_cut({"m1": FREE}, INTERVAL) == ()


def test_meters_are_grouped_by_reason_the_largest_group_first() -> None:
    held = Standing(windows=WINDOWS, leased=True, forbidding=(WINTER,))
    unleased = Standing(windows=WINDOWS)
    protected = Standing(windows=WINDOWS, leased=True, is_protected=True)
    found = not_cut({"m3": held, "m1": unleased, "m2": held, "m4": FREE, "m5": protected}, INTERVAL)
    winter = Hindrance(why=Obstacle.HOLD, object="hold/winter", until_ms=WINTER.until_ms)
    assert found == (
        NotCut(hindrance=winter, meters=("m2", "m3")),
        NotCut(hindrance=Hindrance(why=Obstacle.NO_LEASE), meters=("m1",)),
        NotCut(hindrance=Hindrance(why=Obstacle.PROTECTED, object="flag/protected"), meters=("m5",)),
    )


def test_releases_that_end_in_the_same_minute_are_one_reason() -> None:
    end_ms = NOW // MINUTE_MS * MINUTE_MS + 5 * HOUR_MS
    found = not_cut({"m1": released(end_ms - 30_000, "m1"), "m2": released(end_ms, "m2")}, INTERVAL)
    assert found == (NotCut(hindrance=Hindrance(why=Obstacle.RELEASE, until_ms=end_ms), meters=("m1", "m2")),)


def test_a_release_that_ends_in_time_hinders_nobody() -> None:
    assert not_cut({"m1": released(NOW + 2 * HOUR_MS, "m1")}, INTERVAL) == ()


def test_a_new_calendar_is_judged_by_its_own_windows_and_needs_no_lease_yet() -> None:
    assert not_cut({"m1": Standing()}, INTERVAL, WINDOWS) == ()
    (found,) = not_cut({"m1": Standing(forbidding=(WINTER,))}, INTERVAL, WINDOWS)
    assert found.hindrance.object == "hold/winter"
