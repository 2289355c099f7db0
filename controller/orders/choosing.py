"""What a query may name of an order, and the columns that stand for it."""

from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import col

from controller.database.tables import OrderRow
from controller.orders.life import OrderState
from controller.query.fields import INSTANT, INTEGER, TEXT, choice
from controller.query.rules import Condition, Fields
from controller.query.selecting import where
from protocols.documents.kind_rule import Kind

# `by` is who drafted it; `made` and `changed` are when, by the clock of that machine.
ORDER_FIELDS: Final[Fields] = {
    "id": TEXT,
    "kind": choice(Kind),
    "object": TEXT,
    "rev": INTEGER,
    "state": choice(OrderState),
    "basis": TEXT,
    "by": TEXT,
    "not_before": INSTANT,
    "not_after": INSTANT,
    "made": INSTANT,
    "changed": INSTANT,
}


def orders_where(condition: Condition) -> ColumnElement[bool]:
    """The condition on rows of `OrderRow`."""
    return where(
        condition,
        {
            "id": col(OrderRow.id),
            "kind": col(OrderRow.kind),
            "object": col(OrderRow.object),
            "rev": col(OrderRow.rev),
            "state": col(OrderRow.state),
            "basis": col(OrderRow.basis),
            "by": col(OrderRow.created_by),
            "not_before": col(OrderRow.not_before_ms),
            "not_after": col(OrderRow.not_after_ms),
            "made": col(OrderRow.created_ms),
            "changed": col(OrderRow.changed_ms),
        },
    )
