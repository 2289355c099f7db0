"""The table at the end of a run: every cut of a few meters, and the cut meters of a fleet first."""

from emulator.scenario.meter_play import MeterOutcome
from emulator.scenario.summary import CUTS_SHOWN_MAX, METERS_SHOWN_MAX, summary
from emulator.scenario.timeline import Timeline, plain
from protocols.instants import UtcMs
from protocols.reasons import Supply, SupplyReason
from tests.emulator.scenario.scripted_meter import START_MS, scenario, spec

NAMES = [f"m{number}" for number in range(1, 41)]
LONG = "m" * 40
TIMELINE = Timeline(scenario(*map(spec, [*NAMES, LONG])))
CUT = (UtcMs(START_MS), SupplyReason.EMERGENCY_CREDIT)


def table(*outcomes: MeterOutcome) -> list[str]:
    return [plain(line) for line in summary(TIMELINE, outcomes)]


def test_every_cut_has_its_row_and_the_meter_its_supply_at_the_end() -> None:
    assert table(MeterOutcome("m1", (CUT, CUT), Supply.ARMED), MeterOutcome("m2", (), Supply.ON)) == [
        "meter  cuts  when                     why               at the end",
        "m1        2  Thu 2020-07-02 22:00:00  emergency_credit  armed",
        "             Thu 2020-07-02 22:00:00  emergency_credit",
        "m2        0                                             on",
    ]


def test_of_many_cuts_the_first_are_shown_and_the_others_counted() -> None:
    rows = table(MeterOutcome("m1", (CUT,) * (CUTS_SHOWN_MAX + 3), Supply.OFF))
    assert len(rows) == 1 + CUTS_SHOWN_MAX + 1
    assert rows[-1].strip() == "and 3 more"


def test_a_long_name_is_whole_and_the_rest_fits_80_columns() -> None:
    rows = table(MeterOutcome(LONG, (CUT,), Supply.OFF), MeterOutcome("m2", (), Supply.ON))
    assert rows[1] == LONG
    assert rows[2] == "          1  Thu 2020-07-02 22:00:00  emergency_credit  off"
    assert max(map(len, rows)) <= 80


def test_of_a_fleet_the_meters_that_were_cut_come_first_and_none_is_forgotten() -> None:
    outcomes = [
        MeterOutcome(name, (CUT,) if number % 2 else (), Supply.ON) for number, name in enumerate(NAMES)
    ]
    rows = table(*outcomes)
    assert len(rows) == 1 + METERS_SHOWN_MAX + 1
    assert [row.split()[0] for row in rows[1:21]] == NAMES[1::2]
    assert [row.split()[0] for row in rows[21:-1]] == NAMES[0:20:2]
    assert rows[-1] == "and 10 more meters: 0 were cut, 10 were not"
