"""What a query may name of a meter, and the columns that stand for it."""

from typing import Final

from sqlalchemy import ColumnElement, func
from sqlmodel import col

from controller.database.tables import LinkRow, MeterRow
from controller.meters.registry import LinkState
from controller.query.fields import EURO, INSTANT, SPAN, TEXT, YES_NO, choice
from controller.query.rules import Condition, Fields
from controller.query.selecting import where
from protocols.reasons import ClockStatus, Energy, Supply, SupplyReason

# `heard` is how long ago. `next_possible` is the meter's own forecast, and `lease_ends` the end of its lease.
METER_FIELDS: Final[Fields] = {
    "id": TEXT,
    "link": TEXT,
    "online": YES_NO,
    "energy": choice(Energy),
    "firmware": TEXT,
    "profile": TEXT,
    "supply": choice(Supply),
    "reason": choice(SupplyReason),
    "clock": choice(ClockStatus),
    "heard": SPAN,
    "balance": EURO,
    "emergency": EURO,
    "next_possible": INSTANT,
    "lease_ends": INSTANT,
    "code": TEXT,
}


def meters_where(condition: Condition, now_ms: int) -> ColumnElement[bool]:
    """The condition on rows of `MeterRow` joined with their `LinkRow`."""
    return where(
        condition,
        {
            "id": col(MeterRow.id),
            "link": col(MeterRow.link),
            "online": col(LinkRow.state) == LinkState.ONLINE.value,
            "energy": col(MeterRow.energy),
            "firmware": col(MeterRow.firmware),
            "profile": col(MeterRow.profile),
            "supply": col(MeterRow.supply),
            "reason": col(MeterRow.supply_reason),
            "clock": col(MeterRow.clock),
            "heard": now_ms - col(MeterRow.last_seen_ms),
            "balance": col(MeterRow.balance_ueur),
            "emergency": col(MeterRow.emergency_ueur),
            "next_possible": col(MeterRow.next_possible_ms),
            # 0: it has no lease.
            "lease_ends": func.nullif(col(MeterRow.lease_ends_ms), 0),
            "code": col(MeterRow.code),
        },
    )
