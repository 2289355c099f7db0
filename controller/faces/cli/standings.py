"""How an order stands: its fields for programs, and for people what is needed next."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from controller.faces.cli.showing import instants, say
from controller.orders.life import ENDED_ORDERS
from controller.orders.status import OrderStatus
from protocols.words.en.orders import order_in_words


def order_fields(standing: OrderStatus) -> dict[str, Any]:
    """The fields of an order in `--json`."""
    order = standing.order
    return {
        "id": order.id,
        "kind": order.kind,
        "object": order.object,
        "rev": order.rev,
        "state": standing.state,
        "scope": msgspec.to_builtins(order.scope),
        "basis": order.basis,
        "created_by": standing.created_by,
        "signed_by": standing.signed_by,
        "signatures_needed": standing.threshold,
        "signatures_missing": standing.missing,
        "deliveries": standing.deliveries,
        "body": msgspec.json.decode(order.body),
        **instants(
            issued_at=order.issued_at_ms,
            not_before=order.not_before_ms,
            not_after=order.not_after_ms,
            changed=standing.changed_ms,
        ),
    }


def print_standing(standing: OrderStatus, zone: ZoneInfo, *, described: bool = False) -> None:
    """Print what became of an order, and what is needed next.

    `described`: what it does was printed before.
    """
    order = standing.order
    if not described:
        say(f"{order.id}: {order_in_words(order, zone)}.")
    if standing.missing:
        people = f"needs {standing.missing} more of {standing.threshold} people"
        other = standing.others[0] if standing.others else "NAME"
        say(
            f"{order.id} {people}; signed by {', '.join(standing.signed_by)}.",
            f"Another of them ({', '.join(standing.others)}) signs it with:",
            f"  relance orders sign {order.id} --as {other}",
        )
    elif not standing.deliveries and standing.state in ENDED_ORDERS:
        say(f"{order.id} is {standing.state}, and was never sent.")
    else:
        count = sum(standing.deliveries.values())
        meters = "1 meter" if count == 1 else f"{count} meters"
        say(f"{order.id} is {standing.state}, for {meters}; `relance orders show {order.id}` follows it.")
