"""What a file may say and probably does not mean gets a warning, and nothing else changes."""

import pytest

from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.population.shipped import shipped_profiles
from emulator.scenario.form import read_scenario
from emulator.scenario.shipped import library
from tests.emulator.scenario.scenario_texts import HEAD, METERS, event, read

HOLD = 'do = "hold"\nid = "moratorum"\nfrom = 2020-07-03T00:00:00Z\nuntil = 2020-07-04T00:00:00Z'
CUT = (
    'do = "programmed_cut"\nid = "c1"\ntime = 2020-07-04T00:00:00Z\n'
    "not_before = 2020-07-04T00:00:00Z\nnot_after = 2020-07-05T00:00:00Z"
)
CALENDAR = (
    'do = "cut_calendar"\nrule = "RULE"\nzone = "Europe/Brussels"\nholidays = "none"\n'
    "until = 2020-07-04T00:00:00Z"
)

MEANT = "; declared: moratorum (perhaps moratorum)"
NIGHT = " runs through midnight: the end of mon-thu 15:00-08:00 is on the next day"


def warnings(*events: str) -> list[str]:
    text = HEAD + METERS + "".join(map(event, events))
    return [line.partition(": events")[2] for line in read(text).warnings]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((HOLD, 'do = "lift_hold"\nid = "moratorum"'), []),
        (
            (HOLD, 'do = "lift_hold"\nid = "moratorium"'),
            [
                (
                    '[1].id: "moratorium" is lifted, and no such hold is declared for these meters; '
                    "declared: moratorum (perhaps moratorum)"
                )
            ],
        ),
        (
            ('do = "shorten_hold"\nid = "m"\nuntil = 2020-07-04T00:00:00Z',),
            ['[0].id: "m" is shortened, and no such hold is declared for these meters'],
        ),
        (
            (CUT, 'do = "cancel_cut"\nid = "c2"'),
            ['[1].id: "c2" is cancelled, and no such cut is declared for these meters; declared: c1'],
        ),
        # before it is declared: a scenario may let messages overtake each other
        (('do = "cancel_cut"\nid = "c1"', CUT), []),
        # of another meter
        (
            (CUT + '\nmeters = ["m1"]', 'do = "cancel_cut"\nid = "c1"\nmeters = ["old1"]'),
            ['[1].id: "c1" is cancelled, and no such cut is declared for these meters; declared: c1'],
        ),
        # a hold is no cut
        (
            (CUT, 'do = "lift_hold"\nid = "c1"'),
            ['[1].id: "c1" is lifted, and no such hold is declared for these meters'],
        ),
        (
            (CALENDAR.replace("RULE", "mon-thu 15:00-08:00; fri 08:00-15:00"),),
            [
                (
                    '[0].rule: "mon-thu 15:00-08:00; fri 08:00-15:00" runs through midnight: '
                    "the end of mon-thu 15:00-08:00 is on the next day"
                )
            ],
        ),
        ((CALENDAR.replace("RULE", "mon 22:00-24:00; tue 22:00-00:00; wed 08:00-15:00"),), []),
    ],
)
def test_what_is_probably_not_meant_is_warned_of(events: tuple[str, ...], expected: list[str]) -> None:
    assert warnings(*events) == expected


def test_a_warning_names_file_and_line() -> None:
    (line,) = read(HEAD + METERS + event('do = "cancel_cut"\nid = "c2"')).warnings
    assert line.startswith("night.toml: line 20: events[0].id: ")


def test_the_shipped_scenarios_are_warned_of_what_one_of_them_does_on_purpose() -> None:
    found = {
        name: read_scenario(text, name, shipped_profiles(), CATALOGUE).warnings
        for name, text in library().items()
    }
    assert len(found) > 50
    assert {name: len(lines) for name, lines in found.items() if lines} == {"guarded/stays-cut": 1}
