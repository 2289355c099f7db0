"""Money as DLMS shows it: rounded once."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.dlms.prepayment import _scaled

UEUR = Fraction(1, 1_000_000)
LONG_MAX = 0x7FFF
# A price in millionths of a euro, and the number and the power of ten that show it.
PRICES = [(0, 0, -6), (32_767, 32_767, -6), (32_768, 3_277, -5), (250_000, 25_000, -5), (344_445, 3_444, -4)]


@pytest.mark.parametrize(("price_ueur", "number", "scale"), PRICES)
def test_a_price_is_shown_in_the_finest_scale_that_holds_it(price_ueur: int, number: int, scale: int) -> None:
    assert _scaled(price_ueur) == (number, scale)


@given(st.integers(-(10**12), 10**12))
def test_no_price_is_off_by_more_than_half_of_its_last_digit(price_ueur: int) -> None:
    number, scale = _scaled(price_ueur)
    unit = Fraction(10) ** scale
    assert abs(number) <= LONG_MAX
    assert abs(number * unit - price_ueur * UEUR) <= unit / 2
