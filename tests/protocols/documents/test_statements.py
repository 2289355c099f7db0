"""Each payment is credited once, on whatever channel, in whatever order, however often it comes."""

from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.documents import statements
from protocols.documents.statements import NO_TOTALS, Statement, Totals, apply_statement, open_epochs
from protocols.limits import ISSUERS_HELD_MAX, REV_MAX, STATEMENT_UEUR_MAX
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
        outcome = apply_statement(totals, each.issuer, each.number, each.total_ueur, epoch=each.epoch)
        assert not isinstance(outcome, Refusal)
        totals, difference_ueur = outcome
        assert difference_ueur >= 0
        credited_ueur += difference_ueur
    return totals, credited_ueur


def opened(totals: Totals = NO_TOTALS, **epochs: int) -> Totals:
    found = open_epochs(totals, epochs)
    assert isinstance(found, Totals)
    return found


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
    assert {(each.issuer, each.total_ueur) for each in totals.held} == {
        (each.issuer, each.total_ueur) for each in last_of_each
    }


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


#   held: number 5, total 20.00, in epoch 2
@pytest.mark.parametrize(
    ("epoch", "number", "total_ueur", "outcome"),
    [
        (2, 6, 35_000_000, 15_000_000),
        (2, 9, 35_000_000, 15_000_000),  # numbers between were lost; the total says it all
        (2, 6, 20_000_000, 0),  # a payment of nothing
        (2, 5, 20_000_000, 0),  # again
        (2, 4, 12_000_000, 0),  # late
        (2, 6, 19_999_999, 0),  # a running total never falls
        (2, 5, 20_000_001, 1),  # one number twice, or a number used up by a thief: the total says it all
        (2, 1, 35_000_000, 15_000_000),
        (2, REV_MAX, 19_999_999, 0),
        (2, 0, 35_000_000, Refusal.OUT_OF_RANGE),
        (2, REV_MAX + 1, 35_000_000, Refusal.OUT_OF_RANGE),
        (2, 6, STATEMENT_UEUR_MAX, STATEMENT_UEUR_MAX - 20_000_000),
        (2, 6, STATEMENT_UEUR_MAX + 1, Refusal.OUT_OF_RANGE),
        (2, 6, -1, Refusal.OUT_OF_RANGE),
        (1, 6, 35_000_000, Refusal.STALE_EPOCH),
        (1, 6, 20_000_000, Refusal.STALE_EPOCH),
        (0, 6, 35_000_000, Refusal.STALE_EPOCH),
        (3, 1, 35_000_000, Refusal.UNKNOWN_ISSUER),
    ],
)
def test_a_statement_against_the_one_held(
    epoch: int, number: int, total_ueur: int, outcome: int | Refusal
) -> None:
    held, _credited = credit([Statement("controller", 5, 20_000_000, 2)], opened(controller=2))
    found = apply_statement(held, "controller", number, total_ueur, epoch=epoch)
    assert (found if isinstance(found, Refusal) else found[1]) == outcome
    if outcome == 0:
        assert found == (held, 0)


def test_an_issuer_without_room_is_refused_and_those_held_go_on() -> None:
    full, _credited = credit([Statement(f"kiosk-{number:02}", 1, 1) for number in range(8)])

    assert apply_statement(full, "kiosk-99", 1, 1, has_room=False) is Refusal.TOO_MANY
    assert not isinstance(apply_statement(full, "kiosk-07", 2, 5, has_room=False), Refusal)
    assert credit([Statement("kiosk-07", 2, 5)], full)[1] == 4
    assert full.of("kiosk-07") == Statement("kiosk-07", 1, 1)
    assert full.of("kiosk-99") is None


STEPS = st.one_of(
    st.builds(
        Statement, st.sampled_from(ISSUERS), st.integers(1, 9), st.integers(0, 50_000_000), st.integers(0, 4)
    ),
    st.dictionaries(st.sampled_from(ISSUERS), st.integers(1, 4)),
)


@given(st.lists(STEPS, max_size=30))
def test_a_closed_epoch_never_credits_and_none_credits_more_than_its_highest_total(
    steps: list[Statement | dict[str, int]],
) -> None:
    totals, credited_ueur = NO_TOTALS, 0
    highest: dict[tuple[str, int], int] = {}
    closed_below: dict[str, int] = {}
    for step in steps:
        if isinstance(step, dict):
            for issuer in step:
                closed_below[issuer] = max(closed_below.get(issuer, 0), step[issuer])
            totals = opened(totals, **step)
            assert totals.credited_ueur == credited_ueur
            # What never credited anything and is not named any more is forgotten.
            closed_below = {each: closed_below[each] for each in closed_below if totals.of(each) is not None}
            continue
        outcome = apply_statement(totals, step.issuer, step.number, step.total_ueur, epoch=step.epoch)
        if isinstance(outcome, Refusal):
            continue
        totals, difference_ueur = outcome
        credited_ueur += difference_ueur
        key = step.issuer, step.epoch
        if difference_ueur:
            highest[key] = max(highest.get(key, 0), step.total_ueur)
            assert step.epoch >= closed_below.get(step.issuer, 0)
        assert credited_ueur == totals.credited_ueur
    assert credited_ueur <= sum(highest.values())
    assert len({(each.issuer, each.epoch) for each in totals.held}) == len(totals.held)


