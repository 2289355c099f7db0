"""Rules and the windows compiled from them, against an oracle that asks each minute for itself.

The oracle shares no step with the compiler: it walks UTC minute by minute, reads what a clock on
the wall shows, and decides from that alone. The compiler goes the other way, from wall to UTC.
"""

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.cutting.cut_calendar import compile_windows, complement
from protocols.cutting.public_holidays import check_holidays, holidays_of_year
from protocols.cutting.rules import DAY_NAMES, DAY_S, parse_rule
from protocols.cutting.zones import instants_of_wall, load_zone, zone_names
from protocols.errors import InputError
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, datetime_from_ms, iso_from_ms, ms_from_iso
from protocols.spans import Window, merge_windows

BRUSSELS = "Europe/Brussels"
FRIENDLY_COMPLEMENT = parse_rule("weekdays 08:00-16:00")


class Part(NamedTuple):
    """A part of a rule as the test means it: minutes of the day, the end up to 1,440."""

    days: frozenset[int]
    start_min: int
    end_min: int

    def text(self) -> str:
        days = ",".join(DAY_NAMES[day] for day in sorted(self.days))
        return f"{days} {clock(self.start_min)}-{clock(self.end_min)}"

    def sides(self) -> list[tuple[int, int, int]]:
        """Weekday, first minute and end of each stretch inside one day."""
        if self.start_min < self.end_min:
            return [(day, self.start_min, self.end_min) for day in self.days]
        evenings = [(day, self.start_min, 1_440) for day in self.days]
        return evenings + [((day + 1) % 7, 0, self.end_min) for day in self.days]


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def at(text: str) -> int:
    return ms_from_iso(text)


