"""Each payment is credited once, on whatever channel, in whatever order, however often it comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.documents.statements import NO_TOTALS, Statement, Totals, apply_statement
from protocols.limits import REV_MAX, STATEMENT_UEUR_MAX
from protocols.reasons import Refusal

ISSUERS = ("controller", "kiosk-namur", "kiosk-liege")


def statements_of(payments_ueur: list[tuple[str, int]]) -> list[Statement]:
    """The statements that honest issuers write for these payments."""
    written: dict[str, Statement] = {}
    all_of_them = []
    for issuer, ueur in payments_ueur:
        last = written.get(issuer, Statement(issuer, 0, 0))
        written[issuer] = Statement(issuer, last.number + 1, last.total_ueur + ueur)
        all_of_them.append(written[issuer])
    return all_of_them


def credit(told: list[Statement], totals: Totals = NO_TOTALS) -> tuple[Totals, int]:
    credited_ueur = 0
    for each in told:
        outcome = apply_statement(totals, each.issuer, each.number, each.total_ueur)
        assert not isinstance(outcome, Refusal)
        totals, difference_ueur = outcome
        assert difference_ueur >= 0
        credited_ueur += difference_ueur
    return totals, credited_ueur


@given(
    data=st.data(),
    payments_ueur=st.lists(st.tuples(st.sampled_from(ISSUERS), st.integers(0, 50_000_000)), max_size=20),
)
def test_any_order_repetition_and_loss_but_of_the_last_credit_the_sum_of_payments(
    data: st.DataObject, payments_ueur: list[tuple[str, int]]
) -> None:
    written = statements_of(payments_ueur)
    last_of_each = list({each.issuer: each for each in written}.values())
    some = data.draw(st.lists(st.sampled_from(written), max_size=30)) if written else []
    told = data.draw(st.permutations([*last_of_each, *some]))

    totals, credited_ueur = credit(told)

    assert credited_ueur == totals.credited_ueur == sum(ueur for _issuer, ueur in payments_ueur)
    assert set(totals.held) == set(last_of_each)


@given(
    told=st.lists(st.builds(Statement, st.sampled_from(ISSUERS), st.integers(), st.integers()), max_size=20)
)
def test_whatever_an_issuer_writes_no_credit_is_ever_taken_back_or_made_up(told: list[Statement]) -> None:
    totals, credited_ueur = NO_TOTALS, 0
    for each in told:
        outcome = apply_statement(totals, each.issuer, each.number, each.total_ueur)
        if isinstance(outcome, Refusal):
            continue
        totals, difference_ueur = outcome
        assert difference_ueur >= 0
        credited_ueur += difference_ueur
    assert credited_ueur == totals.credited_ueur


#   held: number 5, total 20.00
@pytest.mark.parametrize(
    ("number", "total_ueur", "outcome"),
    [
        (6, 35_000_000, 15_000_000),
        (9, 35_000_000, 15_000_000),  # numbers between were lost; the total says it all
        (6, 20_000_000, 0),  # a payment of nothing is a number used up
        (5, 20_000_000, 0),  # again
        (4, 12_000_000, 0),  # late
        (4, 20_000_000, 0),
        (6, 19_999_999, Refusal.OUT_OF_RANGE),  # a running total never falls
        (5, 20_000_001, Refusal.OUT_OF_RANGE),  # one number, one total
        (5, 19_999_999, Refusal.OUT_OF_RANGE),
        (4, 20_000_001, Refusal.OUT_OF_RANGE),  # less was paid later than earlier
        (0, 0, Refusal.OUT_OF_RANGE),
        (REV_MAX + 1, 35_000_000, Refusal.OUT_OF_RANGE),
        (6, STATEMENT_UEUR_MAX, STATEMENT_UEUR_MAX - 20_000_000),
        (6, STATEMENT_UEUR_MAX + 1, Refusal.OUT_OF_RANGE),
        (6, -1, Refusal.OUT_OF_RANGE),
    ],
)
def test_a_statement_against_the_one_held(number: int, total_ueur: int, outcome: int | Refusal) -> None:
    held, _credited = credit([Statement("controller", 5, 20_000_000)])
    found = apply_statement(held, "controller", number, total_ueur)
    assert (found if isinstance(found, Refusal) else found[1]) == outcome
    if outcome == 0 and number <= 5:
        assert found == (held, 0)


def test_an_issuer_without_room_is_refused_and_those_held_go_on() -> None:
    full, _credited = credit([Statement(f"kiosk-{number:02}", 1, 1) for number in range(8)])

    assert apply_statement(full, "kiosk-99", 1, 1, has_room=False) is Refusal.TOO_MANY
    assert not isinstance(apply_statement(full, "kiosk-07", 2, 5, has_room=False), Refusal)
    assert credit([Statement("kiosk-07", 2, 5)], full)[1] == 4
    assert full.of("kiosk-07") == Statement("kiosk-07", 1, 1)
    assert full.of("kiosk-99") is None
