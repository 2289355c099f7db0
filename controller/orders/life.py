"""The two state tables of design §5: an order, and its delivery to one meter.

Everything that affects these states is in this file. Both tables are total: every pair of state and event has
an entry. `None` says that an order refuses the event in that state. A delivery refuses no event, since its
events report what has happened already.

Order: a *draft* may be *rehearsed*, is *approved* by enough people and *active* from the transaction that
queues its deliveries. *Withdrawn* and *superseded* are final. *Expired* is final but for protection that only
a wrong clock ended: it is *revived*, and approved again by the signatures that it has.

Delivery: *queued* in the outbox, *sent* once the broker has acknowledged it, *stored* by the meter's receipt,
*effective* as `exchange.proving` says. *Refused* and *timed out* are not final: the meter may still accept a
copy.
"""

from enum import StrEnum, unique
from typing import Final

from msgspec import Struct

from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order
from protocols.errors import InputError
from protocols.reasons import Supply


@unique
class OrderState(StrEnum):
    DRAFT = "draft"
    REHEARSED = "rehearsed"
    APPROVED = "approved"
    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


@unique
class OrderEvent(StrEnum):
    REHEARSE = "rehearse"
    APPROVE = "approve"
    ACTIVATE = "activate"
    WITHDRAW = "withdraw"
    SUPERSEDE = "supersede"
    EXPIRE = "expire"
    REVIVE = "revive"


@unique
class DeliveryState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    STORED = "stored"
    EFFECTIVE = "effective"
    REFUSED = "refused"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    TIMED_OUT = "timed_out"


@unique
class DeliveryEvent(StrEnum):
    """What happens to a delivery.

    `taken`: the broker acknowledged the message, or harm is about to be published; `held`: a sync shows that
    the meter has the order; `read_back`: a report shows it in effect; `silent`: no receipt came in time.
    """

    QUEUE = "queue"
    TAKEN = "taken"
    ACCEPTED = "accepted"
    HELD = "held"
    REFUSED = "refused"
    READ_BACK = "read_back"
    EXPIRE = "expire"
    SUPERSEDE = "supersede"
    SILENT = "silent"


class ActiveOrder(Struct, frozen=True):
    """An order that is active for a meter, and the state of its delivery there.

    `stored_ms`: when the meter's receipt came; None: not yet, or not asked for.
    `proven`: a receipt of the meter names this very document, or (a payment) no receipt need do so.
    `by`: who made the order.
    """

    order: Order
    state: DeliveryState
    stored_ms: int | None = None
    proven: bool = True
    by: str = ""


# An order that was sent is not withdrawn: another order lifts, cancels or clears it. `-`: not allowed.
_ORDER_TABLE: Final = """
             rehearse   approve   activate  withdraw   supersede   expire   revive
draft        rehearsed  approved  -         withdrawn  -           expired  -
rehearsed    rehearsed  approved  -         withdrawn  -           expired  -
approved     -          -         active    withdrawn  -           expired  -
active       -          -         -         -          superseded  expired  -
withdrawn    -          -         -         -          -           -        -
superseded   -          -         -         -          -           -        -
expired      -          -         -         -          -           -        draft
"""

# A receipt that comes after the timeout still counts. A meter may refuse a copy of an order that it has
# stored (an expired copy, say): it has the order all the same, and the delivery stays stored. A stored
# delivery is queued again only where a sync shows that the meter has lost the order, an expired one only
# where its order was revived.
_DELIVERY_TABLE: Final = """
            queue      taken      accepted   held       refused    read_back  expire     supersede  silent
queued      queued     sent       stored     stored     refused    queued     expired    superseded timed_out
sent        queued     sent       stored     stored     refused    sent       expired    superseded timed_out
stored      queued     stored     stored     stored     stored     effective  stored     stored     stored
effective   queued     effective  effective  effective  effective  effective  effective  effective  effective
refused     queued     refused    stored     stored     refused    refused    expired    superseded refused
expired     queued     expired    stored     stored     expired    expired    expired    expired    expired
superseded  superseded superseded stored     stored     superseded superseded superseded superseded superseded
timed_out   queued     timed_out  stored     stored     refused    timed_out  expired    superseded timed_out
"""


def _rows(table: str) -> dict[tuple[str, str], str]:
    head, *rows = (line.split() for line in table.strip().splitlines())
    return {(row[0], event): after for row in rows for event, after in zip(head, row[1:], strict=True)}


ORDER_LIFE: Final[dict[tuple[OrderState, OrderEvent], OrderState | None]] = {
    (OrderState(state), OrderEvent(event)): None if after == "-" else OrderState(after)
    for (state, event), after in _rows(_ORDER_TABLE).items()
}
DELIVERY_LIFE: Final[dict[tuple[DeliveryState, DeliveryEvent], DeliveryState]] = {
    (DeliveryState(state), DeliveryEvent(event)): DeliveryState(after)
    for (state, event), after in _rows(_DELIVERY_TABLE).items()
}

# States in which the meter has the order.
HELD_DELIVERIES: Final = (DeliveryState.STORED, DeliveryState.EFFECTIVE)
ENDED_ORDERS: Final = (OrderState.WITHDRAWN, OrderState.SUPERSEDED, OrderState.EXPIRED)

_RESTORED: Final = (Supply.ON, Supply.ARMED, Supply.LIMITED)


def step_order(state: OrderState, event: OrderEvent) -> OrderState:
    """The order's next state. Raises InputError where the event is not allowed in this state."""
    after = ORDER_LIFE[state, event]
    if after is None:
        allowed = [each.value for each in OrderEvent if ORDER_LIFE[state, each] is not None]
        raise InputError(f"order is {state}: cannot {event} it; allowed: {', '.join(allowed) or 'nothing'}")
    return after


def step_delivery(state: DeliveryState, event: DeliveryEvent) -> DeliveryState:
    """The delivery's next state. No event is refused: each reports what has happened already."""
    return DELIVERY_LIFE[state, event]


def reads_back(kind: Kind, supply: Supply) -> bool:
    """Whether a report of this supply makes a stored order *effective* (design §5).

    A release is effective when the supply is back, or is armed: a person only has to press the button.
    """
    return not KINDS[kind].needs_supply or supply in _RESTORED
