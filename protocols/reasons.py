"""Closed lists: supply states, flags, why the supply changed, why an order was refused, screen codes.

Each member's value is the text on the wire, in the journal and in `--json`.
"""

from enum import StrEnum, unique


@unique
class Energy(StrEnum):
    ELECTRICITY = "electricity"
    GAS = "gas"


@unique
class Supply(StrEnum):
    """State of the supply.

    `armed`: off until a person presses the button (DLMS Blue Book, disconnect control, class 70: control
    state 2, ready for reconnection).
    """

    ON = "on"
    OFF = "off"
    ARMED = "armed"
    LIMITED = "limited"


@unique
class SupplyReason(StrEnum):
    """Why the supply last changed."""

    CREDIT = "credit"
    PROGRAMMED_CUT = "programmed_cut"
    CUT_ORDER = "cut_order"
    SAFETY = "safety"
    LIMITER = "limiter"
    RELEASE = "release"
    TOP_UP = "top_up"
    EMERGENCY_CREDIT = "emergency_credit"
    HOLD = "hold"
    CLOCK = "clock"
    BUTTON = "button"
    LEAK_TEST = "leak_test"
    LEAK = "leak"
    NONE = "none"


@unique
class FlagName(StrEnum):
    """A household's flags. `medical` and `dispute` forbid every cut while they are set.

    `protected` engages the limiter in place of a cut, where the meter has one (design §4.2).
    """

    PROTECTED = "protected"
    MEDICAL = "medical"
    DISPUTE = "dispute"


@unique
class Language(StrEnum):
    """The languages in which households are written to, by their codes of ISO 639-1."""

    FRENCH = "fr"
    DUTCH = "nl"
    GERMAN = "de"
    ENGLISH = "en"


@unique
class HoldKind(StrEnum):
    """Why a hold was declared. For people and reports; a meter treats all kinds alike."""

    MORATORIUM = "moratorium"
    DISPUTE = "dispute"
    MEDICAL = "medical"
    WINTER = "winter"
    PREMISES = "premises"


@unique
class ClockStatus(StrEnum):
    TRUSTED = "trusted"
    DISPUTED = "disputed"
    LOST = "lost"


@unique
class Because(StrEnum):
    """Why the gate is open or shut (design §4.2)."""

    SAFETY = "safety"
    PERMITTED = "permitted"
    CLOCK_LOST = "clock_lost"
    CLOCK_DISPUTED = "clock_disputed"
    HOLD = "hold"
    NO_WINDOW = "no_window"
    NO_LEASE = "no_lease"
    LEASE_ENDED = "lease_ended"
    REVISIONS_MISSING = "revisions_missing"
    NO_EVIDENCE = "no_evidence"


@unique
class PaymentMode(StrEnum):
    """When a household pays: before it consumes, or afterwards. Only `prepaid` is ever cut for credit."""

    PREPAID = "prepaid"
    CREDIT = "credit"


@unique
class Source(StrEnum):
    """A time authority: who signs the time, whatever carries it."""

    HEADEND = "headend"
    TIMESERVER = "timeserver"
    TECHNICIAN = "technician"
    CARD = "card"


@unique
class ClaimSource(StrEnum):
    """Where a date came from, as the black box records it: a time authority (`Source`), or `unsigned`."""

    HEADEND = "headend"
    TIMESERVER = "timeserver"
    TECHNICIAN = "technician"
    CARD = "card"
    UNSIGNED = "unsigned"


@unique
class ClaimVerdict(StrEnum):
    """How a meter judged a date from outside (design §4.1).

    `logged`: the guarded clock never uses a date that nobody signed. `obeyed` and `refused` are the card
    meter's, which refuses only by one of its defects; all others are the guarded clock's.
    """

    AGREES = "agrees"
    NARROWED = "narrowed"
    DISAGREES = "disagrees"
    CRYSTAL_RATE = "crystal_rate"
    DISPUTED = "disputed"
    REGAINED = "regained"
    HELD = "held"
    NOT_ADDRESSED = "not_addressed"
    UNKNOWN_NONCE = "unknown_nonce"
    STALE_NUMBER = "stale_number"
    LOGGED = "logged"
    OBEYED = "obeyed"
    REFUSED = "refused"


