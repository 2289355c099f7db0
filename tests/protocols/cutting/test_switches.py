"""Register switches from rules in local time, against windows that are asked instant by instant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.cutting.cut_calendar import compile_windows
from protocols.cutting.rules import parse_rule
from protocols.cutting.switches import RegisterPlan, compile_switches, plan_tariff
from protocols.documents.bodies import RegisterPrice, Switch, TariffBody
from protocols.documents.drafting import Sheet
from protocols.documents.orders import body_of
from protocols.errors import InputError
from protocols.instants import DAY_MS, iso_from_ms, ms_from_iso
from protocols.limits import SWITCHES_MAX

BRUSSELS = "Europe/Brussels"
DAY, NIGHT = RegisterPrice("1-0:1.8.1", 300_000, 0), RegisterPrice("1-0:1.8.2", 200_000, 0)
OTHER = RegisterPrice("1-0:1.8.3", 100_000, 0)
FROM_MS = ms_from_iso("2026-03-02T00:00+01:00")


def plan(price: RegisterPrice, rule: str | None) -> RegisterPlan:
    return RegisterPlan(price, None if rule is None else parse_rule(rule))


def in_words(switches: tuple[Switch, ...]) -> list[tuple[str, int]]:
    return [(iso_from_ms(each.at_ms)[5:16], each.register) for each in switches]


@given(
    rules=st.sampled_from(
        [
            ("mon-fri 07:00-22:00", None),
            ("mon-fri 07:00-22:00", "weekend 08:00-20:00"),
            (None, "daily 02:00-03:00"),
            ("daily 22:00-06:00", "daily 06:00-22:00"),
        ]
    ),
    # Days with both changes of the clocks, a leap day, and a year's end.
    first=st.sampled_from(["2026-03-27", "2026-10-23", "2028-02-27", "2026-12-30"]),
    asked_ms=st.lists(st.integers(0, 6 * DAY_MS), max_size=20),
    holidays=st.sampled_from(["none", "BE"]),
)
def test_the_register_of_every_instant_is_the_one_whose_hours_hold_it(
    rules: tuple[str | None, str | None], first: str, asked_ms: list[int], holidays: str
) -> None:
    from_ms = ms_from_iso(f"{first}T00:00+00:00")
    until_ms = from_ms + 5 * DAY_MS
    plans = [plan(price, rule) for price, rule in zip((DAY, NIGHT), rules, strict=True)]
    switches = compile_switches(plans, BRUSSELS, holidays, from_ms, until_ms)
    rest = next((place for place, rule in enumerate(rules, 1) if rule is None), 0)
    for at_ms in (from_ms + each for each in asked_ms):
        said = [each.register for each in switches if each.at_ms <= at_ms]
        within = [
            place
            for place, rule in enumerate(rules, 1)
            if rule is not None
            for window in compile_windows(parse_rule(rule), BRUSSELS, holidays, from_ms, until_ms)
            if window.start_ms <= at_ms < window.end_ms
        ]
        wanted = (within or [rest])[0] if at_ms < until_ms else 0
        assert (said[-1] if said else 0) == wanted


@pytest.mark.parametrize(
    ("plans", "switches"),
    [
        # Monday, Tuesday; at the end no register is in use.
        (
            [plan(DAY, "mon-fri 07:00-22:00"), plan(NIGHT, None)],
            [
                ("03-01T23:00", 2),
                *(("03-02T06:00", 1), ("03-02T21:00", 2)),
                *(("03-03T06:00", 1), ("03-03T21:00", 2)),
                ("03-03T23:00", 0),
            ],
        ),
        ([plan(DAY, "mon 00:00-24:00")], [("03-01T23:00", 1), ("03-02T23:00", 0)]),
        ([plan(NIGHT, None)], [("03-01T23:00", 1), ("03-03T23:00", 0)]),
        # Hours that touch: one switch from one to the other.
        (
            [plan(DAY, "mon 07:00-22:00"), plan(NIGHT, "mon 22:00-24:00")],
            [("03-02T06:00", 1), ("03-02T21:00", 2), ("03-02T23:00", 0)],
        ),
        ([plan(DAY, "sat 07:00-22:00")], []),
    ],
)
def test_two_days_of_rules(plans: list[RegisterPlan], switches: list[tuple[str, int]]) -> None:
    found = compile_switches(plans, BRUSSELS, "none", FROM_MS, FROM_MS + 2 * DAY_MS)
    assert in_words(found) == switches


def test_a_holiday_falls_to_the_rest() -> None:
    """Easter Monday: 6 April 2026."""
    plans = [plan(DAY, "mon-fri 07:00-22:00"), plan(NIGHT, None)]
    monday_ms = ms_from_iso("2026-04-06T00:00+02:00")
    assert in_words(compile_switches(plans, BRUSSELS, "BE", monday_ms, monday_ms + DAY_MS)) == [
        ("04-05T22:00", 2),
        ("04-06T22:00", 0),
    ]


@pytest.mark.parametrize(
    ("plans", "line"),
    [
        (
            [plan(DAY, "mon-fri 07:00-22:00"), plan(NIGHT, "mon 21:00-23:00")],
            "1-0:1.8.1 and 1-0:1.8.2: both at 2026-03-02T20:00:00Z; allowed: one register at a time",
        ),
        (
            [plan(DAY, None), plan(NIGHT, None)],
            "1-0:1.8.1 and 1-0:1.8.2: both take the rest; allowed: one register without a rule",
        ),
        (
            [plan(DAY, "daily 07:00-08:00"), plan(NIGHT, None)],
            f"1462 switches until 2028-02-29T23:00:00Z; allowed: at most {SWITCHES_MAX}",
        ),
    ],
)
def test_rules_that_make_no_tariff_get_a_line(plans: list[RegisterPlan], line: str) -> None:
    with pytest.raises(InputError) as refused:
        compile_switches(plans, BRUSSELS, "none", FROM_MS, FROM_MS + 730 * DAY_MS)
    assert str(refused.value) == line


def test_a_year_of_two_registers_fits_a_document_and_a_fifth_register_does_not() -> None:
    sheet = Sheet(id="o1", rev=1, now_ms=FROM_MS, basis="")
    span_ms, clock = (FROM_MS, FROM_MS + 365 * DAY_MS), (BRUSSELS, "BE")
    plans = [plan(DAY, "mon-fri 07:00-22:00"), plan(NIGHT, None)]
    body = body_of(plan_tariff(sheet, "dual", (250_000, 0), plans, clock, span_ms), TariffBody)
    assert body.registers == (DAY, NIGHT)
    assert 500 < len(body.switches) <= SWITCHES_MAX
    with pytest.raises(InputError, match="tariff/dual: 5 registers; allowed: at most 4"):
        plan_tariff(sheet, "dual", (250_000, 0), [*plans, *plans, plan(OTHER, None)], clock, span_ms)
