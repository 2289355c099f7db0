"""What a receipt says, as facts without words: so it can be printed again, and in another language.

A receipt lies in the store as these facts; text, HTML and paper are made of it. Pure.
"""

from enum import StrEnum, unique

from msgspec import Struct

from protocols.languages.card_messages import CardMessage
from protocols.reasons import Energy, Language


@unique
class ReceiptKind(StrEnum):
    """What a receipt is about.

    `recovery`: supply comes back by a card; `reactivation`: a planned cut is cancelled by one; `cash_up`: the
    end of a shift.
    """

    PAYMENT = "payment"
    VOID = "void"
    REFUND = "refund"
    RECOVERY = "recovery"
    REACTIVATION = "reactivation"
    CASH_UP = "cash_up"


class ReceiptFacts(Struct, frozen=True, kw_only=True):
    """One receipt. Money is micro-euro; None: not known, or nothing to say.

    `balance_ueur`, `emergency_owed_ueur`, `debt_owed_ueur`: what the meter said at its last visit with this
    card, at `said_ms`.
    `total_ueur`: all payments to this meter at this kiosk. `hours`, `present_until_ms`: of a recovery card:
    how long the hold lasts from the meter on, and until when the card may be put in. `cut`: of a
    reactivation: the cut that is cancelled. `repaid_ueur`: of a payment: what of it goes to the emergency
    credit first; None from an older program. `steps`: what the household does at home, with `call_code`, the
    number for the call centre, and its `phone`; empty from an older program.
    """

    kind: ReceiptKind
    at_ms: int
    kiosk: str
    office: str
    zone: str
    language: Language
    practice: bool
    clerk: str = ""
    shift: int = 0
    card: str = ""
    meter: str = ""
    reference: str = ""
    payment: str = ""
    means: str = ""
    amount_ueur: int | None = None
    number: int = 0
    total_ueur: int | None = None
    balance_ueur: int | None = None
    emergency_owed_ueur: int | None = None
    debt_owed_ueur: int | None = None
    said_ms: int | None = None
    hours: int = 0
    present_until_ms: int | None = None
    cut: str = ""
    payments: int = 0
    float_ueur: int | None = None
    cash_in_ueur: int | None = None
    cash_out_ueur: int | None = None
    terminal_ueur: int | None = None
    counted_ueur: int | None = None
    repaid_ueur: int | None = None
    energy: Energy | None = None
    steps: tuple[CardMessage, ...] = ()
    call_code: str = ""
    phone: str = ""
    v: int = 1
