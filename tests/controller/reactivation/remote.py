"""Connected meters in a store, and how far an order has come at each."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Engine

from controller.database.engine import writing
from controller.database.tables import DeliveryRow, LinkRow, MeterRow, OrderRow


def deliver(store: Engine, order_id: str, deliveries: Iterable[tuple[int, str, int | None]]) -> None:
    """An order to the meters of these households: their number, the state, and since when it is effective."""
    rows = list(deliveries)
    with writing(store) as session:
        session.add(LinkRow(id="k1", state="online", sequence=1, meters=len(rows), seen_ms=1))
        session.flush()
        order: dict[str, Any] = dict.fromkeys(("issued_at_ms", "not_before_ms", "not_after_ms"), 1)
        order |= {"created_ms": 1, "changed_ms": 1, "envelope": b"", "basis": "", "created_by": "anne"}
        session.add(
            OrderRow(id=order_id, kind="parameters", object="p", rev=1, scope="{}", state="active", **order)
        )
        session.add_all(MeterRow(id=f"m{number:05}", link="k1", first_seen_ms=1) for number, _, _ in rows)
        session.flush()
        session.add_all(
            DeliveryRow(
                order_id=order_id,
                meter=f"m{number:05}",
                state=state,
                queued_ms=1,
                effective_ms=since_ms,
                receipt_number=7,
            )
            for number, state, since_ms in rows
        )
