"""A ledger of wrong tariffs in a file: what stands there, and the exact line a person gets."""

import pytest

from tests.emulator.scenario.scenario_texts import HEAD, METERS, event
from tests.emulator.scenario.test_form_errors import EUR, problems_of

PRICE = EUR.replace("-400000 to 400000", "0 to 100")
TARIFF = 'do = "tariff"\n'
PRICES = 'eur_per_kwh = "0.30"\nfixed_eur_per_day = "0"\n'
DUAL = (
    TARIFF
    + PRICES
    + """zone = "UTC"
holidays = "none"
until = 2020-07-05T00:00:00Z
registers = [
  { obis = "1-0:1.8.1", eur_per_kwh = "0.40", fixed_eur_per_day = "0", rule = "daily 08:00-09:00" },
  { obis = "1-0:1.8.2", eur_per_kwh = "0.20", fixed_eur_per_day = "0", rule = "rest" },
]"""
)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (TARIFF + 'fixed_eur_per_day = "0"', f"eur_per_kwh: missing; allowed: {PRICE}"),
        (TARIFF + PRICES.replace("0.30", "100.01"), f'eur_per_kwh: "100.01"; allowed: {PRICE}'),
        (
            TARIFF + PRICES + "until = 2020-07-05T00:00:00Z",
            "until: unknown key; allowed: at, meters, do, eur_per_kwh, fixed_eur_per_day, registers",
        ),
        (
            DUAL.replace("1-0:1.8.1", "1.8.1"),
            'registers[0].obis: "1.8.1"; allowed: the name of a register, such as 1-0:1.8.1',
        ),
        (DUAL.replace("1.8.1", "1.8.2"), "registers: one of them twice; allowed: each register once"),
        (
            DUAL.replace('"rest"', '"daily 08:30-09:00"'),
            (
                "registers: 1-0:1.8.1 and 1-0:1.8.2: both at 2020-07-03T08:30:00Z; "
                "allowed: one register at a time"
            ),
        ),
        (
            DUAL.replace("07-05", "07-01"),
            "until: 2020-07-01T00:00:00Z; allowed: after at, 2020-07-02T20:59:00Z",
        ),
        (
            'do = "deferral"\nid = "d"\nuntil = 2020-07-01T00:00:00Z',
            "until: 2020-07-01T00:00:00Z; allowed: after its begin, 2020-07-02T20:59:00Z",
        ),
    ],
)
def test_a_wrong_tariff_gets_its_line(arguments: str, line: str) -> None:
    assert problems_of(HEAD + METERS + event(arguments)) == [f"events[0].{line}"]
