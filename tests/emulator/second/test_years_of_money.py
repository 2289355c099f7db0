"""A household's money of a whole year: the firmware and a ledger of the same file end alike to the quantum.

`make years SEEDS=100` compares more of them.
"""

import pytest

from protocols.reasons import PaymentMode
from tests.emulator.second.years import played


@pytest.mark.parametrize("seed", range(6))
def test_a_year_of_money_ends_alike_to_the_quantum(seed: int) -> None:
    firmware, ledger = played(seed)
    assert firmware == ledger.purse.in_quanta()
    assert all(balance_q <= 0 for balance_q, _ in ledger.opened_on), "who has credit is never cut for it"
    assert {mode for _, mode in ledger.opened_on} <= {PaymentMode.PREPAID}, "nor who is on credit"


def test_the_ledger_of_one_year_in_cents() -> None:
    """In cents, and Wh. The debt left and brought: 118.97 of before, and what the moratorium delivered."""
    _, ledger = played(3)
    assert ledger.cents() == {
        "began with": 700,
        "paid": 128_728,
        "charged on 1-0:1.8.2": 41_329,
        "charged on 1-0:1.8.1": 58_900,
        "charged on deferred 1-0:1.8.2": 0,
        "charged on deferred 1-0:1.8.1": 0,
        "charged before the first tariff": 5,
        "brought of the debt": 29_738,
        "debt left": 32_964,
        "refunded": 1_249,
        "left on the purse": -1_796,
        "Wh on 1-0:1.8.2": 1_478_040,
        "Wh on 1-0:1.8.1": 1_210_989,
        "Wh on deferred 1-0:1.8.2": 1_008_901,
        "Wh on deferred 1-0:1.8.1": 758_255,
    }
    assert (ledger.difference_mq, len(ledger.opened_on)) == (0, 8)
