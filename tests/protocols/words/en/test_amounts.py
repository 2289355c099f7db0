"""Money, as people read it."""

import pytest

from protocols.words.en.amounts import eur, price


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
