"""Orders new keys: for the fleet, from a new generation of its key, or for single meters; two people (§5).

Nothing of the orders is secret: each meter draws its key itself (`protocols.link.agreement`).
"""

from collections.abc import Sequence

from msgspec import Struct
from sqlmodel import col, select

from controller.database.tables import OrderRow
from controller.orders.acting import Act
from controller.orders.life import OrderState
from controller.orders.status import OrderStatus, status_of
from protocols.documents.bodies import KeysBody
from protocols.documents.drafting import keys, object_of
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope, body_of
from protocols.link.agreement import public_half
from protocols.link.keys import asks_key
from protocols.reasons import Source

FLEET_NAME = "fleet"
_STANDING = (OrderState.DRAFT, OrderState.ACTIVE)


class Generation(Struct, frozen=True):
    """A generation of the fleet's key, and its secret."""

    number: int
    secret: bytes


def halves_of(generation: Generation) -> KeysBody:
    """The public halves of a generation, as an order carries them."""
    secret = generation.secret
    asks = [public_half(asks_key(secret, source)) for source in (Source.HEADEND, Source.TIMESERVER)]
    return KeysBody(generation.number, public_half(secret), *asks)


def standing(act: Act) -> OrderStatus | None:
    """The last order of new keys for the fleet that waits for a signature or is in force; None: none is."""
    rows = act.session.exec(
        select(OrderRow)
        .where(OrderRow.object == object_of(Kind.KEYS, FLEET_NAME), col(OrderRow.state).in_(_STANDING))
        .order_by(col(OrderRow.rev).desc())
    )
    row = rows.first()
    return None if row is None else status_of(act.session, row, act.root)


def generation_of(status: OrderStatus) -> int:
    """The generation that an order of new keys names."""
    return body_of(status.order, KeysBody).generation


def rotate_fleet(act: Act, generation: Generation) -> OrderStatus:
    """New keys for every meter: a draft, until a second person has signed."""
    return act.submit(keys(act.sheet(Kind.KEYS, FLEET_NAME), FLEET_NAME, halves_of(generation)))


def rotate_meters(act: Act, generation: Generation, meters: Sequence[str]) -> list[OrderStatus]:
    """New keys for these meters, an order each: drafts, until a second person has signed."""
    body = halves_of(generation)
    return [
        act.submit(keys(act.sheet(Kind.KEYS, meter), meter, body, Scope(meters=(meter,)))) for meter in meters
    ]
