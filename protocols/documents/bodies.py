"""What each kind of order carries: one class a body, and the types of its fields.

Which kind carries which body stands in `kinds`; the order around it is `orders.Order`. A body is read
strictly: a field that is missing, unknown or out of range is refused.
"""

from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from protocols.identifiers import ID_FORM, OBIS_FORM
from protocols.limits import (
    DEBT_DAYS_MAX,
    DEBT_UEUR_MAX,
    GROUPS_MAX,
    ID_CHARS_MAX,
    KEPT_MAX,
    KEY_GENERATIONS_MAX,
    OBJECTS_MAX,
    PRICE_UEUR_MAX,
    REGISTERS_MAX,
    REV_MAX,
    REVISIONS_MAX,
    STATEMENT_UEUR_MAX,
    SWITCHES_MAX,
    TEXT_CHARS_MAX,
    WINDOWS_MAX,
    ReleaseHours,
)
from protocols.reasons import FlagName, HoldKind, PaymentMode
from protocols.spans import InstantMs, Window

# In a pattern `$` alone would also let a line feed follow; `$(?!\n)` means the end to Python and to
# readers of the JSON schema alike.
Id = Annotated[str, Meta(min_length=1, max_length=ID_CHARS_MAX, pattern=rf"^{ID_FORM}$(?!\n)")]
ObjectName = Annotated[
    str,
    Meta(min_length=3, max_length=ID_CHARS_MAX + 16, pattern=rf"^[a-z]+/{ID_FORM}$(?!\n)"),
]
Rev = Annotated[int, Meta(ge=1, le=REV_MAX)]
Ueur = Annotated[int, Meta(ge=0, le=STATEMENT_UEUR_MAX)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class Body(Struct, frozen=True, forbid_unknown_fields=True):
    """What an order carries. Base of all bodies: immutable, and an unknown field is an error."""


class HoldBody(Body, frozen=True):
    """No cut in `[from_ms, until_ms)`. Declares or extends: revisions of one hold join."""

    from_ms: InstantMs
    until_ms: InstantMs
    hold_kind: HoldKind = HoldKind.MORATORIUM


class ReleaseBody(Body, frozen=True):
    """Restore now, and do not cut for `hours` of ticks after that (design §4.2)."""

    hours: ReleaseHours = 72


class PaymentBody(Body, frozen=True, omit_defaults=True):
    """A statement: the running total of all payments of one issuer to this meter (design §4.3).

    `epoch` 0, of a meter without an issuers document, is left out: older firmware does not know the field.
    """

    issuer: Id
    number: Rev
    total_ueur: Ueur
    epoch: Annotated[int, Meta(ge=0, le=REV_MAX)] = 0


class EmergencyCreditBody(Body, frozen=True):
    """Start the emergency credit as if its button had been pressed; once per rev."""


class FlagBody(Body, frozen=True):
    """Set (`set_flag`) or clear (`clear_flag`) a household's flag."""

    name: FlagName


class CancelCutBody(Body, frozen=True):
    """Cancel a cut order, whether it has arrived or not; leaves a tombstone."""

    cut: ObjectName


class CutCalendarBody(Body, frozen=True):
    """When the meter may cut: UTC windows `[start_ms, end_ms)`, sorted and disjoint.

    `rule`, `zone` and `holidays` say what the windows were compiled from; the meter ignores them.
    """

    windows: Annotated[tuple[Window, ...], Meta(max_length=WINDOWS_MAX)]
    rule: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)] = ""
    zone: Annotated[str, Meta(max_length=ID_CHARS_MAX)] = ""
    holidays: Annotated[str, Meta(max_length=ID_CHARS_MAX)] = "none"


class CutOrderBody(Body, frozen=True):
    """Cut inside the order's own interval, and, like every cut, inside a window."""


class HoldFloorBody(Body, frozen=True):
    """A two-person floor under a hold: `shorten_hold` gives its new interval."""

    from_ms: InstantMs
    until_ms: InstantMs


class LiftBody(Body, frozen=True):
    """A two-person floor with an empty interval."""


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    """A hold that a void leaves: one revision of it and its interval, as `keeper` has signed it too."""

    object: ObjectName
    rev: Rev
    from_ms: InstantMs
    until_ms: InstantMs


class VoidBody(Body, frozen=True):
    """Takes away all protection that one key has signed, and names what still protects (design §5, void).

    `holder`: whose key it is; what an older firmware stored of that person, without the key, goes as well.
    `keeper`: the keyid, among the signers of the void, in whose room `keeps` stand; empty where nothing is
    kept.
    """

    key: Digest
    holder: Id
    keeps: Annotated[tuple[Kept, ...], Meta(max_length=KEPT_MAX)] = ()
    keeper: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$(?!\n)")] = ""


