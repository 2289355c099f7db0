"""What a kiosk may do by itself: a signed document of the controller, numbered and only rising.

The limits bind an honest kiosk, so that it goes on without the controller and no further than it should. A
thief of its key is bound by what every meter enforces: the allowance of the kiosk's issuer (`issuers`), which
two people sign. So one person of role protect signs limits, and one alone can revoke a kiosk. Times are
lengths and never dates: the kiosk counts them by a clock that nobody sets. Pure.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from protocols.decoding import read_json
from protocols.documents.bodies import Id, Rev
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Root, meets, open_signed
from protocols.errors import DocumentError
from protocols.limits import (
    KIOSK_OFFLINE_COUNT_MAX,
    KIOSK_OFFLINE_HOURS_MAX,
    STATEMENT_UEUR_MAX,
    TOP_UP_EUR_MAX,
    TOP_UP_EUR_MIN,
)
from protocols.reasons import Refusal
from protocols.units import UEUR_PER_EUR

KIOSK_LIMITS_TYPE: Final = "application/vnd.relance.kiosk-limits+json"

_Payment = Annotated[int, Meta(ge=TOP_UP_EUR_MIN * UEUR_PER_EUR, le=TOP_UP_EUR_MAX * UEUR_PER_EUR)]
_Sum = Annotated[int, Meta(ge=0, le=STATEMENT_UEUR_MAX)]


class KioskLimits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The limits of one kiosk. A later version replaces the one before.

    `payment_min_ueur`, `payment_max_ueur`: of one payment. `meter_day_ueur`: of all payments to one meter in
    24 hours. `offline_ueur`, `offline_count`: of all payments that the controller has not acknowledged yet.
    `offline_hours`: how long the kiosk goes on after it has last heard the controller. `revoked`: it takes
    no payment any more, and no later version brings it back.
    """

    kiosk: Id
    version: Rev
    payment_min_ueur: _Payment = TOP_UP_EUR_MIN * UEUR_PER_EUR
    payment_max_ueur: _Payment = TOP_UP_EUR_MAX * UEUR_PER_EUR
    meter_day_ueur: _Sum = TOP_UP_EUR_MAX * UEUR_PER_EUR
    offline_ueur: _Sum = 10_000 * UEUR_PER_EUR
    offline_count: Annotated[int, Meta(ge=0, le=KIOSK_OFFLINE_COUNT_MAX)] = 200
    offline_hours: Annotated[int, Meta(ge=0, le=KIOSK_OFFLINE_HOURS_MAX)] = 72
    revoked: bool = False
    v: Literal[1] = 1


_limits: msgspec.json.Decoder[KioskLimits] = msgspec.json.Decoder(KioskLimits)


def read_limits(payload: bytes) -> KioskLimits:
    """Limits from their signed bytes. Raises DocumentError if they are malformed."""
    limits = read_json(_limits, payload, "kiosk limits")
    if limits.payment_min_ueur > limits.payment_max_ueur:
        raise DocumentError("kiosk limits: the least payment is above the greatest")
    return limits


def write_limits(limits: KioskLimits) -> bytes:
    """The bytes that are signed. Raises DocumentError like `read_limits`."""
    payload = msgspec.json.encode(limits, order="deterministic")
    read_limits(payload)
    return payload


def open_limits(envelope: bytes, root: Root, kiosk: str) -> KioskLimits:
    """The limits of this kiosk in an envelope, signed by as many people as protection needs.

    Raises DocumentError if they are malformed, another kiosk's, or signed by too few.
    """
    signed = open_signed(envelope, root, KIOSK_LIMITS_TYPE)
    limits = read_limits(signed.payload)
    if limits.kiosk != kiosk:
        raise DocumentError(f"kiosk limits: of {limits.kiosk}; expected {kiosk}")
    if not meets(signed, root, Role.PROTECT):
        raise DocumentError("kiosk limits: nobody has signed them who may")
    return limits


def accept_limits(
    envelope: bytes, root: Root, kiosk: str, current: KioskLimits | None
) -> KioskLimits | Refusal:
    """The next limits of a kiosk. STALE_REV where they are not above the present ones.

    A revoked kiosk stays revoked, whatever comes later. A revocation is for good, so it counts by any number:
    an office whose store was restored may know a lower one than the kiosk. Raises DocumentError as
    `open_limits`.
    """
    new = open_limits(envelope, root, kiosk)
    if current is None or (new.revoked and not current.revoked):
        return new
    if new.version <= current.version or (current.revoked and not new.revoked):
        return Refusal.STALE_REV
    return new
