"""Flags that the DSO's file says and that no order sets: until somebody orders them, they protect nobody."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.tables import HouseholdRow, MeterRow
from controller.households.acts import set_household_flag
from controller.orders.acting import Act
from controller.orders.active import standing_orders
from controller.orders.standing import Standing, standing_of
from controller.orders.status import OrderStatus
from protocols.documents.drafting import object_of
from protocols.documents.kind_rule import Kind
from protocols.reasons import FlagName

# Each flag is an order of its own; so many are signed in one transaction, which others wait for.
FLAGS_AT_ONCE: Final = 512


class FlagDue(Struct, frozen=True):
    """A flag that no order in force sets. `spoken`: its meter is known, so that one can be sent to it."""

    meter: str
    ean: str
    flag: FlagName
    spoken: bool


def flags_due(session: Session, now_ms: int) -> list[FlagDue]:
    """All flags of the file that no order in force sets at their meter, by meter."""
    query = (
        select(HouseholdRow.meter, HouseholdRow.ean, HouseholdRow.flags, MeterRow.id)
        .outerjoin(MeterRow, col(MeterRow.id) == HouseholdRow.meter)
        .where(col(HouseholdRow.flags).is_not(None))
        .order_by(HouseholdRow.meter)
    )
    rows = session.exec(query).all()
    known: list[str | None] = [row[3] for row in rows]
    spoken = {meter for meter in known if meter is not None}
    standing = {
        meter: _flags_of(standing_of(orders, now_ms))
        for meter, orders in standing_orders(session, spoken).items()
    }
    return [
        FlagDue(meter, ean, FlagName(flag), meter in spoken)
        for meter, ean, flags, _ in rows
        for flag in sorted({*(flags or "").split()} - standing.get(meter, set()))
    ]


def order_due(act: Act, due: Sequence[FlagDue]) -> list[OrderStatus]:
    """Set these flags, by one person, at most FLAGS_AT_ONCE; their meters have spoken."""
    assert len(due) <= FLAGS_AT_ONCE, len(due)
    return [set_household_flag(act, each.meter, each.flag) for each in due]


def _flags_of(standing: Standing) -> set[str]:
    """The names of the flags that the orders in force set."""
    prefix = object_of(Kind.SET_FLAG, "")
    return {name.removeprefix(prefix) for name in standing.protecting if name.startswith(prefix)}
