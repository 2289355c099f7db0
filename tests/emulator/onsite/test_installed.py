"""A meter at its place: its averages are exact at any speed, and a scenario happens to it in time."""

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.faces.demand import QUARTER_MS, Demand
from emulator.firmware.events import ButtonName
from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.firmware.ticks import Tick
from emulator.onsite.building import meter_of
from emulator.onsite.installed import InstalledMeter
from emulator.population.shipped import shipped_profiles
from emulator.scenario.commissioning import commission
from emulator.scenario.form import read_scenario
from emulator.scenario.model import PressSpec, RtcLostSpec, SetMainsSpec
from emulator.scenario.player import play
from emulator.scenario.shipped import library
from protocols.errors import InputError
from protocols.instants import DAY_MS, HOUR_MS, UtcMs
from protocols.link.records import Record
from protocols.reasons import Supply
from tests.emulator.faces.views import SUMMER_MS, installed

STORY = """
[scenario]
name = "a dark hour"
start = 2020-07-02T12:00:00+02:00
end = 2020-07-03T12:00:00+02:00

[[meters]]
id = "m1"
firmware = "guarded"
balance_eur = "20.00"
load_w = 1000

[[meters]]
id = "m2"
firmware = "guarded"
balance_eur = "20.00"

[[events]]
at = 2020-07-02T13:00:00+02:00
do = "mains_off"
"""


def demand_after(steps_ms: list[int]) -> Demand:
    meter = installed(load_w=None)
    for at_ms in accumulate(steps_ms, initial=SUMMER_MS):
        meter.advance(UtcMs(at_ms))
    meter.advance(UtcMs(SUMMER_MS + DAY_MS))
    return meter.view().demand


# As good as a look each second: every quarter is met within a minute, and its end in the minute itself.
BY_MINUTES = demand_after([61_000] * 1_416)


@settings(max_examples=10)
@given(st.lists(st.integers(0, 3 * HOUR_MS), max_size=7))
def test_in_whatever_steps_it_runs_the_quarters_are_the_same(steps_ms: list[int]) -> None:
    """Also against the household's own load, which is constant in each quarter on the wall."""
    assert demand_after(steps_ms) == BY_MINUTES


def test_a_time_that_has_passed_changes_nothing() -> None:
    meter = installed()
    meter.advance(UtcMs(SUMMER_MS + HOUR_MS))
    before = meter.view()
    meter.advance(UtcMs(SUMMER_MS + HOUR_MS - 1))
    assert meter.view() == before


def test_a_clock_that_stands_still_is_not_waited_for() -> None:
    """Its cell gone, its mains off, 1 ms before the end of a quarter."""
    meter = installed(start_ms=UtcMs(QUARTER_MS * 1_770_804))
    meter.advance(UtcMs(meter.now_ms + QUARTER_MS - 1))
    meter.do(SetMainsSpec(on=False))
    meter.do(RtcLostSpec())
    looked = meter.view()
    meter.advance(UtcMs(meter.now_ms + 1_000 * DAY_MS))
    assert meter.view().readout.purse.energy_mj == looked.readout.purse.energy_mj
    meter.do(SetMainsSpec(on=True))
    meter.advance(UtcMs(meter.now_ms + DAY_MS))
    assert meter.view().readout.purse.energy_wh > 23_000


def story() -> InstalledMeter:
    scenario = read_scenario(STORY, "story.toml", shipped_profiles(), ())
    return InstalledMeter(scenario, meter_of(scenario, "m1"))


def test_a_scenario_happens_at_its_instants() -> None:
    meter = story()
    begin_ms = meter.now_ms
    meter.advance(UtcMs(begin_ms + HOUR_MS - 1))
    assert meter.view().readout.mains_on
    meter.advance(UtcMs(begin_ms + HOUR_MS))
    assert not meter.view().readout.mains_on
    meter.do(SetMainsSpec(on=True))
    meter.advance(UtcMs(begin_ms + 3 * DAY_MS))
    assert meter.view().readout.mains_on


def test_what_somebody_does_is_done_at_once_and_noted() -> None:
    meter = installed(balance_eur="-1.00", firmware="legacy-2020", profile="wallonia-card-2020")
    meter.advance(UtcMs(SUMMER_MS + DAY_MS))
    assert meter.view().readout.glance.supply is Supply.OFF
    meter.do(PressSpec(ButtonName.RED))
    assert meter.view().readout.glance.supply is Supply.ARMED
    numbers = [each.number for each in meter.noted]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("name", ["guarded/lost-ticks", "guarded/safety", "legacy/fault-bcd_hex"])
def test_a_story_of_the_library_is_the_same_as_when_it_is_played(name: str) -> None:
    """To the record, whoever looks at it meanwhile, and whenever."""
    scenario = read_scenario(library()[name], name, shipped_profiles(), CATALOGUE)
    played = dict[str, list[tuple[Tick, Record]]]()
    play(
        scenario,
        commission,
        on_record=lambda meter, tick, _ms, record: played.setdefault(meter, []).append((tick, record)),
    )
    for spec in scenario.meters:
        meter = InstalledMeter(scenario, spec)
        for at_ms in range(scenario.start_ms, scenario.end_ms, 7_777_777):
            meter.advance(UtcMs(at_ms))
        meter.advance(UtcMs(scenario.end_ms))
        assert [(each.tick, each.record) for each in meter.noted] == played[spec.id], spec.id


def test_the_meter_is_named_where_there_are_several() -> None:
    scenario = read_scenario(STORY, "story.toml", shipped_profiles(), ())
    assert meter_of(scenario, "m2").id == "m2"
    for name, found in [(None, "missing"), ("m3", '"m3"')]:
        with pytest.raises(InputError, match=f"^METER: {found}; allowed: a meter of story.toml: m1, m2"):
            meter_of(scenario, name)


def test_the_household_draws_what_the_register_counts() -> None:
    meter = installed(load_w=1_000)
    meter.advance(UtcMs(SUMMER_MS + 2 * QUARTER_MS))
    assert meter.view().readout.purse.energy_wh == 500
