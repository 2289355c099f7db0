"""Shows the status of an order: its fields for programs, and for people what they must type next."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from controller.faces.cli.showing import instants, print_lines
from controller.orders.life import ENDED_ORDERS
from controller.orders.status import OrderStatus
from protocols.cutting.hindrances import Hindrance, NotCut
from protocols.documents.kind_rule import Kind
from protocols.words.en.amounts import eur
from protocols.words.en.orders import order_in_words


def order_fields(status: OrderStatus) -> dict[str, Any]:
    """The fields of an order in `--json`."""
    order = status.order
    return {
        "id": order.id,
        "kind": order.kind,
        "object": order.object,
        "rev": order.rev,
        "state": status.state,
        "scope": msgspec.to_builtins(order.scope),
        "basis": order.basis,
        "created_by": status.created_by,
        "signed_by": status.signed_by,
        "signatures_needed": status.threshold,
        "signatures_missing": status.missing,
        "deliveries": status.deliveries,
        **_allowance_fields(status),
        "body": msgspec.json.decode(order.body),
        **instants(
            issued_at=order.issued_at_ms,
            not_before=order.not_before_ms,
            not_after=order.not_after_ms,
            changed=status.changed_ms,
        ),
    }


def _allowance_fields(status: OrderStatus) -> dict[str, Any]:
    """Of a payment: the allowance that it is above, None where its meter credits it."""
    if status.order.kind is not Kind.PAYMENT:
        return {}
    return {"above_allowance": None if status.above is None else msgspec.to_builtins(status.above)}


def above_in_words(status: OrderStatus) -> list[str]:
    """Of a statement above its issuer's allowance: that no meter credits it yet, and who signs it."""
    above, order = status.above, status.order
    if above is None:
        return []
    allowance = f"{eur(above.allowance_ueur_per_day)} EUR a day of the issuer {above.issuer}"
    people = ", ".join(status.signed_by)
    signed = f"; signed by {people}, needs {status.missing} more" if people else ""
    other = status.others[0] if status.others else "NAME"
    return [
        f"{order.id} is above the allowance of {allowance}{signed}: two people sign it with",
        f"  relance orders sign {order.id} --as {other}",
        "or it waits at the meter, which credits it once the allowance covers it.",
    ]


def not_cut_fields(groups: Iterable[NotCut]) -> dict[str, Any]:
    """In `--json`: the meters that a plan will not cut, by reason."""
    return {
        "not_cut": [hindrance_fields(group.hindrance) | {"meters": group.meters} for group in groups],
    }


def hindrance_fields(hindrance: Hindrance) -> dict[str, Any]:
    """In `--json`: what keeps a meter from cutting."""
    return {"why": hindrance.why, "object": hindrance.object, **instants(until=hindrance.until_ms)}


def print_status(status: OrderStatus, zone: ZoneInfo, *, described: bool = False) -> None:
    """Print the status of an order, and the next command where signatures are missing.

    `described`: what the order does was printed before.
    """
    order = status.order
    if not described:
        print_lines(f"{order.id}: {order_in_words(order, zone, status.created_by)}.")
    if status.above is not None:
        print_lines(*above_in_words(status))
    elif status.missing:
        people = f"needs {status.missing} more of {status.threshold} people"
        other = status.others[0] if status.others else "NAME"
        print_lines(
            f"{order.id} {people}; signed by {', '.join(status.signed_by)}.",
            f"Another of them ({', '.join(status.others)}) signs it with:",
            f"  relance orders sign {order.id} --as {other}",
        )
    elif not status.deliveries and status.state in ENDED_ORDERS:
        print_lines(f"{order.id} is {status.state}, and was never sent.")
    else:
        count = sum(status.deliveries.values())
        meters = "1 meter" if count == 1 else f"{count} meters"
        print_lines(
            f"{order.id} is {status.state}, for {meters}; `relance orders show {order.id}` follows it."
        )
