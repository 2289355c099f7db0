"""A household left, nobody has signed, and its meter is replaced or removed: nothing is lost or doubled."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from controller.connections.moving import MovedOut, move_out
from controller.connections.working import still_wait
from controller.database.engine import reading, writing
from controller.database.tables import DeliveryRow, OrderRow, PaymentRequestRow
from controller.debts.acts import set_debt
from controller.households.acts import set_household_flag
from controller.moratoriums.acts import declare
from controller.office.people import Actor
from controller.orders import acts as order_acts
from controller.orders.active import standing_orders
from controller.orders.life import DeliveryState, OrderState
from controller.orders.standing import standing_of
from controller.parameters.acts import set_parameters
from controller.payments.requests import RequestState
from protocols.documents.bodies import DebtBody, ParametersBody, RefundBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, Scope, body_of
from protocols.instants import DAY_MS, HOUR_MS, iso_from_ms
from protocols.reasons import FlagName, PaymentMode
from tests.controller.connections.bench import (
    DORA,
    ERIC,
    EUR,
    NOW_MS,
    account,
    act_of,
    replaced,
    reports,
)
from tests.controller.connections.test_work_lists import done as worked
from tests.controller.households.households import ean

LEFT_MS = NOW_MS - HOUR_MS
BEFORE_MS = NOW_MS - 2 * DAY_MS
DEBT = DebtBody(100 * EUR, 350, 5 * EUR, 9 * EUR, 30)


def leave(engine: Engine, name: str = "m1", on_ms: int = LEFT_MS, now_ms: int = NOW_MS) -> MovedOut:
    with act_of(engine, DORA, now_ms) as act:
        return move_out(act, name, on_ms)


def signed(engine: Engine, *orders: str, by: Sequence[Actor] = (ERIC,), now_ms: int = NOW_MS) -> None:
    for order in orders:
        for actor in by:
            with act_of(engine, actor, now_ms) as act:
                order_acts.sign(act, order)


def state_of(engine: Engine, order: str) -> str:
    with reading(engine) as session:
        return session.get_one(OrderRow, order).state


def protecting(engine: Engine, meter: str) -> frozenset[str]:
    with reading(engine) as session:
        return standing_of(standing_orders(session, (meter,)).get(meter, []), NOW_MS).protecting


def of_kind(orders: list[Order], kind: Kind) -> list[Order]:
    return [each for each in orders if each.kind is kind]


# -- replaced -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "refund"), [(10_790_000, 10_790_000), (30 * EUR, 10_790_000), (8_009_000, 8_000_000), (0, None)]
)
def test_a_refund_that_nobody_has_signed_waits_for_the_new_meter_with_the_money(
    peopled: Engine, now: int, refund: int | None
) -> None:
    reports(peopled, "m1", 10_790_000)
    (before,) = leave(peopled).drafts
    reports(peopled, "m1", now)
    done = replaced(peopled)
    assert (done.retired.worth_ueur, done.carried.refund_ueur) == (now, refund or 0)
    assert state_of(peopled, before.order.id) == OrderState.WITHDRAWN
    if refund is None:
        assert (done.carried.drafts, done.carried.left) == ((), (f"{before.order.id} refund/m1",))
        return
    (draft,) = done.carried.drafts
    assert (draft.state, draft.order.object) == (OrderState.DRAFT, "refund/m9")
    assert body_of(draft.order, RefundBody).total_ueur == refund
    assert done.carried.again == (f"{before.order.id} as {draft.order.id}",)
    assert done.carried.left == ()


def test_a_refund_that_was_signed_is_not_drafted_again(peopled: Engine) -> None:
    reports(peopled, "m1", 10_790_000)
    (before,) = leave(peopled).drafts
    signed(peopled, before.order.id)
    done = replaced(peopled)
    assert (done.retired.worth_ueur, done.carried.drafts, done.carried.again) == (0, (), ())


def test_the_end_of_what_protects_waits_for_the_new_meter_too(peopled: Engine) -> None:
    reports(peopled, "m1", 0)
    with act_of(peopled, now_ms=BEFORE_MS) as act:
        set_household_flag(act, "m1", FlagName.MEDICAL)
        declare(act, "own", BEFORE_MS, NOW_MS + 9 * DAY_MS, Scope(meters=("m1",)))
        declare(act, "two", BEFORE_MS, NOW_MS + 9 * DAY_MS, Scope(meters=("m1", "m7")))
    leave(peopled)
    done = replaced(peopled)
    assert protecting(peopled, "m9") == {"flag/medical", "hold/own", "hold/two"}, "one person has signed"
    assert (len(done.carried.again), done.carried.left) == (2, ())
    # Anna, who replaces it, may only protect.
    signed(peopled, *(each.order.id for each in done.carried.drafts), by=(DORA, ERIC))
    assert protecting(peopled, "m9") == {"hold/two"}, "nobody has drafted the end of that one"


@pytest.mark.parametrize("ends", [False, True])
def test_a_leavers_debt_takes_no_share_and_its_mode_ends_whether_two_have_signed_it_or_not(
    peopled: Engine, *, ends: bool
) -> None:
    with act_of(peopled, DORA, BEFORE_MS) as act:
        mode = ParametersBody(BEFORE_MS, PaymentMode.CREDIT, ("a",))
        orders = [set_debt(act, "m1", DEBT).order.id, set_parameters(act, "m1", mode).order.id]
    signed(peopled, *orders, now_ms=BEFORE_MS)
    with act_of(peopled) as act:
        for row in act.session.exec(select(DeliveryRow)):
            row.state = DeliveryState.STORED
            act.session.add(row)
    reports(peopled, "m1", 0, account(0, 30 * EUR, debt=100 * EUR, recovered=30 * EUR))
    moved = leave(peopled)
    if ends:
        signed(peopled, *(each.order.id for each in moved.drafts))
    drafts = [each.order for each in replaced(peopled).carried.drafts]
    (debt,) = [body_of(each, DebtBody) for each in of_kind(drafts, Kind.DEBT)]
    assert (debt.total_ueur, debt.share_permille) == (70 * EUR, 0)
    (terms,) = [body_of(each, ParametersBody) for each in of_kind(drafts, Kind.PARAMETERS)]
    assert (terms.mode, terms.groups) == (None, ("a",))


def test_a_debt_of_the_next_household_keeps_its_share(peopled: Engine) -> None:
    reports(peopled, "m1", 0, account(0, 0, debt=100 * EUR))
    leave(peopled, on_ms=NOW_MS - 3 * DAY_MS, now_ms=NOW_MS - 3 * DAY_MS)
    with act_of(peopled, DORA, BEFORE_MS) as act:
        order = set_debt(act, "m1", DEBT).order.id
    signed(peopled, order, now_ms=BEFORE_MS)
    (draft,) = replaced(peopled).carried.drafts
    assert body_of(draft.order, DebtBody) == DEBT


def test_a_second_replacement_of_the_same_night_loses_nothing(peopled: Engine) -> None:
    reports(peopled, "m1", 5 * EUR)
    with act_of(peopled, now_ms=BEFORE_MS) as act:
        set_household_flag(act, "m1", FlagName.MEDICAL)
    leave(peopled)
    replaced(peopled)
    reports(peopled, "m9", 5 * EUR)
    with writing(peopled) as session:
        # What was carried over has come.
        row = session.get_one(PaymentRequestRow, "carried.1")
        row.state = RequestState.FOUND
        session.add(row)
    done = replaced(peopled, "m10", old="m9")
    assert {each.order.object for each in done.carried.drafts} == {"flag/medical", "refund/m10"}


# -- a list ---------------------------------------------------------------------------------------

HEADS = "do,ean,meter,new,on,balance_eur,basis"
MOVE = f"move-out,,m1,,{iso_from_ms(LEFT_MS)},,"


@pytest.mark.parametrize("then", [f"replace,{ean(1)},m1,n1,,,", "remove,,m1,,,,"])
def test_a_list_counts_money_once_and_names_what_it_has_ended(peopled: Engine, then: str) -> None:
    reports(peopled, "m1", 10_790_000)
    rows = worked(peopled, HEADS, MOVE, then)
    assert [each.why for each in rows] == ["", ""]
    assert sum(each.owed_ueur for each in rows) == 10_790_000
    assert sum(each.carried_ueur for each in rows) == 0
    first = rows[0].drafts[0].order.id
    assert first in rows[1].ended[0]
    waits = [status.order.object for status in still_wait(rows)]
    assert waits == (["refund/n1"] if "replace" in then else [])
    for status in still_wait(rows):
        assert state_of(peopled, status.order.id) == OrderState.DRAFT