# Minutes of the day, with the edges of changes of the clocks more often than others.
MINUTES = st.sampled_from([0, 1, 60, 90, 120, 150, 165, 180, 1_380, 1_410, 1_439]) | st.integers(0, 1_439)
PARTS = st.builds(
    Part,
    st.frozensets(st.integers(0, 6), min_size=1),
    MINUTES,
    MINUTES | st.just(1_440),
).filter(lambda part: part.start_min != part.end_min)
RULES = st.lists(PARTS, min_size=1, max_size=3)
# Changes of the clocks of every kind: an hour, half an hour, at midnight, over midnight, a whole day.
CHANGES = [
    (BRUSSELS, "2020-03-29T01:00Z"),
    (BRUSSELS, "2020-10-25T01:00Z"),
    ("Australia/Lord_Howe", "2020-04-04T15:00Z"),
    ("Australia/Lord_Howe", "2020-10-03T15:30Z"),
    ("America/Havana", "2020-03-08T05:00Z"),
    ("America/Havana", "2020-11-01T05:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00Z"),
    ("America/St_Johns", "2008-03-09T03:31Z"),
    ("America/St_Johns", "2008-11-02T02:31Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),
    ("Africa/Casablanca", "2020-05-31T02:00Z"),
]
ZONES = st.sampled_from([BRUSSELS, "UTC", "Asia/Kathmandu", "Europe/London", "America/New_York"])
# Mostly near what is special: changes of the clocks, leap days, holidays in the week, year ends.
SPECIAL_DAYS = [
    "2020-07-21",
    "2020-02-29",
    "2000-02-29",
    "2021-03-01",
    "2020-12-25",
    "2020-12-31",
    "2199-12-28",
]
PLACES = st.one_of(
    st.sampled_from(CHANGES),
    st.tuples(ZONES, st.sampled_from(SPECIAL_DAYS).map(lambda day: f"{day}T00:00Z")),
    st.tuples(ZONES, st.dates(date(2000, 1, 3), date(2199, 12, 28)).map(lambda day: f"{day}T12:00Z")),
)


def offset(moment: datetime, fold: int) -> timedelta:
    found = moment.replace(fold=fold).utcoffset()
    assert found is not None
    return found


def shown_twice(moment: datetime) -> bool:
    return offset(moment, 0) > offset(moment, 1)


def oracle_allows(parts: list[Part], zone: ZoneInfo, days_out: frozenset[date], instant_ms: int) -> bool:
    """Whether an instant lies in the rule, from what the wall shows: less where it shows a time twice."""
    moment = datetime_from_ms(instant_ms, zone)
    if moment.date() in days_out:
        return False
    midnight = datetime(moment.year, moment.month, moment.day, tzinfo=zone)
    minute = moment.hour * 60 + moment.minute
    for part in parts:
        for weekday, start_min, end_min in part.sides():
            if weekday != moment.weekday() or not start_min <= minute < end_min:
                continue
            if (
                shown_twice(moment)
                and moment.fold == 0
                and shown_twice(midnight + timedelta(minutes=start_min))
            ):
                continue  # begins when its start is shown the second time
            if (
                shown_twice(moment)
                and moment.fold == 1
                and shown_twice(midnight + timedelta(minutes=end_min))
            ):
                continue  # has ended when its end was shown the first time
            return True
    return False


@settings(max_examples=150, deadline=None)
@given(
    parts=RULES,
    place=PLACES,
    holidays=st.sampled_from(["none", "BE"]),
    from_shift_min=st.integers(-1_600, 0),
    length_min=st.integers(0, 3_000),
)
def test_windows_hold_exactly_the_minutes_that_a_clock_on_the_wall_allows(
    parts: list[Part], place: tuple[str, str], holidays: str, from_shift_min: int, length_min: int
) -> None:
    name, change = place
    zone = load_zone(name)
    from_ms = at(change) + from_shift_min * MINUTE_MS
    until_ms = from_ms + length_min * MINUTE_MS
    rule = parse_rule("; ".join(part.text() for part in parts))
    windows = compile_windows(rule, name, holidays, from_ms, until_ms)
    years = {datetime_from_ms(from_ms, zone).year, datetime_from_ms(until_ms, zone).year}
    days_out = frozenset(day for year in years for day in holidays_of_year(holidays, year))
    held = {ms for window in windows for ms in range(window.start_ms, window.end_ms, MINUTE_MS)}
    minutes = range(from_ms, until_ms, MINUTE_MS)
    assert held == {ms for ms in minutes if oracle_allows(parts, zone, days_out, ms)}
    assert all(edge_ms % MINUTE_MS == 0 for window in windows for edge_ms in window)


@settings(deadline=None)
@given(
    parts=RULES,
    place=PLACES,
    cut_ms=st.lists(st.integers(-2 * DAY_MS, 2 * DAY_MS), min_size=3, max_size=3).map(sorted),
)
def test_windows_are_apart_sorted_clipped_and_the_same_however_the_span_is_split(
    parts: list[Part], place: tuple[str, str], cut_ms: list[int]
) -> None:
    name, change = place
    from_ms, middle_ms, until_ms = (at(change) + ms for ms in cut_ms)
    rule = parse_rule(";".join(part.text() for part in parts))
    whole = compile_windows(rule, name, "BE", from_ms, until_ms)
    assert all(from_ms <= window.start_ms < window.end_ms <= until_ms for window in whole)
    assert all(before.end_ms < after.start_ms for before, after in pairwise(whole))
    first = compile_windows(rule, name, "BE", from_ms, middle_ms)
    second = compile_windows(rule, name, "BE", middle_ms, until_ms)
    assert merge_windows(first + second) == whole


@given(parts=RULES, weekday=st.integers(0, 6), second=st.integers(0, DAY_S - 1))
def test_a_moment_of_wall_time_is_covered_when_some_part_holds_it(
    parts: list[Part], weekday: int, second: int
) -> None:
    rule = parse_rule(";".join(part.text() for part in parts))
    sides = [side for part in parts for side in part.sides()]
    expected = any(day == weekday and start * 60 <= second < end * 60 for day, start, end in sides)
    assert rule.covers(weekday, second) == expected
    assert all(hours.days and 0 <= hours.start_s < hours.end_s <= DAY_S for hours in rule.hours)


@given(
    windows=st.lists(st.builds(Window, st.integers(0, 60), st.integers(0, 60))),
    from_ms=st.integers(0, 60),
    length_ms=st.integers(0, 60),
)
def test_friendly_time_is_every_other_instant(windows: list[Window], from_ms: int, length_ms: int) -> None:
    inside = {ms for window in windows for ms in range(*window)}
    friendly = complement(windows, from_ms, from_ms + length_ms)
    instants = set(range(from_ms, from_ms + length_ms))
    assert {ms for window in friendly for ms in range(*window)} == instants - inside
    assert {ms for window in merge_windows(windows) for ms in range(*window)} == inside


# domain.md §7.4: weekdays 08:00-16:00 of local time; the rest is the protected time.
@pytest.mark.parametrize(
    ("local", "holidays", "allowed"),
    [
        ("2020-07-02T15:59:59+02:00", "none", True),
        ("2020-07-02T16:00:00+02:00", "none", False),
        ("2020-07-03T07:59:59+02:00", "none", False),
        ("2020-07-03T08:00:00+02:00", "none", True),
        ("2020-07-03T23:01:00+02:00", "none", False),
        ("2020-07-04T10:00:00+02:00", "none", False),
        ("2020-07-05T10:00:00+02:00", "none", False),
        ("2020-07-21T10:00:00+02:00", "none", True),
        ("2020-07-21T10:00:00+02:00", "BE", False),
        ("2020-07-22T10:00:00+02:00", "BE", True),
        ("2020-02-28T15:59:59+01:00", "BE", True),
        ("2020-02-29T10:00:00+01:00", "BE", False),  # a leap day, and a Saturday
        ("2024-02-29T10:00:00+01:00", "BE", True),  # a leap day, and a Thursday
        ("2021-03-01T08:00:00+01:00", "BE", True),
        ("2020-03-30T08:00:00+02:00", "BE", True),  # the first day of summer time
        ("2020-03-30T07:59:59+02:00", "BE", False),
        ("2020-10-26T08:00:00+01:00", "BE", True),  # the first day of winter time
        ("2020-10-26T15:59:59+01:00", "BE", True),
        ("2020-10-26T16:00:00+01:00", "BE", False),
    ],
)
def test_the_walloon_window_in_the_ledger(local: str, holidays: str, *, allowed: bool) -> None:
    instant_ms = at(local)
    around = (instant_ms - DAY_MS, instant_ms + DAY_MS)
    windows = compile_windows(FRIENDLY_COMPLEMENT, BRUSSELS, holidays, *around)
    assert any(window.start_ms <= instant_ms < window.end_ms for window in windows) == allowed


@pytest.mark.parametrize(
    ("night", "rule", "windows"),
    [
        # 29 March 2020: from 02:00 to 03:00 at 01:00Z.
        ("2020-03-29", "daily 01:00-04:00", ["00:00-02:00"]),
        ("2020-03-29", "daily 02:30-04:00", ["01:00-02:00"]),  # a start in the gap moves to its end
        ("2020-03-29", "daily 01:00-02:30", ["00:00-01:00"]),
        ("2020-03-29", "daily 02:15-02:45", []),
        ("2020-03-29", "daily 02:00-03:00", []),
        # 25 October 2020: from 03:00 back to 02:00 at 01:00Z.
        ("2020-10-25", "daily 01:00-04:00", ["23:00-03:00"]),
        ("2020-10-25", "daily 02:30-04:00", ["01:30-03:00"]),  # the later start
        ("2020-10-25", "daily 01:00-02:30", ["23:00-00:30"]),  # the earlier end
        ("2020-10-25", "daily 02:15-02:45", []),
        ("2020-10-25", "daily 01:00-02:30; daily 02:30-04:00", ["23:00-00:30", "01:30-03:00"]),
        ("2020-10-25", "daily 03:00-04:00", ["02:00-03:00"]),
        # A night that runs on over midnight, and two that touch.
        ("2020-07-02", "wed 22:00-06:00", ["20:00-04:00"]),
        ("2020-07-02", "wed 22:00-24:00; thu 00:00-06:00", ["20:00-04:00"]),
        ("2020-07-02", "wed 22:00-00:00", ["20:00-22:00"]),
    ],
)
def test_nights_in_brussels(night: str, rule: str, windows: list[str]) -> None:
    noon_ms = at(f"{night}T12:00Z")
    found = compile_windows(parse_rule(rule), BRUSSELS, "none", noon_ms - 18 * HOUR_MS, noon_ms - 6 * HOUR_MS)
    assert ["-".join(iso_from_ms(ms)[11:16] for ms in window) for window in found] == windows


def test_a_holiday_takes_out_its_own_midnight_to_midnight_of_a_night_rule() -> None:
    windows = compile_windows(
        parse_rule("daily 22:00-06:00"), BRUSSELS, "BE", at("2020-07-20T10:00Z"), at("2020-07-22T10:00Z")
    )
    assert [tuple(map(iso_from_ms, window)) for window in windows] == [
        ("2020-07-20T20:00:00Z", "2020-07-20T22:00:00Z"),
        ("2020-07-21T22:00:00Z", "2020-07-22T04:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("text", "covered", "not_covered"),
    [
        ("weekdays 08:00-16:00", [(0, "08:00"), (4, "15:59")], [(0, "07:59"), (4, "16:00"), (5, "10:00")]),
        ("weekend 00:00-24:00", [(5, "00:00"), (6, "23:59")], [(4, "23:59"), (0, "00:00")]),
        ("mon,wed-fri 09:00-12:30", [(0, "09:00"), (3, "12:29")], [(1, "09:00"), (3, "12:30")]),
        ("sat-mon 10:00-11:00", [(5, "10:00"), (6, "10:00"), (0, "10:00")], [(1, "10:00"), (4, "10:00")]),
        ("fri 22:00-06:00", [(4, "22:00"), (5, "05:59")], [(4, "05:00"), (5, "06:00"), (5, "22:00")]),
        ("sun 22:00-06:00", [(6, "23:00"), (0, "05:59")], [(0, "22:00"), (6, "05:00")]),
        ("  mon , tue   08:00-09:00 ;fri 01:00-02:00 ", [(1, "08:30"), (4, "01:00")], [(4, "08:30")]),
        (  # the friendly hours of the card meter
            "weekdays 16:00-08:00; weekend 00:00-24:00",
            [(0, "16:00"), (3, "07:59"), (4, "23:01"), (5, "12:00"), (6, "23:59")],
            [(0, "08:00"), (3, "15:59"), (4, "12:00")],
        ),
    ],
)
def test_rules_mean_these_hours(
    text: str, covered: list[tuple[int, str]], not_covered: list[tuple[int, str]]
) -> None:
    rule = parse_rule(text)
    for weekday, shown in covered + not_covered:
        second = int(shown[:2]) * 3_600 + int(shown[3:]) * 60
        assert rule.covers(weekday, second) == ((weekday, shown) in covered), (weekday, shown)


def test_a_weekday_that_does_not_exist_lies_in_no_hours() -> None:
    assert not parse_rule("daily 00:00-24:00").covers(7, 43_200)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", 'rule: part 1: ""; allowed: DAYS HH:MM-HH:MM, such as weekdays 08:00-16:00'),
        ("weekdays", 'rule: part 1: "weekdays"; allowed: DAYS HH:MM-HH:MM'),
        ("mon 08:00-16:00;", 'rule: part 2: ""; allowed: DAYS'),
        ("weekday 08:00-16:00", 'rule: part 1: "weekday"; allowed: weekdays, weekend, daily, mon to sun'),
        ("Mon 08:00-16:00", 'rule: part 1: "Mon"; allowed: weekdays'),
        ("mon- 08:00-16:00", 'rule: part 1: "mon-"; allowed: weekdays'),
        ("mon,,tue 08:00-16:00", 'rule: part 1: ""; allowed: weekdays'),
        ("daily-mon 08:00-16:00", 'rule: part 1: "daily-mon"; allowed: weekdays'),
        ("mon 8:00-16:00", 'rule: part 1: "8:00-16:00"; allowed: HH:MM-HH:MM from 00:00 to 24:00'),
        ("mon 08:00-24:01", 'rule: part 1: "08:00-24:01"; allowed: HH:MM'),
        ("mon 24:00-06:00", 'rule: part 1: "24:00-06:00"; allowed: HH:MM'),
        ("mon 08:60-16:00", 'rule: part 1: "08:60-16:00"; allowed: HH:MM'),
        ("mon 08:00", 'rule: part 1: "08:00"; allowed: HH:MM'),
        ("mon \u0660\u0668:00-16:00", "allowed: HH:MM"),
        ("tue 01:00-02:00; mon 08:00-08:00", 'rule: part 2: "08:00-08:00" is empty; allowed: 00:00-24:00'),
        ("mon " * 100, "rule: 400 characters; allowed: at most 256"),
        ("mon\x00 08:00-16:00", 'rule: part 1: "mon\\u0000"; allowed: weekdays'),
    ],
)
def test_a_wrong_rule_is_told_what_where_and_what_is_allowed(text: str, complaint: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse_rule(text)
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


@given(text=st.text() | st.text(alphabet="mon,-;0123456789: dailywek", max_size=30))
def test_any_text_is_a_rule_or_an_input_error(text: str) -> None:
    try:
        rule = parse_rule(text)
    except InputError:
        return
    assert all(hours.days and 0 <= hours.start_s < hours.end_s <= DAY_S for hours in rule.hours)


@pytest.mark.parametrize("name", ["Europe/Brusels", "", "../UTC", "/etc/passwd", "europe/brussels", "zones"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"zone: .*; allowed: an IANA zone name such as"):
        load_zone(name)


def test_a_misspelt_zone_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match=r"such as Europe/Brussels$"):
        compile_windows(FRIENDLY_COMPLEMENT, "Europe/Brusels", "BE", 0, 0)


@pytest.mark.parametrize("code", ["", "be", "BEL", "XX", "belgium", "None", "BE\n"])
def test_unknown_holidays_are_refused(code: str) -> None:
    with pytest.raises(InputError, match=r'holidays: .*; allowed: "none" or an ISO country code'):
        check_holidays(code)


@pytest.mark.parametrize(
    ("from_text", "until_text"),
    [
        ("2020-07-02T00:00:00Z", "2020-07-01T00:00:00Z"),
        ("1999-12-31T23:59:59Z", "2020-07-01T00:00:00Z"),
        ("2199-12-31T00:00:00Z", "2200-01-01T00:00:00.001Z"),
    ],
)
def test_a_span_backwards_or_beyond_the_century_is_refused(from_text: str, until_text: str) -> None:
    with pytest.raises(InputError, match="allowed: an end not before the start"):
        compile_windows(FRIENDLY_COMPLEMENT, BRUSSELS, "BE", at(from_text), at(until_text))


def test_every_known_zone_loads_from_the_package_whatever_the_system_has() -> None:
    for name in zone_names():
        assert load_zone(name).key == name
    assert load_zone(BRUSSELS) is load_zone(BRUSSELS)


def test_a_wall_time_in_a_gap_is_the_end_of_the_gap_and_one_shown_twice_is_both() -> None:
    zone = load_zone(BRUSSELS)
    gap_ends_ms = at("2020-03-29T01:00Z")
    assert instants_of_wall(date(2020, 3, 29), 2 * 3_600 + 1, zone) == (gap_ends_ms, gap_ends_ms)
    twice = (at("2020-10-25T00:30Z"), at("2020-10-25T01:30Z"))
    assert instants_of_wall(date(2020, 10, 25), 2 * 3_600 + 1_800, zone) == twice
