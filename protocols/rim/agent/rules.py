"""What an agent signs, and until when: documents that it can name, and nothing after its time.

An agent never signs bytes that it does not understand: what it has signed stands in its log, in words.
"""

import re
from typing import Final

from msgspec import Struct

from protocols.documents.envelope import decode_pae
from protocols.documents.issuers import ISSUERS_TYPE, read_issuers
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, Order, read_order
from protocols.documents.payment_requests import PAYMENT_REQUEST_TYPE, PaymentRequest, read_request
from protocols.documents.roles import ROOT_TYPE, Root, read_root
from protocols.errors import DocumentError, RefusedError
from protocols.instants import HOUR_MS, MINUTE_MS

_ON_CARDS: Final = frozenset({Kind.RELEASE, Kind.CANCEL_CUT})
OPEN_MS_MIN: Final = MINUTE_MS
# Longer than any shift. Whoever needs more opens it again.
OPEN_MS_MAX: Final = 24 * HOUR_MS
# The place of a floor's number is drawn from a signature under its object and the instant: see
# `orders.acting.Act.sheet`. No document looks like that: each begins with DSSEv1 and a blank.
_DRAW: Final = re.compile(r"[a-z_]+/[A-Za-z0-9._-]{1,64} [0-9]{1,16}")


class Signable(Struct, frozen=True):
    """What an agent is asked to sign: an order, a payment request, a root, or what `name` names."""

    name: str
    order: Order | None = None
    payment: PaymentRequest | None = None
    root: Root | None = None


def signable(data: bytes) -> Signable:
    """What these bytes are. Raises RefusedError for all that no command of a person signs."""
    if _DRAW.fullmatch(data.decode("latin-1")):
        return Signable(f"a number for {data.decode('ascii').partition(' ')[0]}")
    try:
        payload_type, payload = decode_pae(data)
        match payload_type:
            case str(each) if each == ORDER_TYPE:
                order = read_order(payload)
                return Signable(f"order {order.id}", order=order)
            case str(each) if each == PAYMENT_REQUEST_TYPE:
                request = read_request(payload)
                return Signable(f"payment {request.id}", payment=request)
            case str(each) if each == ROOT_TYPE:
                root = read_root(payload)
                return Signable(f"root {root.version}", root=root)
            case str(each) if each == ISSUERS_TYPE:
                return Signable(f"issuers {read_issuers(payload).version}")
    except DocumentError as error:
        raise RefusedError(f"the agent signs no document that it cannot read: {error}") from None
    raise RefusedError(f"the agent signs orders, payment requests, roots and issuers; not {payload_type!r}")


def check_for_cards(what: Signable) -> None:
    """What the agent of a kiosk signs: what a clerk there puts onto one household's card, and nothing else.

    The account of a kiosk is open to the public's cards all day: what it signs must harm nobody. Raises
    RefusedError.
    """
    order = what.order
    if order is None or order.kind not in _ON_CARDS or len(order.scope.meters) != 1:
        raise RefusedError(
            "the agent of a kiosk signs releases and cancellations of cuts, of one meter each; "
            f"not {what.name}"
        )


def left_ms(opened_tick_ms: int, length_ms: int, now_tick_ms: int) -> int:
    """How long an agent is still open, by a count that nobody can set and that runs in suspend; 0: over."""
    return max(0, opened_tick_ms + length_ms - now_tick_ms)
