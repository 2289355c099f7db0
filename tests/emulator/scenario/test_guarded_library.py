"""The library's nights and faults as guarded meters live them: supply stays on, and ends when it must."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import pytest

from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.population.shipped import shipped_profiles
from emulator.scenario.commissioning import commission
from emulator.scenario.form import read_scenario
from emulator.scenario.model import (
    CutCalendarSpec,
    Do,
    EventSpec,
    HoldSpec,
    LiftHoldSpec,
    ProgrammedCutSpec,
    Scenario,
    ShortenHoldSpec,
    WitnessSpec,
)
from emulator.scenario.player import Played, play
from emulator.scenario.shipped import library
from protocols.cutting.cut_calendar import compile_windows
from protocols.cutting.rules import parse_rule
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, iso_from_ms
from protocols.link.records import ClaimHeard, ClockChanged, GateJudged, Record, SupplyChanged
from protocols.reasons import Because, ClaimVerdict, ClockStatus, Source, Supply, SupplyReason

GUARDED = tuple(name for name in library() if name.startswith("guarded/"))
LEGACY = tuple(name for name in library() if name.startswith("legacy/"))
TWINS = tuple(name.replace("legacy/", "guarded/") for name in LEGACY)

# Whoever is cut rightly is cut then: households of the night, in UTC. Synchronised an hour before, a
# meter knows the time to 1.2 s, so that it is sure of 08:00:00 in the second after 08:00:01.
MONDAY = "2020-07-06T06:00:02Z"
HISTOGRAM = {
    "night-h1": {("planned", MONDAY, "credit"), ("sound", MONDAY, "credit")},
    "night-h2": {("planned", MONDAY, "cut_order"), ("sound", MONDAY, "cut_order")},
    "night-h3": {("planned", MONDAY, "cut_order"), ("sound", MONDAY, "cut_order")},
    "night-h4": {("sound", MONDAY, "cut_order")},
    "night-h5": {("planned", MONDAY, "credit"), ("sound", MONDAY, "credit"), ("gas", MONDAY, "credit")},
    "night-h6": {
        ("planned", MONDAY, "credit"),
        ("planned", "2020-07-06T07:40:00Z", "cut_order"),
        ("sound", MONDAY, "credit"),
    },
    "night-h7": {("planned", MONDAY, "cut_order"), ("sound", MONDAY, "cut_order")},
    "night-h8": {("planned", MONDAY, "cut_order"), ("sound", MONDAY, "cut_order")},
    "night-h9": {("planned", MONDAY, "credit"), ("sound", MONDAY, "credit")},
    "resa-30-june": {("waiting", "2020-06-30T07:00:02Z", "cut_order")},
}


@dataclass(frozen=True)
class Opening:
    """One supply taken away or limited, but for safety, at a true instant."""

    meter: str
    at_ms: int
    reason: SupplyReason

    def __str__(self) -> str:
        return f"{self.meter} {iso_from_ms(self.at_ms)} {self.reason}"


@dataclass(frozen=True)
class Run:
    """A scenario played: what came of it, all records, and all openings."""

    scenario: Scenario
    played: Played
    records: tuple[Record, ...]
    openings: tuple[Opening, ...]


def run(scenario: Scenario) -> Run:
    records: list[Record] = []
    openings: list[Opening] = []

    def keep(meter: str, _at: int, true_ms: int, record: Record) -> None:
        records.append(record)
        match record:
            case SupplyChanged(after=Supply.OFF | Supply.LIMITED, reason=reason):
                if reason not in (SupplyReason.SAFETY, SupplyReason.LEAK):
                    openings.append(Opening(meter, true_ms, reason))
            case _:
                pass

    played = play(scenario, commission, on_record=keep)
    return Run(scenario, played, tuple(records), tuple(openings))


@cache
def read(name: str) -> Scenario:
    return read_scenario(library()[name], f"{name}.toml", shipped_profiles(), CATALOGUE)


@cache
def run_file(name: str) -> Run:
    return run(read(name))


# -- who may be cut, worked out from the file alone --------------------------------------------------


def heard(scenario: Scenario, opening: Opening) -> Iterator[EventSpec]:
    """What had reached the meter by then, in order."""
    return (e for e in scenario.events if opening.meter in e.meters and e.at_ms <= opening.at_ms)


def is_in_window(scenario: Scenario, opening: Opening) -> bool:
    """Inside a window of the last calendar that reached the meter, compiled here once more."""
    calendars = [(e.at_ms, e.do) for e in heard(scenario, opening) if isinstance(e.do, CutCalendarSpec)]
    if not calendars:
        return False
    at_ms, last = calendars[-1]
    windows = compile_windows(parse_rule(last.rule), last.zone, last.holidays, at_ms, last.until_ms)
    return any(start_ms <= opening.at_ms < end_ms for start_ms, end_ms in windows)


def is_in_hold(scenario: Scenario, opening: Opening) -> bool:
    """Inside a hold that had reached the meter and that no two people have touched since."""
    held: dict[str, list[HoldSpec]] = {}
    for event in heard(scenario, opening):
        match event.do:
            case HoldSpec(id=name) as hold:
                held.setdefault(name, []).append(hold)
            case (
                LiftHoldSpec(id=name, signatures=signatures) | ShortenHoldSpec(id=name, signatures=signatures)
            ):
                if signatures >= 2:
                    held.pop(name, None)
            case _:
                pass
    return any(h.from_ms <= opening.at_ms < h.until_ms for holds in held.values() for h in holds)


def is_early(scenario: Scenario, opening: Opening) -> bool:
    """For a cut order, and outside the interval of every order that had reached the meter."""
    if opening.reason is not SupplyReason.CUT_ORDER:
        return False
    orders = [e.do for e in heard(scenario, opening) if isinstance(e.do, ProgrammedCutSpec)]
    return not any(
        order.not_before_ms is not None
        and order.not_after_ms is not None
        and order.not_before_ms <= opening.at_ms < order.not_after_ms
        for order in orders
    )


def wrong_openings(ran: Run) -> list[str]:
    """Openings that the file does not permit; the last word of each says why."""
    rules = (("outside windows", is_in_window, False), ("inside a hold", is_in_hold, True))
    found = [
        f"{o} {why}" for o in ran.openings for why, rule, wrong in rules if rule(ran.scenario, o) is wrong
    ]
    return found + [f"{o} early" for o in ran.openings if is_early(ran.scenario, o)]


# -- the files ---------------------------------------------------------------------------------------


def test_every_night_and_fault_of_the_card_meter_has_its_guarded_twin() -> None:
    assert LEGACY
    assert set(TWINS) <= set(GUARDED)


@pytest.mark.parametrize("name", GUARDED)
def test_what_the_file_expects_is_what_happens(name: str) -> None:
    assert read(name).expects
    assert [failure.item for failure in run_file(name).played.failures] == []


@pytest.mark.parametrize("name", GUARDED)
def test_nobody_is_cut_early_outside_windows_or_inside_a_hold(name: str) -> None:
    assert wrong_openings(run_file(name)) == []


@pytest.mark.parametrize("name", TWINS)
def test_every_twin_has_the_same_households_and_cuts_somebody_rightly(name: str) -> None:
    ours, theirs = read(name), read(name.replace("guarded/", "legacy/"))
    assert {spec.id for spec in theirs.meters} <= {spec.id for spec in ours.meters}
    assert {spec.firmware for spec in ours.meters} == {"guarded"}
    assert any(opening.reason is not SupplyReason.LIMITER for opening in run_file(name).openings)


@pytest.mark.parametrize("night", HISTOGRAM)
def test_whoever_is_cut_in_the_nights_is_cut_in_office_hours_to_the_second(night: str) -> None:
    openings = run_file(f"guarded/{night}").openings
    assert {
        (o.meter, iso_from_ms(o.at_ms), str(o.reason))
        for o in openings
        if o.reason is not SupplyReason.LIMITER
    } == HISTOGRAM[night]


def test_together_the_files_show_every_finding_of_the_clock_and_every_change_of_supply() -> None:
    records = [record for name in GUARDED for record in run_file(name).records]
    # Refused are only answers that a scenario's office never gives; the others are the card meter's.
    unseen = {
        ClaimVerdict.NOT_ADDRESSED,
        ClaimVerdict.UNKNOWN_NONCE,
        ClaimVerdict.STALE_NUMBER,
        ClaimVerdict.OBEYED,
        ClaimVerdict.REFUSED,
    }
    assert {r.verdict for r in records if isinstance(r, ClaimHeard)} == set(ClaimVerdict) - unseen
    assert {r.status for r in records if isinstance(r, ClockChanged)} == set(ClockStatus)
    changes = [r for r in records if isinstance(r, SupplyChanged)]
    assert {r.reason for r in changes} == set(SupplyReason) - {SupplyReason.PROGRAMMED_CUT, SupplyReason.NONE}
    assert {r.after for r in changes} == set(Supply)


def test_together_the_files_show_every_answer_of_the_gate_that_a_file_can_lead_to() -> None:
    records = [record for name in GUARDED for record in run_file(name).records]
    # Without a lease there are no windows for the gate, and a file's lease ends with its windows.
    unseen = {Because.SAFETY, Because.NO_LEASE, Because.LEASE_ENDED}
    assert {r.reason for r in records if isinstance(r, GateJudged)} == set(Because) - unseen


# -- the card meter's own files, played by guarded meters ----------------------------------------------

GRACE_MS = 7 * DAY_MS
RENEWED_EVERY_MS = 28 * DAY_MS
RULE = "mon-thu 08:00-15:00"
ZONE = "Europe/Brussels"
# What the legacy files' hypotheses add up to: hours, a day, days, years, forward and back.
LIES_MS = (HOUR_MS, 2 * HOUR_MS, DAY_MS, 3 * DAY_MS, 8_000 * DAY_MS, -DAY_MS, -2_000 * DAY_MS)


def calendar_at(at_ms: int) -> CutCalendarSpec:
    until_ms = at_ms + RENEWED_EVERY_MS + DAY_MS
    windows = compile_windows(parse_rule(RULE), ZONE, "BE", at_ms, until_ms)
    return CutCalendarSpec(RULE, ZONE, "BE", until_ms, windows, ())


def guarded_instead(scenario: Scenario) -> Scenario:
    """The same file with sound firmware, a week and a half longer, and permission to cut all along.

    A programmed cut gets a week from its time on. The head-end lies every 18 hours, by another amount
    each time; timeserver and technician are honest every other day.
    """
    end_ms = scenario.end_ms + GRACE_MS + 4 * DAY_MS
    everyone = tuple(spec.id for spec in scenario.meters)
    # A minute in, so that the file's own events of an instant stay together.
    first_ms = scenario.start_ms + MINUTE_MS
    added: list[tuple[int, Do]] = [(at, calendar_at(at)) for at in range(first_ms, end_ms, RENEWED_EVERY_MS)]
    for number, at in enumerate(range(first_ms, end_ms, 18 * HOUR_MS)):
        added.append((at, fresh(Source.HEADEND, LIES_MS[number % len(LIES_MS)])))
    for at in range(first_ms, end_ms, 2 * DAY_MS):
        added += [(at, fresh(source, 0)) for source in (Source.TIMESERVER, Source.TECHNICIAN)]
    kept = [replace(event, do=with_interval(event.do)) for event in scenario.events]
    events = kept + [EventSpec(at, len(kept) + n, everyone, do) for n, (at, do) in enumerate(added)]
    return replace(
        scenario,
        end_ms=end_ms,
        meters=tuple(replace(spec, firmware="guarded", faults=()) for spec in scenario.meters),
        events=tuple(sorted(events, key=lambda event: event.at_ms)),
        expects=(),
    )


def fresh(source: Source, offset_ms: int) -> WitnessSpec:
    return WitnessSpec(source, offset_ms, None, fresh=True, spread_ms=SECOND_MS)


def with_interval(do: Do) -> Do:
    if not isinstance(do, ProgrammedCutSpec) or do.time_ms is None:
        return do
    return replace(do, not_before_ms=do.time_ms, not_after_ms=do.time_ms + GRACE_MS)


@pytest.mark.parametrize("name", LEGACY)
def test_a_guarded_meter_in_the_place_of_a_card_meter_cuts_nobody_early_and_somebody_rightly(
    name: str,
) -> None:
    ran = run(guarded_instead(read(name)))
    assert wrong_openings(ran) == []
    statuses = {record.status for record in ran.records if isinstance(record, ClockChanged)}
    assert statuses == set(), "one liar was enough to doubt the clock"
    assert ran.openings or name == "legacy/fault-y2038_sentinel", "nobody is ever cut"
