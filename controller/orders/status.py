"""The status of an order: its state, who has signed, who still must, and the counts of its deliveries."""

from dataclasses import dataclass

from sqlmodel import Session

from controller.database.lookup import existing
from controller.database.tables import OrderRow
from controller.office.people import operators_of
from controller.orders.allowances import AboveAllowance, above_allowance, role_of_signers
from controller.orders.life import OrderState
from controller.orders.store import holders_of, order_of
from controller.orders.views import delivery_counts
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.orders import Order
from protocols.documents.roles import Root
from protocols.documents.statements import is_issued
from protocols.errors import DocumentError, InputError


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """An order with its signatures and the counts of its deliveries; valid after its session has closed.

    `others` are the people who could still sign; `deliveries` counts meters by the state of their delivery.
    `above`: a statement that its issuer's key alone does not carry: two people sign it though it is in force.
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
    above: AboveAllowance | None = None

    @property
    def role(self) -> Role:
        """The role in which people sign it."""
        return role_of_signers(self.order)

    @property
    def waits(self) -> bool:
        """Whether the order is not sent before more people have signed."""
        return self.state in {OrderState.DRAFT, OrderState.REHEARSED}

    @property
    def missing(self) -> int:
        """How many more people must sign before the order is sent, or credited above an allowance."""
        return max(0, self.threshold - len(self.signed_by)) if self.waits or self.above else 0


def status_of(session: Session, row: OrderRow, root: Root) -> OrderStatus:
    """The status of an order. Raises InputError where its row in the store cannot be read."""
    try:
        order = order_of(row)
        Kind(row.kind)  # the column may be damaged while the document is whole
        role = role_of_signers(order)
        signed_by = holders_of(row, root, role)
        above = above_allowance(session, row, root)
    except (DocumentError, ValueError) as error:
        raise InputError(f"database: order {row.id} is damaged: {error}") from None
    # What an issuer's key carries alone needs nobody.
    rule = None if is_issued(order) and above is None else root.roles.get(role)
    return OrderStatus(
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
        above=above,
    )


def status_by_id(session: Session, order_id: str, root: Root) -> OrderStatus:
    """The status of the order of this id. Raises RefusedError where there is none, else as `status_of`."""
    return status_of(session, existing(session, OrderRow, order_id), root)
