"""What is owed to a household that leaves: all that was paid and is not used, once; nothing lent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from controller.connections.rules import Owed, PurseKnown, owed_to_leaver, worth_ueur
from controller.database.engine import reading, writing
from controller.database.tables import PaymentRequestRow
from controller.exchange.purses import PursesHeard
from controller.office.audit import recent
from controller.payments.acts import top_up
from controller.payments.requests import RequestState
from controller.refunds.acts import refund_out_of
from protocols.documents.bodies import RefundBody
from protocols.documents.orders import body_of
from protocols.instants import DAY_MS, iso_from_ms
from tests.controller.connections.bench import (
    DORA,
    EUR,
    NOW_MS,
    RealMeter,
    account,
    act_of,
    book_all,
    pay,
    replaced,
    reports,
)
from tests.controller.connections.test_after_a_move import HEADS, leave
from tests.controller.connections.test_work_lists import done as worked
from tests.controller.households.households import ean

SUMS = st.integers(0, 20 * EUR)


@given(st.one_of(st.none(), st.integers(-9 * EUR, 20 * EUR)), SUMS, SUMS, SUMS, SUMS, SUMS)
def test_nobody_is_told_more_than_the_purse_is_worth_without_what_others_were_told(
    balance: int | None, lent: int, coming: int, asked: int, leaving: int, claimed: int
) -> None:
    purse = PurseKnown(
        balance_ueur=balance,
        lent_ueur=lent,
        paid_ueur=coming,
        asked_ueur=asked,
        ordered_ueur=leaving,
        claimed_ueur=claimed,
    )
    owed, worth = owed_to_leaver(purse), worth_ueur(purse)
    assert 0 <= owed.coming_ueur <= coming + asked
    if worth is None or balance is None:
        assert owed == Owed(None, max(coming + asked - claimed, 0))
    elif balance - lent - leaving >= 0:
        assert owed.all_ueur == max(worth - claimed, 0)
    else:
        assert owed.purse_ueur == balance - lent - leaving


def test_emergency_credit_is_owed_to_nobody(peopled: Engine) -> None:
    reports(peopled, "m1", 2 * EUR, account(2 * EUR, 0, lent=5 * EUR))
    assert leave(peopled).owed == Owed(-3 * EUR, 0)


def test_the_same_money_is_told_to_one_leaver(peopled: Engine) -> None:
    reports(peopled, "m1", 10_790_000)
    moves = [leave(peopled, on_ms=NOW_MS - hours) for hours in (3, 2, 1)]
    assert [each.owed for each in moves] == [Owed(10_790_000, 0), Owed(0, 0), Owed(0, 0)]
    first = moves[0].drafts[0].order.id
    assert [each.refund_waits for each in moves] == [None, first, first]
    reports(peopled, "m1", 12 * EUR)
    assert leave(peopled, on_ms=NOW_MS).owed == Owed(1_210_000, 0)


def test_a_list_sums_up_what_is_owed_and_not_what_is_on_purses(peopled: Engine) -> None:
    reports(peopled, "m1", 7 * EUR, account(7 * EUR, 0, lent=5 * EUR))
    (row,) = worked(peopled, HEADS, f"move-out,,m1,,{iso_from_ms(NOW_MS)},,")
    assert row.owed_ueur == 2 * EUR


# -- on its way -----------------------------------------------------------------------------------


def test_what_was_carried_over_and_is_not_booked_is_owed_to_who_leaves(peopled: Engine) -> None:
    reports(peopled, "m1", 6_710_000)
    replaced(peopled)
    moved = leave(peopled, "m9", NOW_MS)
    assert (moved.owed, moved.drafts) == (Owed(None, 6_710_000), ())
    with reading(peopled) as session:
        (told,) = [entry.act.detail for entry in recent(session) if entry.act.act == "move_out"]
    assert (told["owed_ueur"], told["coming_ueur"]) == (None, 6_710_000)


@pytest.mark.parametrize("booked", [False, True])
def test_a_payment_is_owed_whether_the_service_has_booked_it_or_not(peopled: Engine, *, booked: bool) -> None:
    reports(peopled, "m1", EUR)
    pay(peopled, "p1", "m1", 9 * EUR)
    if booked:
        purses = PursesHeard()
        RealMeter("m1").is_heard(purses)
        book_all(peopled, purses)
    moved = leave(peopled, on_ms=NOW_MS)
    assert moved.owed == Owed(EUR, 9 * EUR)
    (draft,) = moved.drafts
    assert body_of(draft.order, RefundBody).total_ueur == EUR, "what has not come cannot be taken out"


def test_a_forged_request_is_owed_to_nobody(peopled: Engine) -> None:
    pay(peopled, "p1", "m1", 2 * EUR)
    with writing(peopled) as session:
        row = session.get_one(PaymentRequestRow, "p1")
        row.amount_ueur = 90 * EUR
        session.add(row)
    assert leave(peopled, on_ms=NOW_MS).owed == Owed(None, 0)


def test_money_that_was_found_answers_what_was_taken_before(peopled: Engine) -> None:
    """The meter holds 5 of the 9 EUR: only the others are on their way."""
    RealMeter("m1", credited_ueur=5 * EUR).is_heard(purses := PursesHeard())
    book_all(peopled, purses)
    reports(peopled, "m1", 5 * EUR, account(5 * EUR, 5 * EUR))
    with act_of(peopled) as act:
        top_up(act, "p1", "m1", 9 * EUR, again=True)
    with reading(peopled) as session:
        assert session.get_one(PaymentRequestRow, "p1").state == RequestState.AGAIN
    assert leave(peopled, on_ms=NOW_MS).owed == Owed(5 * EUR, 4 * EUR)


def test_what_waits_for_an_earlier_leaver_comes_off_what_is_on_its_way(peopled: Engine) -> None:
    """The refund waits at the new meter, and its money has not come: it is nobody else's."""
    reports(peopled, "m1", 10 * EUR)
    leave(peopled)
    replaced(peopled)
    pay(peopled, "p1", "m9", 3 * EUR)
    assert leave(peopled, "m9", NOW_MS).owed == Owed(None, 3 * EUR)


def test_a_refund_of_before_is_not_told_twice(peopled: Engine) -> None:
    reports(peopled, "m1", 5 * EUR)
    with act_of(peopled, DORA, NOW_MS - 2 * DAY_MS) as act:
        waits = refund_out_of(act, "m1", EUR).order.id
    moved = leave(peopled)
    assert (moved.owed, moved.refund_waits, moved.drafts) == (Owed(4 * EUR, 0), waits, ())
    assert moved.tenancy.ean == ean(1)
