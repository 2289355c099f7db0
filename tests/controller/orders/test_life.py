"""The state tables: total, without a way out of a final state; a delivery refuses no event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.orders.life import (
    DELIVERY_LIFE,
    ENDED_ORDERS,
    HELD_DELIVERIES,
    ORDER_LIFE,
    DeliveryEvent,
    DeliveryState,
    OrderEvent,
    OrderState,
    reads_back,
    step_delivery,
    step_order,
)
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.errors import InputError
from protocols.reasons import Supply

ORDER_EVENTS = st.lists(st.sampled_from(OrderEvent), max_size=12)
DELIVERY_EVENTS = st.lists(st.sampled_from(DeliveryEvent), max_size=12)


def test_both_tables_are_total() -> None:
    assert set(ORDER_LIFE) == {(state, event) for state in OrderState for event in OrderEvent}
    assert set(DELIVERY_LIFE) == {(state, event) for state in DeliveryState for event in DeliveryEvent}


def test_only_a_kind_that_is_revivable_may_be_active_after_it_has_expired() -> None:
    """Protection is: `revive` leads out of `expired`, and only there. Both change together."""
    leads_out = any(ORDER_LIFE[OrderState.EXPIRED, event] is not None for event in OrderEvent)
    assert leads_out is any(rule.revivable for rule in KINDS.values())


def test_each_event_of_a_delivery_leads_to_one_state() -> None:
    """So one UPDATE can change many deliveries: `deliveries.step_where` relies on this."""
    for event in DeliveryEvent:
        assert len({DELIVERY_LIFE[s, event] for s in DeliveryState if DELIVERY_LIFE[s, event] is not s}) == 1


@given(ORDER_EVENTS)
def test_no_order_is_active_without_approval_and_no_final_state_is_left(events: list[OrderEvent]) -> None:
    state, approved = OrderState.DRAFT, False
    for event in events:
        before = state
        try:
            state = step_order(state, event)
        except InputError as refused:
            assert f"order is {before}: cannot {event} it" in str(refused)  # noqa: PT017 # half the pairs refuse
            continue
        assert before not in ENDED_ORDERS or (before, event) == (OrderState.EXPIRED, OrderEvent.REVIVE)
        approved = approved or event is OrderEvent.APPROVE
        assert state is not OrderState.ACTIVE or approved


@given(DELIVERY_EVENTS)
def test_a_delivery_is_stored_only_by_the_meter_and_effective_only_after_that(
    events: list[DeliveryEvent],
) -> None:
    state, confirmed = DeliveryState.QUEUED, False
    for event in events:
        if event is DeliveryEvent.QUEUE:
            confirmed = False
        confirmed = confirmed or event in {DeliveryEvent.ACCEPTED, DeliveryEvent.HELD}
        state = step_delivery(state, event)
        if state in HELD_DELIVERIES:
            assert confirmed
        if event in {DeliveryEvent.ACCEPTED, DeliveryEvent.HELD}:
            assert state in HELD_DELIVERIES


def test_only_a_sync_shows_that_a_meter_has_lost_what_it_stored() -> None:
    for state in HELD_DELIVERIES:
        for event in DeliveryEvent:
            after = step_delivery(state, event)
            assert after in HELD_DELIVERIES or event is DeliveryEvent.QUEUE


def test_a_receipt_counts_whenever_it_comes() -> None:
    for state in DeliveryState:
        assert step_delivery(state, DeliveryEvent.ACCEPTED) in HELD_DELIVERIES


@pytest.mark.parametrize(("supply", "effective"), [("on", 1), ("armed", 1), ("limited", 1), ("off", 0)])
def test_a_release_is_read_back_by_supply_and_anything_else_by_any_report(
    supply: str, effective: int
) -> None:
    assert reads_back(Kind.RELEASE, Supply(supply)) is bool(effective)
    assert reads_back(Kind.HOLD, Supply(supply))
