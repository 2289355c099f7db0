"""A move is recorded after the next household has come: what is that one's stays; drafts of before end."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from controller.connections.leavers_refund import leavers_refund
from controller.connections.moving import list_tenancies
from controller.connections.rules import RefundStage
from controller.connections.working import WorkState
from controller.database.campaign_tables import ContactRow
from controller.database.engine import reading, writing
from controller.database.tables import DeliveryRow, OrderRow
from controller.debts.acts import set_debt
from controller.households.acts import set_household_flag
from controller.moratoriums.acts import declare
from controller.office.audit import recent
from controller.orders import acts as order_acts
from controller.orders.life import DeliveryState, OrderState
from controller.parameters.acts import set_parameters
from controller.refunds.acts import refund_out_of
from protocols.documents.bodies import DebtBody, ParametersBody
from protocols.documents.orders import Scope
from protocols.instants import DAY_MS, HOUR_MS, iso_from_ms
from protocols.reasons import FlagName, PaymentMode
from tests.controller.connections.bench import DORA, ERIC, EUR, NOW_MS, account, act_of, replaced, reports
from tests.controller.connections.test_after_a_move import DEBT, HEADS, leave, protecting, signed
from tests.controller.connections.test_work_lists import done as worked
from tests.controller.households.households import ean, stored

# When they left, and when something was ordered: for them, or for who came.
LEFT_MS = NOW_MS - DAY_MS
THEIRS_MS, NEXT_MS = LEFT_MS - HOUR_MS, LEFT_MS + HOUR_MS


def state_of(engine: Engine, order: str) -> str:
    with reading(engine) as session:
        return session.get_one(OrderRow, order).state


@pytest.mark.parametrize("at_ms", [THEIRS_MS, LEFT_MS, NEXT_MS])
def test_protection_of_the_next_household_stays_and_is_named(peopled: Engine, at_ms: int) -> None:
    with act_of(peopled, now_ms=at_ms) as act:
        orders = [
            set_household_flag(act, "m1", FlagName.MEDICAL).order,
            declare(act, "own", at_ms, NOW_MS + 9 * DAY_MS, Scope(meters=("m1",))).order,
        ]
    moved = leave(peopled, on_ms=LEFT_MS)
    names = [f"{order.id} {order.object}" for order in orders]
    if at_ms > LEFT_MS:
        assert (moved.drafts, list(moved.kept)) == ((), names)
    else:
        assert ([each.order.object for each in moved.drafts], moved.kept) == (
            ["flag/medical", "hold/own"],
            (),
        )


def test_a_flag_that_was_set_again_after_the_move_stays(peopled: Engine) -> None:
    for at_ms in (THEIRS_MS, NEXT_MS):
        with act_of(peopled, now_ms=at_ms) as act:
            set_household_flag(act, "m1", FlagName.MEDICAL)
    moved = leave(peopled, on_ms=LEFT_MS)
    assert (moved.drafts, len(moved.kept)) == ((), 1)
    assert protecting(peopled, "m1") == {"flag/medical"}


@pytest.mark.parametrize("at_ms", [THEIRS_MS, NEXT_MS])
def test_a_debt_and_a_mode_of_the_next_household_stay(peopled: Engine, at_ms: int) -> None:
    with act_of(peopled, DORA, at_ms) as act:
        mode = ParametersBody(at_ms, PaymentMode.CREDIT, ("a",))
        orders = [set_debt(act, "m1", DEBT).order, set_parameters(act, "m1", mode).order]
    signed(peopled, *(order.id for order in orders), now_ms=at_ms)
    moved = leave(peopled, on_ms=LEFT_MS)
    found = len(moved.drafts), len(moved.kept)
    assert found == ((0, 2) if at_ms > LEFT_MS else (2, 0))


def test_a_debt_that_was_only_carried_over_after_the_move_is_the_leavers(peopled: Engine) -> None:
    with act_of(peopled, DORA, THEIRS_MS) as act:
        order = set_debt(act, "m1", DEBT).order.id
    signed(peopled, order, now_ms=THEIRS_MS)
    reports(peopled, "m1", 0, account(0, 0, debt=100 * EUR))
    (draft,) = replaced(peopled).carried.drafts
    # Anna may only protect.
    signed(peopled, draft.order.id, by=(DORA, ERIC))
    moved = leave(peopled, "m9", LEFT_MS)
    assert ([each.order.object for each in moved.drafts], moved.kept) == (["debt/m9"], ())


# -- drafts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_ms", [THEIRS_MS, NEXT_MS])
def test_drafts_of_before_the_move_are_withdrawn_and_later_ones_named(peopled: Engine, at_ms: int) -> None:
    with act_of(peopled, DORA, at_ms) as act:
        draft = set_debt(act, "m1", DebtBody(80 * EUR, 200)).order.id
    moved = leave(peopled, on_ms=LEFT_MS)
    theirs = at_ms <= LEFT_MS
    named = (f"{draft} debt/m1",)
    assert (moved.withdrawn, moved.kept) == ((named, ()) if theirs else ((), named))
    assert state_of(peopled, draft) == (OrderState.WITHDRAWN if theirs else OrderState.DRAFT)


def test_a_refund_that_waits_is_not_withdrawn(peopled: Engine) -> None:
    reports(peopled, "m1", 5 * EUR)
    with act_of(peopled, DORA, THEIRS_MS) as act:
        waits = refund_out_of(act, "m1", EUR).order.id
    moved = leave(peopled, on_ms=LEFT_MS)
    assert (moved.withdrawn, moved.kept, moved.refund_waits) == ((), (), waits)
    assert state_of(peopled, waits) == OrderState.DRAFT


# -- the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("told_ms", "kept"), [(None, False), (LEFT_MS, False), (NEXT_MS, True)])
def test_how_the_next_household_is_written_to_stays(
    peopled: Engine, told_ms: int | None, *, kept: bool
) -> None:
    with writing(peopled) as session:
        session.add(ContactRow(ean=ean(1), name="Next", told_ms=told_ms))
    assert leave(peopled, on_ms=LEFT_MS).contact_kept == kept
    with reading(peopled) as session:
        assert (session.get(ContactRow, ean(1)) is not None) == kept


def test_what_is_taken_out_of_the_file_is_named(peopled: Engine) -> None:
    moved = leave(peopled, on_ms=LEFT_MS)
    assert moved.cleared == ("category ordinary", "language fr", "flags medical")
    assert "flags" not in stored(peopled)[ean(1)]
    assert leave(peopled, on_ms=NOW_MS).cleared == ()


# -- the same move again --------------------------------------------------------------------------


def audited(engine: Engine) -> int:
    with reading(engine) as session:
        return recent(session, 1)[0].number


@pytest.mark.parametrize("name", ["m1", ean(1)])
def test_the_same_move_again_changes_nothing_and_names_what_waits(peopled: Engine, name: str) -> None:
    reports(peopled, "m1", 5 * EUR)
    with act_of(peopled, now_ms=THEIRS_MS) as act:
        set_household_flag(act, "m1", FlagName.MEDICAL)
    first = leave(peopled, on_ms=LEFT_MS)
    before = audited(peopled), stored(peopled)
    again = leave(peopled, name, LEFT_MS, NOW_MS + DAY_MS)
    assert (again.new, again.tenancy, again.owed) == (False, first.tenancy, None)
    assert [each.order.id for each in again.drafts] == [each.order.id for each in first.drafts]
    assert (audited(peopled), stored(peopled)) == before
    signed(peopled, first.drafts[0].order.id)
    assert len(leave(peopled, name, LEFT_MS).drafts) == 1
    done = replaced(peopled)
    waits = [each.order.object for each in leave(peopled, name, LEFT_MS).drafts]
    assert waits == [each.order.object for each in done.carried.drafts] == ["refund/m9"]


def test_a_list_that_is_given_again_sums_up_what_it_does_alone(peopled: Engine) -> None:
    reports(peopled, "m1", 5 * EUR)
    rows = (HEADS, f"move-out,,m1,,{iso_from_ms(LEFT_MS)},,", "remove,,m7,,,,")
    reports(peopled, "m7", 2 * EUR)
    assert [each.owed_ueur for each in worked(peopled, *rows)] == [5 * EUR, 2 * EUR]
    assert [(each.state, each.owed_ueur) for each in worked(peopled, *rows)] == [(WorkState.BEFORE, 0)] * 2


# -- how far the refund has come ------------------------------------------------------------------


def stage(engine: Engine) -> tuple[str, str] | None:
    with reading(engine) as session:
        (left,) = list_tenancies(session, ean(1))
        found = leavers_refund(session, left)
    return None if found is None else (found.meter, found.stage)


def answered(engine: Engine, state: DeliveryState) -> None:
    with writing(engine) as session:
        for row in session.exec(select(DeliveryRow)):
            row.state = state
            session.add(row)


def test_what_became_of_the_leavers_refund_is_told(peopled: Engine) -> None:
    reports(peopled, "m1", 5 * EUR)
    (draft,) = leave(peopled).drafts
    assert stage(peopled) == ("m1", RefundStage.WAITS)
    signed(peopled, draft.order.id)
    assert stage(peopled) == ("m1", RefundStage.SENT)
    answered(peopled, DeliveryState.REFUSED)
    assert stage(peopled) == ("m1", RefundStage.REFUSED)
    answered(peopled, DeliveryState.EFFECTIVE)
    assert stage(peopled) == ("m1", RefundStage.OUT)


def test_the_refund_is_followed_to_the_meter_in_the_place_of_that_one(peopled: Engine) -> None:
    reports(peopled, "m1", 5 * EUR)
    leave(peopled)
    (draft,) = replaced(peopled).carried.drafts
    assert stage(peopled) == ("m9", RefundStage.WAITS)
    with act_of(peopled, DORA) as act:
        order_acts.withdraw(act, draft.order.id)
    assert stage(peopled) == ("m9", RefundStage.ENDED)


def test_a_move_without_money_has_no_refund(peopled: Engine) -> None:
    leave(peopled)
    assert stage(peopled) is None
