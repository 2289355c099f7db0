"""Money to the quantum: any way to cut a span in pieces costs the same, and payments go where they should."""

from copy import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.credit import (
    Credit,
    Emergency,
    account_of,
    close_used_up_emergency,
    empty_tick,
    falls_to_tick,
    has_nothing_left,
    opened,
    pay,
    set_prices,
    settle,
    start_emergency,
)
from emulator.firmware.ticks import NEVER, Tick
from protocols.documents.accounts import differences
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


steps = st.lists(
    st.one_of(
        st.tuples(st.just("time"), st.integers(1, 10**8)),
        st.tuples(st.just("pay"), st.integers(0, 30_000_000)),
        st.tuples(st.just("load"), st.sampled_from([0, 1, 777, 12_345])),
        st.tuples(st.just("price"), st.sampled_from([0, 1, 299_999])),
        st.tuples(st.just("help"), st.just(0)),
    ),
    max_size=30,
)


@given(purses, steps, st.integers(0, 10**9))
def test_the_account_gives_the_balance_again_to_the_quantum(
    credit: Credit, steps: list[tuple[str, int]], before_ueur: int
) -> None:
    """Whatever happens after the account was opened, also in a purse that was in use long before."""
    opened(credit, before_ueur)
    paid_ueur = before_ueur
    for name, value in steps:
        settle(credit, Tick(credit.settled_at + (value if name == "time" else 0)))
        if name == "pay":
            pay(credit, value)
            paid_ueur += value
        elif name == "load":
            credit.drawn_w = value
        elif name == "price":
            set_prices(credit, value, 7 * value)
        elif name == "help":
            start_emergency(credit)
        close_used_up_emergency(credit)
        account = account_of(credit)
        assert differences(account) == ()
        assert int(account.credited_q) == paid_ueur * QUANTA_PER_UEUR


@given(purses, st.sampled_from(["balance_q", "emergency_left_q", "credited_q", "consumed_mq", "repaid_q"]))
def test_a_purse_that_differs_from_its_account_is_named(credit: Credit, changed: str) -> None:
    opened(credit)
    # A thousandth of a quantum may be hidden in the rest of a division; a whole one may not.
    setattr(credit, changed, getattr(credit, changed) + (1000 if changed.endswith("_mq") else 1))
    assert differences(account_of(credit))


def test_an_account_is_opened_once() -> None:
    credit = opened(Credit(5 * E, 300_000, 0, 12 * E, 12 * E), 3_000_000)
    pay(credit, 1_000_000)
    again = copy(credit)
    assert opened(again, 9_000_000) == credit
    assert credit.start_q == 2 * E
