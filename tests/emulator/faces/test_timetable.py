"""A timetable says of every instant what the turns say that it was made of, whatever the zone does."""

from datetime import date
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.timetable import DAYS_MAX, DayTurn, Season, StateTurn, Timetable, timetable_of, turns_of
from protocols.cutting.cut_calendar import compile_windows
from protocols.cutting.rules import parse_rule
from protocols.cutting.zones import instants_of_wall, load_zone, wall_clock
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS, ms_from_iso
from protocols.spans import Window

BRUSSELS = load_zone("Europe/Brussels")
# Clocks that change by an hour, by half of one, at midnight, and never.
ZONES = [BRUSSELS, *(load_zone(each) for each in ("Australia/Lord_Howe", "America/Havana", "UTC"))]
# Before changes of clocks, north and south.
BEGINS = [ms_from_iso(f"2020-{each}T00:00:00Z") for each in ("03-05", "03-25", "04-02", "10-22", "10-30")]
_STEP_MS = 5 * 60 * SECOND_MS


def state_of(table: Timetable, day: date, second: int, first_state: int) -> int:
    """What a reader of the timetable finds, as the standard has it."""
    begun = [season for season in table.seasons if season.begins <= day]
    if not begun:
        return first_state
    number = dict(table.specials).get(day, begun[-1].week[day.weekday()])
    return [turn.state for turn in table.days[number - 1] if turn.second <= second][-1]


def truth(turns: list[StateTurn], instant_ms: int, first_state: int) -> int:
    return [first_state, *(turn.state for turn in turns if turn.at_ms <= instant_ms)][-1]


def on_the_wall(instant_ms: int, zone: ZoneInfo) -> tuple[date, int]:
    wall = wall_clock(instant_ms, zone)
    return wall.date(), wall.hour * 3_600 + wall.minute * 60 + wall.second


# Steps of five minutes over two weeks, the state from then on, and weeks in between.
TURNS = st.lists(
    st.tuples(st.integers(0, 4_000), st.integers(0, 3), st.sampled_from([0, 0, 0, 1, 9])), max_size=20
)


@given(TURNS, st.sampled_from(ZONES), st.sampled_from(BEGINS))
def test_a_timetable_says_what_its_turns_say(
    raw: list[tuple[int, int, int]], zone: ZoneInfo, begin_ms: int
) -> None:
    """At every instant that clocks show once, and at every second of a day that they show."""
    found = {begin_ms + step * _STEP_MS + weeks * 7 * DAY_MS: state for step, state, weeks in raw}
    turns = [StateTurn(at_ms, found[at_ms]) for at_ms in sorted(found)]
    table = timetable_of(turns, 0, zone)
    assert table.left_out == 0
    offsets_ms = (-DAY_MS, -HOUR_MS, -SECOND_MS, 0, SECOND_MS, HOUR_MS, DAY_MS)
    for instant_ms in (turn.at_ms + offset_ms for turn in turns for offset_ms in offsets_ms):
        day, second = on_the_wall(instant_ms, zone)
        if len(set(instants_of_wall(day, second, zone))) == 1:
            assert state_of(table, day, second, 0) == truth(turns, instant_ms, 0)


def test_office_hours_are_a_week_and_its_holidays() -> None:
    """July in Brussels: the 21st is a holiday, a Tuesday."""
    begin_ms, end_ms = ms_from_iso("2020-07-01T00:00:00+02:00"), ms_from_iso("2020-08-01T00:00:00+02:00")
    windows = compile_windows(parse_rule("mon-thu 08:00-15:00"), "Europe/Brussels", "BE", begin_ms, end_ms)
    table = timetable_of(turns_of(windows, 1, 2), 2, BRUSSELS)
    nothing, office = (DayTurn(0, 2),), (DayTurn(0, 2), DayTurn(8 * 3_600, 1), DayTurn(15 * 3_600, 2))
    assert table == Timetable(
        (nothing, office),
        (Season(date(2020, 7, 1), (2, 2, 2, 2, 1, 1, 1)), Season(date(2020, 7, 31), (1,) * 7)),
        ((date(2020, 7, 21), 1),),
        0,
    )


def test_a_window_becomes_smaller_by_what_is_no_whole_second() -> None:
    windows = (Window(1_001, 3_999), Window(5_000, 6_000), Window(7_001, 7_999))
    assert turns_of(windows, 1, 0) == (
        StateTurn(2_000, 1),
        StateTurn(3_000, 0),
        StateTurn(5_000, 1),
        StateTurn(6_000, 0),
    )


def test_days_without_a_number_are_shown_as_if_nothing_had_begun() -> None:
    turns = []
    for day in range(DAYS_MAX + 5):
        begin_ms = BEGINS[0] + day * DAY_MS
        turns += [StateTurn(begin_ms + (day + 1) * 60_000, 1), StateTurn(begin_ms + 20 * HOUR_MS, 0)]
    table = timetable_of(turns, 0, load_zone("UTC"))
    assert (len(table.days), table.left_out) == (DAYS_MAX, 6)
    assert state_of(table, date(2020, 3, 5), 120, 0) == 1
    last, second = on_the_wall(turns[-2].at_ms, load_zone("UTC"))
    assert state_of(table, last, second, 0) == 0
