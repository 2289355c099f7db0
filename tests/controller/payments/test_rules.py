"""The ledger accounts for every cent, and finds what violates that."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from controller.payments.rules import Payment, discrepancies, next_statement, purse_findings
from protocols.documents.accounts import Account, RegisterSum
from protocols.documents.statements import NO_TOTALS, Statement, Totals, apply_statement
from protocols.errors import InputError
from protocols.limits import STATEMENT_UEUR_MAX
from protocols.units import QUANTA_PER_UEUR

AMOUNTS = st.lists(
    st.tuples(st.sampled_from(["m1", "m2"]), st.sampled_from(["controller", "kiosk"]), st.integers(1, 10**9)),
    max_size=20,
)


def book(amounts: list[tuple[str, str, int]]) -> list[Payment]:
    last: dict[tuple[str, str], Statement] = {}
    booked = []
    for index, (meter, issuer, amount_ueur) in enumerate(amounts):
        made = last[meter, issuer] = next_statement(last.get((meter, issuer)), issuer, amount_ueur)
        booked.append(
            Payment(
                id=f"p{index}",
                meter=meter,
                issuer=issuer,
                amount_ueur=amount_ueur,
                number=made.number,
                total_ueur=made.total_ueur,
            )
        )
    return booked


@given(AMOUNTS, st.randoms(use_true_random=False))
def test_what_a_meter_is_credited_is_what_was_paid_in_any_order_with_any_repetition(
    amounts: list[tuple[str, str, int]], chance: "object"
) -> None:
    booked = book(amounts)
    assert discrepancies(booked) == []
    sent = booked + booked
    chance.shuffle(sent)  # type: ignore[attr-defined] # hypothesis gives a random.Random
    for meter in ("m1", "m2"):
        totals: Totals = NO_TOTALS
        credited_ueur = 0
        for each in sent:
            if each.meter == meter:
                outcome = apply_statement(totals, each.issuer, each.number, each.total_ueur)
                assert isinstance(outcome, tuple)
                totals, difference_ueur = outcome
                credited_ueur += difference_ueur
        assert credited_ueur == sum(amount for who, _, amount in amounts if who == meter)


@given(AMOUNTS.filter(bool), st.data())
def test_a_payment_that_is_lost_changed_or_doubled_is_found(
    amounts: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    booked = book(amounts)
    index = data.draw(st.integers(0, len(booked) - 1))
    broken = data.draw(
        st.sampled_from(
            [
                [
                    *booked[:index],
                    replace(booked[index], amount_ueur=booked[index].amount_ueur + 1),
                    *booked[index + 1 :],
                ],
                [*booked, replace(booked[index], id="again")],
                [
                    *booked[:index],
                    replace(booked[index], number=0),
                    *booked[index + 1 :],
                ],
            ]
        )
    )
    assert discrepancies(broken)


@pytest.mark.parametrize("amount_ueur", [0, -1, STATEMENT_UEUR_MAX])
def test_an_amount_out_of_range_is_refused(amount_ueur: int) -> None:
    with pytest.raises(InputError, match="allowed: more than 0"):
        next_statement(Statement("controller", 1, 1), "controller", amount_ueur)


E: Final = QUANTA_PER_UEUR * 1_000_000


def account(credited_eur: int, balance_eur: int, owed_eur: int = 0) -> Account:
    """An account that began with nothing and has consumed nothing."""
    return Account(
        start_q="0",
        credited_q=str(credited_eur * E),
        consumed_mq="0",
        fixed_mq="0",
        lent_q=str(owed_eur * E),
        repaid_q="0",
        balance_q=str(balance_eur * E),
        owed_q=str(owed_eur * E),
    )


@pytest.mark.parametrize(
    ("said", "confirmed_eur", "paid_eur", "faults"),
    [
        (account(20, 20), 20, 20, ()),
        # Paid, and still on its way.
        (account(20, 20), 20, 50, ()),
        (account(50, 50), 20, 50, ()),
        # It holds money that nobody paid here; it confirmed more than it has; it forgot how it began.
        (account(70, 70), 20, 50, (("ledger", 50, 70),)),
        (account(0, 0), 20, 50, (("ledger", 20, 0),)),
        (account(20, 19), 20, 20, (("balance", 20, 19),)),
        (replace(account(20, 20), owed_q=str(5 * E)), 20, 20, (("emergency", 0, 5),)),
        (account(20, 25, owed_eur=5), 20, 20, ()),
        # Of 20 EUR five went to a debt, and two were refunded.
        (
            replace(account(20, 13), recovered_q=str(5 * E), debt_set_q=str(5 * E), refunded_q=str(2 * E)),
            20,
            20,
            (),
        ),
        (replace(account(20, 20), debt_set_q=str(5 * E)), 20, 20, (("debt", 5, 0),)),
        (
            replace(account(20, 20), registers=(RegisterSum("1-0:1.8.1", "0", str(3_000 * E)),)),
            *(20, 20),
            (("registers", 0, 3),),
        ),
    ],
)
def test_a_purse_is_compared_with_its_account_and_the_ledger(
    said: Account, confirmed_eur: int, paid_eur: int, faults: tuple[tuple[str, int, int], ...]
) -> None:
    found = purse_findings("m1", said, confirmed_eur * 1_000_000, paid_eur * 1_000_000)
    assert tuple((each.fault.value, each.expected_q // E, each.found_q // E) for each in found) == faults
