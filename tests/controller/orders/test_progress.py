"""Counts of meters that an order has reached; without an answer a meter counts as unknown."""

from hypothesis import given
from hypothesis import strategies as st

from controller.orders.life import DeliveryState
from controller.orders.progress import Reach, progress, reach_of


@given(st.dictionaries(st.sampled_from(DeliveryState), st.integers(0, 1_000)), st.booleans())
def test_progress_adds_up_and_stored_counts_only_receipts(
    counts: dict[DeliveryState, int], online: bool
) -> None:
    shown = progress((reach_of(state, link_online=online), count) for state, count in counts.items())
    assert shown.total == sum(counts.values())
    assert shown.stored == counts.get(DeliveryState.STORED, 0) + counts.get(DeliveryState.EFFECTIVE, 0)
    if not online:
        assert shown.sent == 0


def test_an_order_sent_to_an_offline_link_is_unknown() -> None:
    assert reach_of(DeliveryState.SENT, link_online=False) is Reach.UNKNOWN
