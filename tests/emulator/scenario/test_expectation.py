"""Expectations: what is compared with what."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.scenario.expectation import Facts, compare, is_cut
from emulator.scenario.model import ExpectKey
from protocols.reasons import ClockStatus, ScreenCode, Supply, SupplyReason
from protocols.units import QUANTA_PER_EUR, quanta_from_eur

FACTS = Facts(Supply.OFF, 0, ClockStatus.DISPUTED, ScreenCode.NOT_RELANCED, 2, SupplyReason.CREDIT)


@pytest.mark.parametrize(
    ("key", "right", "wrong"),
    [
        ("supply", "off", "armed"),
        ("clock", "disputed", "trusted"),
        ("code", "8", ""),
        ("cuts", 2, 0),
        ("reason", "credit", "none"),
        ("balance_eur", "0.00", "0.01"),
    ],
)
def test_each_key_is_compared_with_its_fact(key: ExpectKey, right: str | int, wrong: str | int) -> None:
    held, failed = compare(key, right, FACTS), compare(key, wrong, FACTS)
    assert held.ok
    assert not failed.ok
    assert (failed.expected, failed.found) == (wrong, held.found)


@pytest.mark.parametrize(
    ("balance_eur", "expected", "ok"),
    [
        ("12.345", "12.34", True),  # half to even
        ("12.355", "12.36", True),
        ("12.345", "12.35", False),
        ("12.345001", "12.35", True),
        ("12.5", "12", True),
        ("13.5", "14", True),
        ("-0.004", "0.00", True),
        ("-0.004", "-0.004", True),
        ("-0.005", "-0.01", False),
    ],
)
def test_a_balance_is_rounded_half_to_even_to_the_decimals_given(
    balance_eur: str, expected: str, *, ok: bool
) -> None:
    facts = Facts(
        Supply.ON, quanta_from_eur(balance_eur), ClockStatus.TRUSTED, ScreenCode.NONE, 0, SupplyReason.NONE
    )
    assert compare("balance_eur", expected, facts).ok is ok


@given(st.integers(-4 * 10**5 * QUANTA_PER_EUR, 4 * 10**5 * QUANTA_PER_EUR), st.integers(0, 6))
def test_every_balance_holds_against_itself_rounded(balance_q: int, decimals: int) -> None:
    exact = Decimal(balance_q) / QUANTA_PER_EUR
    rounded = exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
    facts = Facts(Supply.ON, balance_q, ClockStatus.TRUSTED, ScreenCode.NONE, 0, SupplyReason.NONE)
    assert compare("balance_eur", f"{rounded:f}", facts).ok
    off_by_one = rounded + Decimal(1).scaleb(-decimals)
    assert not compare("balance_eur", f"{off_by_one:f}", facts).ok


def test_a_cut_is_a_change_to_off_for_any_cause_but_safety() -> None:
    cuts = {reason for reason in SupplyReason if is_cut(Supply.OFF, reason)}
    assert cuts == set(SupplyReason) - {SupplyReason.SAFETY, SupplyReason.LEAK}
    others = set(Supply) - {Supply.OFF}
    assert not any(is_cut(supply, reason) for supply in others for reason in SupplyReason)
