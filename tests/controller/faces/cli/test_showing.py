"""What people see: local time with weekday and zone and UTC beside it, money, durations."""

import json

import pytest

from controller.faces.cli.showing import duration, eur, instants, local, price
from protocols.cutting.zones import load_zone
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, ms_from_iso

BRUSSELS = load_zone("Europe/Brussels")


@pytest.mark.parametrize(
    ("iso", "shown"),
    [
        ("2020-07-02T20:59:00Z", "Thu 2020-07-02 22:59 CEST (20:59 UTC)"),
        ("2020-07-03T21:01:00Z", "Fri 2020-07-03 23:01 CEST (21:01 UTC)"),
        ("2020-07-03T22:30:00Z", "Sat 2020-07-04 00:30 CEST (2020-07-03 22:30 UTC)"),
        ("2020-12-03T07:00:05Z", "Thu 2020-12-03 08:00:05 CET (07:00:05 UTC)"),
        ("2020-12-03T07:00:05.250Z", "Thu 2020-12-03 08:00:05 CET (07:00:05 UTC)"),
        # Shown twice in that night: the abbreviation says which one.
        ("2020-10-25T00:30:00Z", "Sun 2020-10-25 02:30 CEST (00:30 UTC)"),
        ("2020-10-25T01:30:00Z", "Sun 2020-10-25 02:30 CET (01:30 UTC)"),
    ],
)
def test_an_instant_is_shown_in_local_time_with_utc_beside_it(iso: str, shown: str) -> None:
    assert local(ms_from_iso(iso), BRUSSELS) == shown


def test_what_nobody_knows_is_shown_as_unknown() -> None:
    assert local(None, BRUSSELS) == "unknown"
    assert instants(until=None) == {"until_ms": None, "until": None}


def test_programs_get_an_instant_twice() -> None:
    assert json.dumps(instants(until=0)) == '{"until_ms": 0, "until": "1970-01-01T00:00:00Z"}'


@pytest.mark.parametrize(
    ("length_ms", "shown"),
    [
        (0, "0 s"),
        (2_500, "2.5 s"),
        (2_050, "2 s"),
        (59_999, "59.9 s"),
        (MINUTE_MS, "1 min"),
        (200_000, "3 min 20 s"),
        (DAY_MS, "1 d"),
        (DAY_MS + 2 * HOUR_MS + 5 * MINUTE_MS, "1 d 2 h"),
        (DAY_MS + 5 * MINUTE_MS, "1 d 5 min"),
    ],
)
def test_a_duration_has_two_units_at_most(length_ms: int, shown: str) -> None:
    assert duration(length_ms) == shown


@pytest.mark.parametrize(
    ("ueur", "balance", "as_price"),
    [
        (12_340_000, "12.34", "12.34"),
        (-500_000, "-0.50", "-0.50"),
        (274_100, "0.27", "0.2741"),
        (1, "0.00", "0.000001"),
        (0, "0.00", "0.00"),
    ],
)
def test_a_balance_has_cents_and_a_price_all_it_needs(ueur: int, balance: str, as_price: str) -> None:
    assert (eur(ueur), price(ueur)) == (balance, as_price)
