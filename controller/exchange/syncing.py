"""What a meter lacks: compares what it says it holds with its active orders (design §5, sync).

Protection, money, the calendar and tariff in force, the lease and the root are sent again. A cut order, the
lifting or shortening of a hold, a cleared flag, a limiter and a rebase are never sent again: harm that did
not arrive at once has lapsed, and the meter stays protected until two people decide anew.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from controller.orders.life import HELD_DELIVERIES, ActiveOrder, DeliveryState
from controller.orders.superseding import is_sent_again, sending_key
from protocols.documents.bodies import CancelCutBody, Named, PaymentBody
from protocols.documents.kind_rule import Joins, Kind, ShownBy
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order, body_of, digest_of, good_until_ms
from protocols.link.messages import MeterHolds

# What a meter has refused of these it must not take later: whoever was told so has done without.
_LAPSED_WHEN_REFUSED: Final = (Kind.REFUND,)


class Answer(Struct, frozen=True, kw_only=True):
    """The answer to one meter: orders to send, in sequence; orders that it has; whether to send the root.

    `issuers`: whether to send the issuers document.

    `unproven`: orders that it has and of which no receipt names the document; a copy makes it say so.
    """

    send: tuple[Order, ...]
    held: tuple[Order, ...]
    unproven: tuple[Order, ...]
    root: bool
    issuers: bool = False


def answer(
    holds: MeterHolds | None,
    active: Sequence[ActiveOrder],
    root_version: int,
    now_ms: int,
    issuers_version: int = 0,
) -> Answer:
    """What to answer one meter. `holds` None: it has not proved what it holds, so only its receipts count.

    The root is then no part of the answer.
    """
    # Superseded for this meter alone, while the order is active for others: the meter does not lack it.
    active = [each for each in active if each.state is not DeliveryState.SUPERSEDED]
    highest: dict[tuple[Kind, str], int] = {}
    for each in active:
        key = each.order.kind, each.order.object
        highest[key] = max(highest.get(key, 0), each.order.rev)
    held = [each.order for each in active if _holds(holds, each)]
    lacking = [
        each.order
        for each in active
        if is_sent_again(each.order)
        and now_ms < good_until_ms(each.order)
        and not (
            KINDS[each.order.kind].joins is Joins.LATEST
            and each.order.rev < highest[each.order.kind, each.order.object]
        )
        and not _holds(holds, each)
        and not (each.order.kind in _LAPSED_WHEN_REFUSED and each.state is DeliveryState.REFUSED)
    ]
    return Answer(
        send=tuple(sorted(lacking, key=sending_key)),
        held=tuple(held),
        unproven=tuple(
            each.order
            for each in active
            if not each.proven
            and is_sent_again(each.order)
            and now_ms < good_until_ms(each.order)
            and holds is not None
            and _holds(holds, each)
        ),
        root=holds is not None and holds.root_version < root_version,
        issuers=holds is not None
        and isinstance(holds.issuers_version, int)
        and holds.issuers_version < issuers_version,
    )


def _holds(holds: MeterHolds | None, active: ActiveOrder) -> bool:
    """Whether the meter has an order: by what its sync says, else (kinds it does not list) by its receipt."""
    order = active.order
    received = active.state in HELD_DELIVERIES
    if holds is None:
        return received
    # A receipt of an earlier life of the meter, or one that names no document, shows nothing.
    received = received and active.proven
    match KINDS[order.kind].shown_by:
        case ShownBy.REVISION:
            named = _named(holds, order.object)
            return named is not None and (order.rev <= named.floor or order.rev in named.revs)
        case ShownBy.FLOOR:
            named = _named(holds, order.object)
            return named is not None and order.rev <= named.floor
        case ShownBy.STATEMENT:
            body = body_of(order, PaymentBody)
            stated = (each for each in holds.statements if each.issuer == body.issuer)
            return any(each.epoch == body.epoch and each.total_ueur >= body.total_ueur for each in stated)
        case ShownBy.TOMBSTONE:
            # A full meter forgets its oldest tombstones, so a receipt counts as well.
            return received or body_of(order, CancelCutBody).cut in holds.tombstones
        case ShownBy.CALENDAR:
            mine = (order.object, order.rev, digest_of(order))
            return any((each.object, each.rev, each.digest) == mine for each in holds.calendars)
        case ShownBy.CUT_ORDER:
            return received or order.object in holds.cut_orders
        case ShownBy.LEASE:
            return holds.lease_rev >= order.rev
        case ShownBy.RECEIPT:
            return received


def _named(holds: MeterHolds, name: str) -> Named | None:
    return next((each for each in holds.protections if each.object == name), None)
