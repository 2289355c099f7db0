"""What a clerk signs when money is taken: a request, which the service books and answers with a statement.

So no clerk's key signs money at a meter: the service's issuer key does (`issuers`), up to its allowance.
The request stays in the store, as the proof of who took the money.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from protocols.decoding import read_json
from protocols.documents.bodies import Id
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Root, meets, open_signed
from protocols.errors import DocumentError
from protocols.limits import STATEMENT_UEUR_MAX, TEXT_CHARS_MAX

PAYMENT_REQUEST_TYPE: Final = "application/vnd.relance.payment-request+json"


class UnsignedRequestError(DocumentError):
    """Nobody has signed a payment request who may take payments, by the root that counts now."""


class PaymentRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A payment that somebody took. `id` is given by whoever took it: the same id is the same payment."""

    id: Id
    meter: Id
    amount_ueur: Annotated[int, Meta(ge=1, le=STATEMENT_UEUR_MAX)]
    basis: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
    v: Literal[1] = 1


_requests: msgspec.json.Decoder[PaymentRequest] = msgspec.json.Decoder(PaymentRequest)


def write_request(request: PaymentRequest) -> bytes:
    """The bytes that are signed."""
    return msgspec.json.encode(request, order="deterministic")


def read_request(payload: bytes) -> PaymentRequest:
    """A request from its signed bytes. Raises DocumentError if it is malformed."""
    return read_json(_requests, payload, "payment request")


def open_request(envelope: bytes, root: Root) -> PaymentRequest:
    """The request in an envelope.

    Raises UnsignedRequestError where nobody signed it who may, and DocumentError if it is malformed.
    """
    signed = open_signed(envelope, root, PAYMENT_REQUEST_TYPE)
    if not meets(signed, root, Role.PROTECT):
        raise UnsignedRequestError("payment request: nobody has signed it who may take payments")
    return read_request(signed.payload)