class LimiterBody(Body, frozen=True):
    """Engage or disengage the limiter at the profile's power."""

    engaged: bool


Price = Annotated[int, Meta(ge=0, le=PRICE_UEUR_MAX)]
Obis = Annotated[str, Meta(pattern=rf"^{OBIS_FORM}$(?!\n)")]


class RegisterPrice(Struct, frozen=True, forbid_unknown_fields=True):
    """A register that a tariff names, and what counts while it is in use."""

    obis: Obis
    price_ueur_per_kwh: Price
    fixed_ueur_per_day: Price


class Switch(NamedTuple):
    """From `at_ms` on the register at this place of the tariff is in use, counted from 1; 0: none."""

    at_ms: InstantMs
    register: Annotated[int, Meta(ge=0, le=REGISTERS_MAX)]


class TariffBody(Body, frozen=True, omit_defaults=True):
    """Prices from now on; `registers` and `switches` say when other prices count (design §4.3).

    Switches are sorted. A tariff without registers leaves both out: older firmware does not know them.
    """

    price_ueur_per_kwh: Price
    fixed_ueur_per_day: Price
    registers: Annotated[tuple[RegisterPrice, ...], Meta(max_length=REGISTERS_MAX)] = ()
    switches: Annotated[tuple[Switch, ...], Meta(max_length=SWITCHES_MAX)] = ()


class DeferralBody(Body, frozen=True):
    """What is delivered in `[from_ms, until_ms)` is counted and not charged: it is settled later (§4.3)."""

    from_ms: InstantMs
    until_ms: InstantMs


Sum = Annotated[int, Meta(ge=0, le=DEBT_UEUR_MAX)]


class DebtBody(Body, frozen=True, omit_defaults=True):
    """Debt on a meter, and how payments bring it back (design §4.3).

    `total_ueur`: all debt that was ever put on the meter; what payments have brought is not taken off.
    `share_permille`: thousandths of what a payment leaves after emergency credit. A cap of the highest amount
    caps nothing; the days of a period are counted in the meter's ticks.
    """

    total_ueur: Sum
    share_permille: Annotated[int, Meta(ge=0, le=1_000)]
    payment_cap_ueur: Sum = DEBT_UEUR_MAX
    period_cap_ueur: Sum = DEBT_UEUR_MAX
    period_days: Annotated[int, Meta(ge=1, le=DEBT_DAYS_MAX)] = 7


class RefundBody(Body, frozen=True):
    """A statement of what was paid back out of a purse: the running total of all refunds of this meter."""

    total_ueur: Sum


class ParametersBody(Body, frozen=True, omit_defaults=True):
    """A version of a meter's parameters, in force from `from_ms` on; its number is the order's (design §4.3).

    What is left out is as commissioned. `back_to`: the values of this earlier version, 0 of the
    commissioning; then nothing else is named.
    """

    from_ms: InstantMs
    mode: PaymentMode | None = None
    groups: Annotated[tuple[Id, ...], Meta(max_length=GROUPS_MAX)] | None = None
    back_to: Annotated[int, Meta(ge=0, le=REV_MAX)] | None = None


class KeysBody(Body, frozen=True):
    """Draw a new key, and agree on it with the office (`protocols.link.agreement`).

    `generation`: of the fleet's key, from which the office derives its halves; a meter takes none that is
    lower than its own. `public`: the office's half for the meter's own key; `headend`, `timeserver`: those of
    the authorities, for the keys of its asks. All are X25519, as hex.
    """

    generation: Annotated[int, Meta(ge=1, le=KEY_GENERATIONS_MAX)]
    public: Digest
    headend: Digest
    timeserver: Digest


class RebaseBody(Body, frozen=True):
    """Begin a new tick epoch for the dispute of this nonce; carries no time (design §4.1)."""

    nonce: Annotated[str, Meta(min_length=1, max_length=ID_CHARS_MAX)]


class Named(Struct, frozen=True, forbid_unknown_fields=True):
    """One object in force as the controller knows it: its floor (0 for none) and the revs above it."""

    object: ObjectName
    floor: Annotated[int, Meta(ge=0, le=REV_MAX)] = 0
    revs: Annotated[tuple[Rev, ...], Meta(max_length=REVISIONS_MAX)] = ()


class LeaseBody(Body, frozen=True):
    """Permits one calendar until the order's `not_after_ms`, and names all protection in force."""

    calendar: ObjectName
    calendar_rev: Rev
    calendar_digest: Digest
    names: Annotated[tuple[Named, ...], Meta(max_length=OBJECTS_MAX)] = ()
