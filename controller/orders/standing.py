"""Where an order stands: who has signed, who still must, how far it has come."""

from dataclasses import dataclass

from sqlmodel import Session

from controller.database.lookup import existing
from controller.database.tables import OrderRow
from controller.office.people import operators_of
from controller.orders.life import OrderState
from controller.orders.store import holders_of, order_of
from controller.orders.views import delivery_counts
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order
from protocols.documents.roles import Root
from protocols.errors import DocumentError, InputError


@dataclass(frozen=True, slots=True)
class Standing:
    """A value, good beyond its session.

    `others` are those who could sign too; `deliveries` counts meters by the state of their delivery.
    """

    order: Order
    state: str
    created_by: str
    created_ms: int
    changed_ms: int
    envelope: bytes
    signed_by: tuple[str, ...]
    threshold: int
    others: tuple[str, ...]
    deliveries: dict[str, int]

    @property
    def waits(self) -> bool:
        """Whether it is not sent before more people have signed."""
        return self.state in {OrderState.DRAFT, OrderState.REHEARSED}

    @property
    def missing(self) -> int:
        """Signatures of further people that it still waits for."""
        return max(0, self.threshold - len(self.signed_by)) if self.waits else 0


def standing_of(session: Session, row: OrderRow, root: Root) -> Standing:
    """Where an order stands. Raises InputError where what the store has of it cannot be read."""
    try:
        role = KINDS[Kind(row.kind)].role
        order, signed_by = order_of(row), holders_of(row, root)
    except (DocumentError, ValueError) as error:
        raise InputError(f"database: order {row.id} is damaged: {error}") from None
    rule = root.roles.get(role)
    return Standing(
        order=order,
        state=row.state,
        created_by=row.created_by,
        created_ms=row.created_ms,
        changed_ms=row.changed_ms,
        envelope=row.envelope,
        signed_by=signed_by,
        threshold=1 if rule is None else rule.threshold,
        others=tuple(name for name in operators_of(root, role) if name not in signed_by),
        deliveries=delivery_counts(session, [row.id]).get(row.id, {}),
    )


def show_standing(session: Session, order_id: str, root: Root) -> Standing:
    """Where the order of this id stands. Raises RefusedError where there is none; else as `standing_of`."""
    return standing_of(session, existing(session, OrderRow, order_id), root)
