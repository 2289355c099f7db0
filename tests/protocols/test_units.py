"""Money is exact: what goes in as text comes out as the same text, and rounding is half to even."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.units import (
    QUANTA_PER_EUR,
    QUANTA_PER_S_PER_UEUR_DAY,
    QUANTA_PER_UEUR,
    QUANTA_PER_WS_PER_UEUR_KWH,
    eur_from_quanta,
    quanta_from_eur,
    ueur_from_eur,
    ueur_from_quanta,
)

QUANTA = st.integers(-(2**63), 2**63 - 1)


def exact(value: Decimal, decimals: int) -> Decimal:
    """Python's own decimal arithmetic, at a precision that no amount here exhausts, as the oracle."""
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)


@given(ueur=st.integers(-(10**18) + 1, 10**18 - 1))
def test_an_amount_written_with_six_decimals_reads_back_as_itself(ueur: int) -> None:
    assert ueur_from_eur(eur_from_quanta(ueur * QUANTA_PER_UEUR, 6)) == ueur


@given(quanta=QUANTA, decimals=st.integers(0, 12))
def test_euro_agree_with_decimal_arithmetic_at_any_number_of_decimals(quanta: int, decimals: int) -> None:
    with localcontext(prec=80):
        expected = exact(Decimal(quanta) / QUANTA_PER_EUR, decimals)
        assert eur_from_quanta(quanta, decimals) == f"{expected + 0:f}"


@given(ueur=st.integers(-(10**12), 10**12), half=st.booleans(), nudge=st.integers(-1, 1))
def test_a_tie_between_two_micro_euro_goes_to_the_even_one(ueur: int, nudge: int, *, half: bool) -> None:
    quanta = ueur * QUANTA_PER_UEUR + half * QUANTA_PER_UEUR // 2 + nudge
    with localcontext(prec=80):
        assert ueur_from_quanta(quanta) == int(exact(Decimal(quanta) / QUANTA_PER_UEUR, 0))


@given(watt_hours=st.integers(0, 10**9), price_ueur_kwh=st.integers(0, 10**6))
def test_energy_costs_the_same_counted_by_the_watt_second(watt_hours: int, price_ueur_kwh: int) -> None:
    by_the_second = watt_hours * 3_600 * price_ueur_kwh * QUANTA_PER_WS_PER_UEUR_KWH
    assert by_the_second * 1_000 == watt_hours * price_ueur_kwh * QUANTA_PER_UEUR


@given(charge_ueur_day=st.integers(0, 10**9))
def test_a_day_of_seconds_costs_exactly_the_daily_charge(charge_ueur_day: int) -> None:
    assert 86_400 * charge_ueur_day * QUANTA_PER_S_PER_UEUR_DAY == charge_ueur_day * QUANTA_PER_UEUR


def test_two_amounts_at_the_limit_of_a_meter_add_up_inside_an_int64() -> None:
    assert 2 * quanta_from_eur("427000") < 2**63


@pytest.mark.parametrize(
    ("text", "ueur"),
    [
        ("0", 0),
        ("-0", 0),
        ("12.34", 12_340_000),
        ("-12.34", -12_340_000),
        ("-0.5", -500_000),
        ("0.000001", 1),
        ("0012.5", 12_500_000),
        ("999999999999.999999", 999_999_999_999_999_999),
    ],
)
def test_amounts_in_euro_are_read_exactly(text: str, ueur: int) -> None:
    assert ueur_from_eur(text) == ueur


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-", ".", "12.", ".5", "12,34", "1_000", " 12", "12 ", "12\n", "+12", "--1", "€12"),
        *("1e3", "1E999999999", "NaN", "sNaN", "Infinity", "-inf", "0x10", "twelve", "\u0661\u0662"),
        *("0.0000001", "1.1234567", "1000000000000", "9" * 5_000),
    ],
)
def test_a_text_that_is_no_plain_amount_is_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: an amount in euro") as refusal:
        ueur_from_eur(text)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("quanta", "decimals", "text"),
    [
        (0, 2, "0.00"),
        (0, 12, "0.000000000000"),
        (-1, 2, "0.00"),
        (1, 12, "0.000000000000"),
        (QUANTA_PER_EUR, 0, "1"),
        (-QUANTA_PER_EUR // 2, 0, "0"),
        (QUANTA_PER_EUR * 3 // 2, 0, "2"),
        (QUANTA_PER_EUR // 200, 2, "0.00"),
        (QUANTA_PER_EUR * 3 // 200, 2, "0.02"),
        (-QUANTA_PER_EUR * 3 // 200, 2, "-0.02"),
        (-QUANTA_PER_EUR // 10, 2, "-0.10"),
        (QUANTA_PER_UEUR, 6, "0.000001"),
    ],
)
def test_a_balance_is_written_plainly_and_never_as_minus_zero(quanta: int, decimals: int, text: str) -> None:
    assert eur_from_quanta(quanta, decimals) == text
