"""What the report derives from a replay: early cuts, windows, percentiles; and the page on unusual input."""

from dataclasses import replace

import pytest

from controller.demo import night
from controller.demo.camera import Change, Fleet
from controller.demo.card_fleet import WayBack
from controller.demo.population import households
from controller.demo.report import render
from controller.demo.report_fields import report_fields
from controller.demo.result import Result, inside_window, is_early, percentile, windows
from controller.demo.story import stories_of
from protocols.instants import ms_from_iso
from protocols.reasons import Supply, SupplyReason

CARD, GUARDED = Fleet.LEGACY, Fleet.GUARDED
PROGRAMMED, ORDERED, CREDIT = SupplyReason.PROGRAMMED_CUT, SupplyReason.CUT_ORDER, SupplyReason.CREDIT


def cut(fleet: Fleet, meter: str, at: str, reason: SupplyReason) -> Change:
    return Change(fleet, meter, ms_from_iso(at), Supply.ON, Supply.OFF, reason)


def made(*changes: Change, refused: tuple[str, ...] = (), planned: frozenset[str] = frozenset()) -> Result:
    """A replay in which just this happened."""
    return Result(
        seed=1,
        meters=40,
        broker="embedded",
        homes=households(20, 1),
        changes=changes,
        heard=(),
        reached=(),
        ways_back=(),
        planned=planned,
        wrong_scope=frozenset(),
        meant=frozenset(),
        off_before_release=frozenset(),
        release_s={},
        refused_plan=refused,
        paid_ueur=12_340_000,
        credited_ueur=12_340_000,
        messages={"orders": 1},
        steps=1,
        wall_seconds=1.0,
        decisions_sha256="0" * 64,
    )


@pytest.mark.parametrize(
    ("change", "early"),
    [
        (cut(CARD, "c1", "2020-07-02T23:01+02:00", PROGRAMMED), True),
        (cut(CARD, "c1", "2020-07-03T23:00:59+02:00", PROGRAMMED), True),
        (cut(CARD, "c1", "2020-07-03T23:01+02:00", PROGRAMMED), False),
        (cut(CARD, "c1", "2020-07-02T23:01+02:00", CREDIT), False),  # no planned date, so not early
        (cut(GUARDED, "planned", "2020-07-03T23:00+02:00", ORDERED), True),
        (cut(GUARDED, "planned", "2020-07-06T08:20+02:00", ORDERED), False),
        (cut(GUARDED, "other", "2020-07-06T09:59+02:00", ORDERED), True),  # its own order begins at 10:00
        (cut(GUARDED, "other", "2020-07-06T11:00+02:00", ORDERED), False),
    ],
)
def test_early_is_before_the_planned_instant_of_the_cut_itself(change: Change, *, early: bool) -> None:
    assert is_early(change, frozenset({"planned"})) is early


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("2020-07-02T07:59:59+02:00", False),
        ("2020-07-02T08:00+02:00", True),
        ("2020-07-02T15:00+02:00", False),
        ("2020-07-03T10:00+02:00", False),  # a Friday
        ("2020-07-21T10:00+02:00", False),  # a holiday
    ],
)
def test_windows_are_monday_to_thursday_in_the_morning_and_no_holidays(at: str, *, inside: bool) -> None:
    assert inside_window(ms_from_iso(at), windows()) is inside


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, None), ([3.0], 99, 3.0), ([1.0, 2.0, 3.0, 4.0], 50, 2.0), ([1.0, 2.0, 3.0, 4.0], 99, 4.0)],
)
def test_a_percentile_is_a_value_that_was_measured(
    values: list[float], percent: int, expected: float | None
) -> None:
    assert percentile(values, percent) == expected


def test_money_is_in_integer_cents_and_cuts_are_counted_by_fleet_and_window() -> None:
    fields = report_fields(
        made(
            cut(CARD, "c00001", "2020-07-02T23:01+02:00", PROGRAMMED),
            cut(GUARDED, "m00001", "2020-07-06T08:30+02:00", CREDIT),
            cut(GUARDED, "m00002", "2020-07-05T08:30+02:00", CREDIT),
        )
    )
    assert fields["topups"] == {"paid": 1_234, "credited": 1_234}
    assert fields["legacy"]["early_cuts"] == 1
    assert (fields["guarded"]["cuts_inside_windows"], fields["guarded"]["cuts_outside_windows"]) == (1, 1)


def test_cut_by_mistake_are_those_on_the_list_who_were_not_meant() -> None:
    names = ("meant", "wrong", "credit", "before", "on")
    result = replace(
        made(
            cut(GUARDED, "meant", "2020-07-06T11:00+02:00", ORDERED),
            cut(GUARDED, "wrong", "2020-07-06T11:00+02:00", ORDERED),
            cut(GUARDED, "credit", "2020-07-06T11:00+02:00", CREDIT),
            cut(GUARDED, "before", "2020-07-06T08:20+02:00", ORDERED),
        ),
        wrong_scope=frozenset(names),
        meant=frozenset({"meant"}),
        off_before_release=frozenset(names[:4]),
    )
    assert result.by_mistake == {"wrong"}


@pytest.mark.parametrize(
    ("cut_at", "faults", "set_wrong", "believed"),
    [
        ("2020-07-02T23:01+02:00", (), True, True),
        ("2020-07-02T22:00+02:00", ("extension_as_hours",), True, False),  # before the wrong date went out
        ("2020-07-02T23:01+02:00", ("leap_skip",), False, True),
        ("2020-07-02T23:01+02:00", ("doy_table",), False, False),
    ],
)
def test_a_story_blames_the_clock_only_where_it_was_the_clock(
    cut_at: str, faults: tuple[str, ...], *, set_wrong: bool, believed: bool
) -> None:
    home = replace(households(20, 1)[0], faults=faults, clock_set_wrong=set_wrong)
    change = cut(CARD, home.card, cut_at, PROGRAMMED)
    back_ms = ms_from_iso("2020-07-03T08:31+02:00")
    way = WayBack(home.card, change.true_ms, "Eupen", back_ms - 1_860_000, back_ms - 1_800_000, back_ms)
    story = stories_of(replace(made(change), homes=[home], ways_back=[way]))[0]
    assert ("it was already the day after" in " ".join(story.sentences)) == believed


def test_a_household_is_dark_from_its_cut_until_its_supply_is_on_again() -> None:
    back_ms = ms_from_iso("2020-07-03T08:31+02:00")
    result = made(
        cut(CARD, "c00001", "2020-07-02T23:01+02:00", PROGRAMMED),
        Change(CARD, "c00001", back_ms, Supply.OFF, Supply.ON, SupplyReason.RELEASE),
    )
    assert [result.dark(CARD, at) for at in (night.LIE_MS, back_ms - 1, back_ms)] == [0, 1, 0]


def test_a_page_without_any_event_still_reads() -> None:
    page = render(made())
    assert "<svg" in page
    assert "Cut a day early" not in page


def test_what_was_refused_stands_on_the_page_as_text_and_not_as_markup() -> None:
    page = render(made(refused=("A cut <b>on Friday</b> is late.",)))
    assert "A cut &lt;b&gt;on Friday&lt;/b&gt; is late." in page
