"""What can be said of a card at a kiosk, as ids. Their sentences are in `card_sentences.py`.

A kept receipt names what its household does at home: none of these ids is ever taken away.
"""

from enum import StrEnum, unique


@unique
class CardMessage(StrEnum):
    """One thing to say about a card, its meter, or what is to be done now."""

    # what the card is
    VIRGIN = "virgin"
    BLOCKED = "blocked"
    REPLACED = "replaced"
    FOREIGN = "foreign"
    DAMAGED = "damaged"
    PARTLY_DAMAGED = "partly_damaged"
    NEVER_READ = "never_read"
    NOT_ITS_METERS = "not_its_meters"
    # what the meter showed
    CODE_ACCEPTED = "code_accepted"
    CODE_NOT_RELANCED = "code_not_relanced"
    CODE_NO_CREDIT = "code_no_credit"
    CODE_UNKNOWN = "code_unknown"
    # why it showed 8
    CUT_WAS_PROGRAMMED = "cut_was_programmed"
    CANCELLATION_ABSENT = "cancellation_absent"
    CANCELLATION_WAITS = "cancellation_waits"
    CANCELLATION_SEEN = "cancellation_seen"
    CANCELLATION_REFUSED = "cancellation_refused"
    # cuts that a guarded meter holds, or has carried out
    CUT_PLANNED = "cut_planned"
    CUT_PLANNED_UNDATED = "cut_planned_undated"
    CUT_CARRIED_OUT = "cut_carried_out"
    THIS_CANCELLATION_WAITS = "this_cancellation_waits"
    # the supply
    SUPPLY_ON = "supply_on"
    SUPPLY_ARMED = "supply_armed"
    SUPPLY_LIMITED = "supply_limited"
    OFF_FOR_CREDIT = "off_for_credit"
    OFF_BY_PROGRAM = "off_by_program"
    OFF_BY_ORDER = "off_by_order"
    OFF_FOR_SAFETY = "off_for_safety"
    OFF_FOR_LEAK = "off_for_leak"
    SUPPLY_OFF = "supply_off"
    # money
    BALANCE = "balance"
    BALANCE_OWED = "balance_owed"
    ON_ITS_WAY = "on_its_way"
    PAYMENT_WAITS = "payment_waits"
    PAYMENT_REFUSED = "payment_refused"
    DOCUMENT_REFUSED = "document_refused"
    # its clock
    SAID_AT = "said_at"
    CLOCK_TRUSTED = "clock_trusted"
    CLOCK_DISPUTED = "clock_disputed"
    CLOCK_LOST = "clock_lost"
    CLOCK_TOO_WIDE = "clock_too_wide"
    # which of the three steps is missing
    STEP_HOME = "step_home"
    STEP_KIOSK = "step_kiosk"
    STEP_HOME_WRITTEN = "step_home_written"
    STEP_HOME_AGAIN = "step_home_again"
    STEP_NONE = "step_none"
    # what the household does
    PUT_CARD_IN = "put_card_in"
    WAIT_FOR_NINE = "wait_for_nine"
    PRESS_RED = "press_red"
    CLOSE_APPLIANCES = "close_appliances"
    PRESS_BLUE = "press_blue"
    USE_NEWER_CARD = "use_newer_card"
    CALL_US = "call_us"
    CALL_US_AT = "call_us_at"
    # what the clerk does
    WRITE_AT_ONCE = "write_at_once"
    WRITE_AGAIN = "write_again"
    CANCEL_PLANNED = "cancel_planned"
    ASK_OFFICE = "ask_office"
    ASK_NEWER_CARD = "ask_newer_card"
    WRITE_RECOVERY = "write_recovery"
    WRITE_CANCELLATION = "write_cancellation"
    TAKE_PAYMENT = "take_payment"
    ANSWER_CLOCK = "answer_clock"
    REPLACE_CARD = "replace_card"
    ISSUE_CARD = "issue_card"
    TRY_AGAIN = "try_again"


@unique
class CardPicture(StrEnum):
    """A picture beside an instruction."""

    CARD = "card"
    SLOT = "slot"
    NINE = "nine"
    RED_BUTTON = "red_button"
    BLUE_BUTTON = "blue_button"
    APPLIANCES = "appliances"
    LAMP = "lamp"
    KIOSK = "kiosk"
    PHONE = "phone"
