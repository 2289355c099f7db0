"""When a meter may be cut next: its own forecast where that is fresh, else by the orders in force. Pure.

The meter knows best, since it knows what it holds. But its word is as old as its last report: an order that
it has confirmed since then, or has not confirmed at all, is not in it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from controller.orders.life import HELD_DELIVERIES, ActiveOrder, DeliveryState
from controller.orders.standing import Standing, first_chance_ms, hindrances_of
from protocols.cutting.hindrances import Obstacle
from protocols.documents.bodies import HoldBody, HoldFloorBody, VoidBody
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order, body_of
from protocols.documents.protecting import FLOORS, PROTECTING
from protocols.instants import LATEST_MS
from protocols.link.explanation import (
    CutAhead,
    Explanation,
    FlagSet,
    HoldAhead,
    KeyVoided,
    NextByOrders,
    NextCut,
    ProtectedNow,
    ReleaseInForce,
)
from protocols.reasons import FlagName
from protocols.spans import Span, Window, protected_until_ms

_HOLDS: Final = (Kind.HOLD, Kind.SHORTEN_HOLD)
# What a meter's forecast depends on.
_BEARS: Final = (*PROTECTING, *FLOORS, Kind.VOID, Kind.CUT_CALENDAR)
# Without these the controller knows no window; the meter may still have one.
_UNKNOWN_WINDOWS: Final = frozenset({Obstacle.NO_CALENDAR, Obstacle.NO_WINDOW})


def orders_that_bear(active: Sequence[ActiveOrder], standing: Standing, now_ms: int) -> Iterator[Explanation]:
    """What the orders in force do to the meter: the release, flags, holds, voids, planned cuts.

    All holds are named, the one that ends last first: however many are lifted, the others still hold.
    """
    release = standing.release
    if release is not None:
        yield ReleaseInForce(
            object=release.object,
            rev=release.rev,
            by=release.by,
            until_ms=release.until_ms,
            left_ms=release.left_ms,
            unconfirmed=release.unconfirmed,
        )
    for each in sorted(active, key=_latest_end_first):
        unconfirmed = None if each.state in HELD_DELIVERIES else each.state.value
        if each.state is DeliveryState.SUPERSEDED:
            continue
        if each.order.kind is Kind.SET_FLAG and _is_in_force(each.order, standing):
            limits = each.order.object == f"flag/{FlagName.PROTECTED}"
            yield FlagSet(object=each.order.object, limits=limits, unconfirmed=unconfirmed)
        elif each.order.kind is Kind.VOID:
            holder = body_of(each.order, VoidBody).holder
            yield KeyVoided(object=each.order.object, holder=holder, unconfirmed=unconfirmed)
        elif each.order.kind in _HOLDS:
            yield from _hold(each.order, unconfirmed, now_ms)
    for cut in standing.cuts:
        interval = Span(max(now_ms, cut.interval.from_ms), cut.interval.until_ms)
        yield CutAhead(
            object=cut.object,
            rev=cut.rev,
            from_ms=cut.interval.from_ms,
            until_ms=cut.interval.until_ms,
            windows=_inside(standing.windows or (), interval),
            first_ms=first_chance_ms(standing, interval, standing.windows),
            hindrances=hindrances_of(standing, interval, standing.windows),
            unconfirmed=cut.unconfirmed,
        )


def next_cut(
    active: Sequence[ActiveOrder],
    standing: Standing,
    meter_said: tuple[int | None, int | None],
    now_ms: int,
) -> tuple[Explanation, ...]:
    """The forecast. `meter_said`: the meter's own next instant, and when it reported that (None: never).

    The meter's own stands alone where it is fresh and no order in force contradicts it.
    """
    theirs_ms, said_ms = meter_said
    ahead = Span(now_ms, LATEST_MS)
    ours_ms = first_chance_ms(standing, ahead, standing.windows)
    hindrances = hindrances_of(standing, ahead, standing.windows)
    fresh = said_ms is not None and is_fresh(active, theirs_ms, said_ms, now_ms)
    forbidden = any(each.why not in _UNKNOWN_WINDOWS for each in hindrances)
    wrong = theirs_ms is not None and (
        forbidden
        or (ours_ms is not None and theirs_ms < ours_ms)
        or any(hold.from_ms <= theirs_ms < hold.until_ms for hold in standing.forbidding)
    )
    theirs = NextCut(instant_ms=theirs_ms, said_ms=said_ms, fresh=fresh and not wrong)
    by_orders = NextByOrders(instant_ms=ours_ms, hindrances=hindrances)
    if not theirs.fresh:
        return (by_orders,) if said_ms is None else (by_orders, theirs)
    # It knows of no chance: the orders may tell why.
    return (theirs, by_orders) if theirs_ms is None and hindrances else (theirs,)


def is_fresh(active: Sequence[ActiveOrder], theirs_ms: int | None, said_ms: int, now_ms: int) -> bool:
    """Whether the meter's forecast, of its report at `said_ms`, knows all orders that bear on it."""
    if theirs_ms is not None and theirs_ms < now_ms:
        return False
    return all(
        each.state is DeliveryState.SUPERSEDED
        or (each.state in HELD_DELIVERIES and (each.stored_ms is None or each.stored_ms <= said_ms))
        for each in active
        if each.order.kind in _BEARS
    )


def _is_in_force(order: Order, standing: Standing) -> bool:
    if order.object == f"flag/{FlagName.PROTECTED}":
        return standing.is_protected
    return any(hold.name == order.object for hold in standing.forbidding)


def _latest_end_first(each: ActiveOrder) -> int:
    body = body_of(each.order, KINDS[each.order.kind].body)
    return -protected_until_ms(body.until_ms) if isinstance(body, HoldBody | HoldFloorBody) else 0


def _hold(order: Order, unconfirmed: str | None, now_ms: int) -> Iterator[Explanation]:
    body = body_of(order, KINDS[order.kind].body)
    if not isinstance(body, HoldBody | HoldFloorBody):
        return
    name, rev, until_ms = order.object, order.rev, protected_until_ms(body.until_ms)
    if until_ms <= now_ms:
        return
    if body.from_ms <= now_ms:
        yield ProtectedNow(object=name, rev=rev, until_ms=until_ms, unconfirmed=unconfirmed)
    else:
        yield HoldAhead(
            object=name, rev=rev, from_ms=body.from_ms, until_ms=until_ms, unconfirmed=unconfirmed
        )


def _inside(windows: Sequence[Window], interval: Span) -> tuple[Window, ...]:
    """The parts of the windows that lie inside an interval."""
    parts = (
        Window(max(window.start_ms, interval.from_ms), min(window.end_ms, interval.until_ms))
        for window in windows
    )
    return tuple(part for part in parts if part.start_ms < part.end_ms)
