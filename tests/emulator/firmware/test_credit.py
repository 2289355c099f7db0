"""Money to the quantum: any way to cut a span in pieces costs the same, and payments go where they should."""

from copy import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.credit import (
    Credit,
    Emergency,
    close_used_up_emergency,
    empty_tick,
    falls_to_tick,
    has_nothing_left,
    pay,
    settle,
    start_emergency,
)
from emulator.firmware.ticks import NEVER, Tick
from protocols.units import QUANTA_PER_EUR, QUANTA_PER_UEUR

spans_ms = st.lists(st.one_of(st.sampled_from([1, 999, 1000]), st.integers(1, 10**8)), max_size=8)
purses = st.builds(
    Credit,
    balance_q=st.integers(-(10**15), 10**15),
    price_ueur_per_kwh=st.sampled_from([0, 1, 299_999, 300_000]),
    fixed_ueur_per_day=st.sampled_from([0, 1, 86_399]),
    emergency_limit_q=st.just(12 * QUANTA_PER_EUR),
    emergency_left_q=st.integers(0, 12 * QUANTA_PER_EUR),
    emergency=st.sampled_from(Emergency),
    drawn_w=st.sampled_from([0, 1, 7, 1000, 12_345]),
    carry_mq=st.integers(0, 999),
)


def worth(credit: Credit) -> int:
    """What the household has, less the emergency credit it owes, in thousandths of a quantum."""
    owed_q = credit.emergency_limit_q - credit.emergency_left_q
    return (credit.balance_q - owed_q) * 1000 - credit.carry_mq


@given(purses, spans_ms)
def test_a_span_costs_the_same_in_one_piece_and_in_many(credit: Credit, pieces: list[int]) -> None:
    whole, pieced = copy(credit), copy(credit)
    settle(whole, Tick(sum(pieces)))
    for end in [sum(pieces[: n + 1]) for n in range(len(pieces))]:
        settle(pieced, Tick(end))
        settle(pieced, Tick(end))
    assert pieced == whole
    charged_mq = 3 * whole.energy_mj * whole.price_ueur_per_kwh + 125 * whole.fixed_ueur_per_day * sum(pieces)
    assert worth(whole) == worth(credit) - charged_mq


@given(purses, st.integers(-(10**15), 10**15))
def test_the_purse_falls_to_a_level_at_exactly_that_tick(credit: Credit, level_q: int) -> None:
    at_tick = Tick(falls_to_tick(credit, level_q))
    if at_tick in (0, NEVER):
        return
    before = copy(credit)
    settle(before, Tick(at_tick - 1))
    purse_q = before.emergency_left_q if before.emergency == Emergency.IN_USE else before.balance_q
    if credit.emergency == Emergency.IN_USE and level_q < 0:
        return  # below its last quantum that purse draws on the balance
    assert purse_q > level_q
    settle(before, at_tick)
    purse_q = before.emergency_left_q if before.emergency == Emergency.IN_USE else before.balance_q
    assert purse_q <= level_q


@given(purses, st.integers(0, 50_000_000))
def test_a_payment_is_conserved_and_repays_the_emergency_credit_first(credit: Credit, ueur: int) -> None:
    before = copy(credit)
    repaid_q = pay(credit, ueur)
    assert worth(credit) == worth(before) + ueur * QUANTA_PER_UEUR * 1000
    assert repaid_q == credit.emergency_left_q - before.emergency_left_q
    if credit.balance_q != before.balance_q:
        assert credit.emergency_left_q == credit.emergency_limit_q


E = QUANTA_PER_EUR
# balance, emergency state, left | pays | balance, state, left. Limit 12 EUR.
PAYMENTS = """
 -3 USED_UP 0  |  5 |  -3 USED_UP  5
 -3 USED_UP 0  | 12 |  -3 READY   12
 -3 USED_UP 0  | 20 |   5 READY   12
 -1 IN_USE  9  |  2 |  -1 IN_USE  11
 -1 IN_USE  9  |  3 |  -1 IN_USE  12
 -1 IN_USE  9  | 10 |   6 READY   12
  4 READY  12  | 10 |  14 READY   12
"""


@pytest.mark.parametrize("line", PAYMENTS.strip().splitlines())
def test_where_a_payment_goes(line: str) -> None:
    before, paid, after = (part.split() for part in line.split("|"))
    credit = Credit(int(before[0]) * E, 0, 0, 12 * E, int(before[2]) * E, Emergency[before[1]])
    pay(credit, int(paid[0]) * 1_000_000)
    assert [credit.balance_q // E, credit.emergency.name, credit.emergency_left_q // E] == [
        int(after[0]),
        after[1],
        int(after[2]),
    ]


def test_emergency_credit_starts_once_only_at_zero_and_is_then_drawn_on() -> None:
    credit = Credit(E, 300_000, 0, 12 * E, 12 * E)
    assert not start_emergency(credit)
    credit.balance_q = 0
    assert start_emergency(credit)
    assert not start_emergency(credit)
    assert not has_nothing_left(credit)
    credit.drawn_w = 1000
    assert empty_tick(credit) == 40 * 3_600_000
    settle(credit, Tick(empty_tick(credit)))
    assert has_nothing_left(credit)
    assert credit.balance_q == 0
    assert close_used_up_emergency(credit)
    assert not start_emergency(credit)
