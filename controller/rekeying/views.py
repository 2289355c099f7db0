"""Who speaks under which key, and for whom a new one waits. Reads only."""

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.tables import LinkRow, MeterRow, OrderRow
from controller.exchange.key_book import ProvenKey
from controller.exchange.proven_keys import proven_keys
from controller.meters.registry import BY_CARD
from controller.meters.retired import in_fleet
from controller.orders.life import OrderState
from controller.orders.store import order_of
from protocols.documents.bodies import KeysBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import body_of
from protocols.link.keys import FIRST_GENERATION


class KeysView(Struct, frozen=True):
    """`meters`, `links`: how many speak under a key of each generation, as far as they have proved it.

    `ordered`: the generation of the order in force for the fleet; None: none is. `signing`: of the one that
    waits for a signature. `waiting`: the meters that have not drawn a key of `ordered`, by name. `by_card`:
    how many of these only cards reach: each draws when its card comes from a kiosk, and proves it when the
    card comes to one again.
    """

    meters: Mapping[int, int]
    links: Mapping[int, int]
    ordered: int | None
    signing: int | None
    waiting: tuple[str, ...]
    by_card: int


def view_keys(session: Session) -> KeysView:
    """How far the last rotation of the fleet's key has come."""
    proven = proven_keys(session)
    rows = session.exec(select(MeterRow.id, MeterRow.link).where(in_fleet()).order_by(col(MeterRow.id))).all()
    meters = [meter for meter, _link in rows]
    on_cards = {meter for meter, link in rows if link == BY_CARD}
    links = session.exec(select(LinkRow.id).where(col(LinkRow.id) != BY_CARD)).all()
    ordered, signing = (_fleet_generation(session, each) for each in (OrderState.ACTIVE, OrderState.DRAFT))
    waiting = [] if ordered is None else [each for each in meters if not _has_drawn(proven, each, ordered)]
    return KeysView(
        meters=_count(proven, [f"meter/{each}" for each in meters]),
        links=_count(proven, [f"link/{each}" for each in links]),
        ordered=ordered,
        signing=signing,
        waiting=tuple(waiting),
        by_card=len(on_cards.intersection(waiting)),
    )


def _count(proven: Mapping[str, ProvenKey], names: list[str]) -> dict[int, int]:
    first = ProvenKey(FIRST_GENERATION)
    return dict(sorted(Counter(proven.get(name, first).generation for name in names).items()))


def _has_drawn(proven: Mapping[str, ProvenKey], meter: str, generation: int) -> bool:
    found = proven.get(f"meter/{meter}")
    return found is not None and bool(found.public) and found.generation >= generation


def _fleet_generation(session: Session, state: OrderState) -> int | None:
    query = select(OrderRow).where(OrderRow.kind == Kind.KEYS, OrderRow.state == state)
    bodies = [order_of(row) for row in session.exec(query)]
    fleet = [body_of(order, KeysBody).generation for order in bodies if order.scope.fleet]
    return max(fleet, default=None)
