"""Results of a release: the meters whose supply is back, and how long that took. Reads only."""

from collections.abc import Sequence

from msgspec import Struct
from sqlmodel import Session

from controller.orders.life import DeliveryState
from controller.orders.on_cards import only_cards_reach
from controller.orders.status import OrderStatus
from controller.orders.views import delivery_counts, list_deliveries
from protocols.reasons import Refusal

# States of a delivery that change no more without a new message from the meter.
_OVER = (
    DeliveryState.EFFECTIVE,
    DeliveryState.REFUSED,
    DeliveryState.EXPIRED,
    DeliveryState.SUPERSEDED,
)


class Reached(Struct, frozen=True, kw_only=True):
    """Counts of deliveries of releases: `effective`, and `over`, which includes refused and expired ones."""

    effective: int
    over: int


class Restored(Struct, frozen=True, kw_only=True):
    """Times from an order's commit to a meter's report of its supply, in ms; None: no report yet."""

    meters: int
    effective: int
    p50_ms: int | None
    p99_ms: int | None


def by_card_alone(session: Session, order_ids: Sequence[str]) -> tuple[str, ...]:
    """The meters of these releases that are not over and that only a card reaches, in order."""
    return only_cards_reach(session, order_ids, _OVER)


def reached(session: Session, order_ids: Sequence[str]) -> Reached:
    """The counts of the deliveries of these releases."""
    counts: dict[str, int] = {}
    for states in delivery_counts(session, order_ids).values():
        for state, count in states.items():
            counts[state] = counts.get(state, 0) + count
    over = sum(counts.get(state, 0) for state in _OVER)
    return Reached(effective=counts.get(DeliveryState.EFFECTIVE, 0), over=over)


def refused_by_number(session: Session, statuses: Sequence[OrderStatus]) -> tuple[str, ...]:
    """The meters that refused these releases for a number that is used up there: signed again, they work."""
    return tuple(
        delivery.meter
        for status in statuses
        for delivery in list_deliveries(session, order_id=status.order.id)
        if delivery.state == DeliveryState.REFUSED and delivery.reason == Refusal.STALE_NUMBER
    )


def restored(session: Session, statuses: Sequence[OrderStatus]) -> Restored:
    """How many meters these releases have restored, and how fast; a meter of two releases counts once."""
    took_by_meter_ms: dict[str, int] = {}
    meters: set[str] = set()
    for status in statuses:
        for delivery in list_deliveries(session, order_id=status.order.id):
            meters.add(delivery.meter)
            if delivery.effective_ms is not None:
                took_by_meter_ms.setdefault(delivery.meter, delivery.effective_ms - statuses[0].created_ms)
    took_ms = sorted(took_by_meter_ms.values())
    return Restored(
        meters=len(meters),
        effective=len(took_ms),
        p50_ms=percentile(took_ms, 50),
        p99_ms=percentile(took_ms, 99),
    )


def percentile(ascending: Sequence[int], percent: int) -> int | None:
    """The nearest-rank percentile of sorted values; None of an empty list."""
    if not ascending:
        return None
    return ascending[-(-len(ascending) * percent // 100) - 1]