@unique
class ClockCause(StrEnum):
    """What changed the clock. The two values with a space are the card meter's."""

    CLAIM = "claim"
    CRYSTAL_RATE = "crystal_rate"
    REBASE = "rebase"
    TECHNICIAN = "technician"
    TICKS_LOST = "ticks_lost"
    CARD_METER_TICKS_LOST = "ticks lost"
    CARD_METER_MAINS_BACK = "mains back"


@unique
class CreditCause(StrEnum):
    """What changed the credit, or which threshold (`low`, `zero`) it crossed.

    `allowance`: a payment that was over its issuer's limit is credited, since the allowance covers it now.
    """

    TOP_UP = "top_up"
    ALLOWANCE = "allowance"
    EMERGENCY_START = "emergency_start"
    EMERGENCY_USED_UP = "emergency_used_up"
    LOW = "low"
    ZERO = "zero"
    TARIFF = "tariff"
    DEBT = "debt"
    REFUND = "refund"


@unique
class OrderVerdict(StrEnum):
    """A meter's answer to a document."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


@unique
class Did(StrEnum):
    """What an accepted document did.

    `over_limit`: a payment is above what its issuer may spend now. The meter credits it by itself as soon as
    the allowance covers it, or at once when two people sign it too. `keys`: the meter has drawn a new key.
    """

    STORED = "stored"
    REPEATED = "repeated"
    RELEASED = "released"
    CREDITED = "credited"
    OVER_LIMIT = "over_limit"
    EMERGENCY = "emergency"
    TARIFF = "tariff"
    KEYS = "keys"


@unique
class NoOrder(StrEnum):
    """In place of a kind, for a judged document that is no order: a root, a card of 2020, broken bytes."""

    ROOT = "root"
    ISSUERS = "issuers"
    CARD = "card"
    UNREADABLE = ""


@unique
class Refusal(StrEnum):
    """Why a meter refuses a document. The state is unchanged.

    A document that cannot be read is `malformed`, whatever is wrong with it. `unknown_issuer`: a payment of
    an issuer, or of an epoch, that the meter's issuers document does not name; `stale_epoch`: of one that is
    closed. `too_large`, `wrong_type`, `unknown_kind`, `no_such_calendar` and `no_limiter` are for other
    firmwares: ours gives none of them, and the controller accepts them all.
    """

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_KIND = "unknown_kind"
    TOO_FEW_SIGNERS = "too_few_signers"
    NOT_ADDRESSED = "not_addressed"
    STALE_REV = "stale_rev"
    BELOW_FLOOR = "below_floor"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    CLOCK_NOT_TRUSTED = "clock_not_trusted"
    LEASE_TOO_LONG = "lease_too_long"
    NO_SUCH_CALENDAR = "no_such_calendar"
    UNKNOWN_NONCE = "unknown_nonce"
    STALE_NUMBER = "stale_number"
    OUT_OF_RANGE = "out_of_range"
    TOO_MANY = "too_many"
    NO_LIMITER = "no_limiter"
    UNSUPPORTED = "unsupported"
    UNKNOWN_ISSUER = "unknown_issuer"
    STALE_EPOCH = "stale_epoch"


@unique
class ScreenCode(StrEnum):
    """Codes of the card meter's screen. Codes 1 to 7 of 2020 are not known and not used."""

    ACCEPTED = "9"
    NOT_RELANCED = "8"
    TRIANGLE = "triangle"
    NONE = ""


@unique
class Voice(StrEnum):
    """Who says what time it is. `fleet`: the reports of all meters with a trusted clock, together.

    `headend`: the service, as a kiosk hears it.
    """

    SYSTEM = "system"
    TIMESERVER = "timeserver"
    FLEET = "fleet"
    HEADEND = "headend"


@unique
class ClockStanding(StrEnum):
    """Whether the service knows what time it is."""

    TRUSTED = "trusted"
    DOUBTFUL = "doubtful"


@unique
class Doubt(StrEnum):
    """Why the interval is doubtful.

    `alone`: fewer than two voices have spoken; `apart`: no two agree; `wide`: the interval is too wide;
    `crystal`: two voices contradict the crystal; `unsupported`: no voice agrees with the crystal's interval.
    """

    NONE = ""
    ALONE = "alone"
    APART = "apart"
    WIDE = "wide"
    CRYSTAL = "crystal"
    UNSUPPORTED = "unsupported"
