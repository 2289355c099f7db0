"""What a kiosk signs about money that it has taken or given back: a receipt for the office.

A statement says what a meter shall credit, and no more; a receipt says of which payment, by whom and how.
The kiosk's own key signs both. No meter reads a receipt. Pure.
"""

from enum import StrEnum, unique
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from protocols.decoding import read_json
from protocols.documents.bodies import Id
from protocols.documents.envelope import read_envelope, valid_keyids
from protocols.documents.issuers import Issuer
from protocols.errors import DocumentError
from protocols.limits import INSTANT_MS_MAX, REV_MAX, STATEMENT_UEUR_MAX, TEXT_CHARS_MAX

TILL_RECEIPT_TYPE: Final = "application/vnd.relance.till-receipt+json"


@unique
class TillDeed(StrEnum):
    """What happened with the money of a payment.

    `taken`: it was handed over, or a card terminal has approved it. `written`: a card has confirmed the
    statement that carries it. `voided`: it was given back, and no statement carries it any more. `refund`:
    the household asks for it back, and the meter may have it: the office decides. `refunded`, `rejected`: the
    office has told the kiosk how it decided.
    """

    TAKEN = "taken"
    WRITTEN = "written"
    VOIDED = "voided"
    REFUND = "refund"
    REFUNDED = "refunded"
    REJECTED = "rejected"


@unique
class RefundStanding(StrEnum):
    """How far the office is with a refund. `owed`: it has it, and has not ended it."""

    OWED = "owed"
    PAID = "paid"
    REJECTED = "rejected"


@unique
class PaymentMeans(StrEnum):
    """How a payment is made: `terminal` is a payment terminal for bank cards."""

    CASH = "cash"
    TERMINAL = "terminal"


class TillReceipt(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One deed. `number`, `total_ueur`: of the latest statement that carries the payment; 0: of none.

    `at_ms`: by the kiosk's own clock, which may be wrong. `card`: its serial number as hex.
    """

    kiosk: Id
    deed: TillDeed
    payment: Id
    meter: Id
    card: Annotated[str, Meta(pattern=r"^([0-9a-f]{16})?$(?!\n)")]
    issuer: Id
    epoch: Annotated[int, Meta(ge=0, le=REV_MAX)]
    amount_ueur: Annotated[int, Meta(ge=1, le=STATEMENT_UEUR_MAX)]
    means: PaymentMeans
    number: Annotated[int, Meta(ge=0, le=REV_MAX)] = 0
    total_ueur: Annotated[int, Meta(ge=0, le=STATEMENT_UEUR_MAX)] = 0
    shift: Annotated[int, Meta(ge=0, le=REV_MAX)] = 0
    clerk: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)] = ""
    at_ms: Annotated[int, Meta(ge=0, le=INSTANT_MS_MAX)] = 0
    v: Literal[1] = 1


_receipts: msgspec.json.Decoder[TillReceipt] = msgspec.json.Decoder(TillReceipt)


def write_till_receipt(receipt: TillReceipt) -> bytes:
    """The bytes that are signed. Raises DocumentError for a value that no receipt may have."""
    payload = msgspec.json.encode(receipt, order="deterministic")
    read_till_receipt(payload)
    return payload


def read_till_receipt(payload: bytes) -> TillReceipt:
    """A receipt from its signed bytes. Raises DocumentError if it is malformed."""
    return read_json(_receipts, payload, "till receipt")


def open_till_receipt(envelope: bytes, issuer: Issuer) -> TillReceipt:
    """The receipt in an envelope that this issuer's key has signed; of any epoch, since receipts come late.

    Raises DocumentError if it is malformed, another issuer's, or not signed with that key.
    """
    found = read_envelope(envelope)
    if found.payload_type != TILL_RECEIPT_TYPE:
        raise DocumentError(f"till receipt: payloadType {found.payload_type!r}")
    if not valid_keyids(found, {issuer.keyid: bytes.fromhex(issuer.public)}):
        raise DocumentError(f"till receipt: not signed with the key of issuer {issuer.name}")
    receipt = read_till_receipt(found.payload)
    if receipt.issuer != issuer.name:
        raise DocumentError(f"till receipt: of {receipt.issuer}; expected {issuer.name}")
    return receipt