def test_of_more_epochs_than_two_only_the_sum_is_kept() -> None:
    totals = credit([Statement("controller", 7, 30)])[0]
    for epoch in range(1, 4):
        totals = opened(totals, controller=epoch)
        totals, _credited = credit([Statement("controller", 1, 10 * epoch, epoch)], totals)

    assert totals.held == (Statement("controller", 1, 20, 2), Statement("controller", 1, 30, 3))
    assert (totals.closed_ueur, totals.credited_ueur) == (40, 90)
    assert totals.of("controller") == Statement("controller", 1, 30, 3)


def test_an_issuer_that_is_dropped_keeps_its_totals_and_one_that_credited_nothing_is_forgotten() -> None:
    totals = opened(controller=1, kiosk=1, idle=1)
    totals, _credited = credit([Statement("controller", 1, 5, 1), Statement("kiosk", 1, 8, 1)], totals)

    dropped = opened(totals, controller=1)
    assert dropped.held == (Statement("controller", 1, 5, 1), Statement("kiosk", 1, 8, 1))

    again = opened(dropped, controller=1, kiosk=1)
    assert apply_statement(again, "kiosk", 2, 8, epoch=1) == (again, 0)
    assert credit([Statement("kiosk", 2, 9, 1)], again)[1] == 1


def test_issuers_that_one_person_made_known_make_room_and_stay_in_the_sum() -> None:
    junk = [Statement(f"junk-{number:03}", 1, 1 + number) for number in range(ISSUERS_HELD_MAX)]
    totals = opened(credit(junk)[0], controller=1, kiosk=1)

    assert len({each.issuer for each in totals.held}) == ISSUERS_HELD_MAX
    assert totals.of("junk-001") is None
    assert totals.of("junk-002") == junk[2]
    assert totals.credited_ueur == sum(each.total_ueur for each in junk)
    assert apply_statement(totals, "junk-001", 1, 2, epoch=1) is Refusal.UNKNOWN_ISSUER


def test_closed_issuers_make_room_and_come_back_in_a_later_epoch_alone() -> None:
    names = [f"kiosk-{number:03}" for number in range(ISSUERS_HELD_MAX)]
    full = opened(NO_TOTALS, **dict.fromkeys(names, 1))
    full, _credited = credit([Statement(name, 1, 1, 1) for name in names], full)

    assert open_epochs(full, {**dict.fromkeys(names, 1), "controller": 1}) is Refusal.TOO_MANY
    assert opened(full, **dict.fromkeys(names, 2)).credited_ueur == len(names)
    assert opened(full, controller=1, **dict.fromkeys(names[1:], 1)).of(names[0]) is None

    roomy = opened(full, controller=1)
    assert (roomy.closed_epoch, roomy.closed_ueur, roomy.credited_ueur) == (1, 1, len(names))
    assert open_epochs(roomy, {"controller": 1, names[0]: 1}) is Refusal.STALE_REV
    again = opened(roomy, controller=1, **{names[0]: 2})
    assert credit([Statement(names[0], 2, 5, 2)], again)[1] == 5


NAMES = st.sampled_from(["controller", "a", "b", "c", "d"])
DOCUMENTS = st.dictionaries(NAMES, st.integers(1, 4), max_size=3).map(lambda named: ("name", named))
PAID = st.tuples(NAMES, st.integers(1, 4), st.integers(1, 9)).map(lambda paid: ("pay", paid))


@given(st.lists(DOCUMENTS | PAID, max_size=30))
def test_whoever_makes_room_and_comes_back_is_never_credited_twice(
    deeds: list[tuple[str, Any]],
) -> None:
    """Whatever documents come, an issuer credits of each epoch its highest total at most."""
    highest: dict[tuple[str, int], int] = {}
    totals = NO_TOTALS
    with mock.patch.object(statements, "ISSUERS_HELD_MAX", 3):
        for deed, said in deeds:
            if deed == "name":
                found = open_epochs(totals, said)
                if not isinstance(found, Refusal):
                    assert found.credited_ueur == totals.credited_ueur
                    totals = found
                continue
            issuer, epoch, total_ueur = said
            outcome = apply_statement(totals, issuer, 1, total_ueur, epoch=epoch)
            if not isinstance(outcome, Refusal):
                totals = outcome[0]
                key = (issuer, epoch)
                highest[key] = max(highest.get(key, 0), total_ueur)
            assert totals.credited_ueur <= sum(highest.values())
            assert len({each.issuer for each in totals.held}) <= 3
