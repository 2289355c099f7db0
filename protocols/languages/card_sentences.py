"""The sentences of `card_messages.py`, as a household and a clerk read them.

8, 9 and the triangle are what is known of the operator's signs (design §1). No other code gets a meaning.
"""

from typing import Final
from zoneinfo import ZoneInfo

from protocols.languages.card_messages import CardMessage, CardPicture
from protocols.languages.catalogue import Sentences, say
from protocols.languages.dates import moment_for
from protocols.languages.money import sum_for

# The acts of a clerk as the screen's buttons and the titles of tickets name them: advice names them alike.
BUTTONS: Final = {
    "recover": say("Supply back by card"),
    "reactivate": say("Cancel a planned cut"),
}

_IS: Final = {
    CardMessage.VIRGIN: say("This card is new. It does not belong to any household yet."),
    CardMessage.BLOCKED: say("This card is blocked: it was replaced or given back."),
    CardMessage.REPLACED: say(
        "This card was replaced by a newer one. Your meter does not accept it any more."
    ),
    CardMessage.FOREIGN: say("This is not a card for a prepaid meter of ours."),
    CardMessage.DAMAGED: say(
        "This card cannot be read: it is damaged. No money is lost by this; what you paid stands in our "
        "books."
    ),
    CardMessage.PARTLY_DAMAGED: say("A part of this card cannot be read. What can be read is below."),
    CardMessage.NEVER_READ: say("Your meter has never read this card."),
    CardMessage.NOT_ITS_METERS: say(
        "Attention: what this card says of the meter was not said by the meter. Nothing of it is certain. "
        "Please tell it to the call centre."
    ),
}
_CODES: Final = {
    CardMessage.CODE_ACCEPTED: say("Code 9: the meter has accepted the card."),
    CardMessage.CODE_NOT_RELANCED: say(
        "Code 8: the meter refuses to switch on. That is not your fault, and to charge the card once more "
        "does not help."
    ),
    CardMessage.CODE_NO_CREDIT: say("Triangle: the credit is used up."),
    CardMessage.CODE_UNKNOWN: say(
        "Code {code}: we know of no meaning that the network operator has published. Please tell it to the "
        "call centre."
    ),
    CardMessage.CUT_WAS_PROGRAMMED: say("A cut was programmed in the meter, and its date has come."),
    CardMessage.CANCELLATION_ABSENT: say("No cancellation of this cut is on the card."),
    CardMessage.CANCELLATION_WAITS: say(
        "The cancellation of this cut is on the card. The meter has not read it yet."
    ),
    CardMessage.CANCELLATION_SEEN: say("The meter has read the cancellation of this cut."),
    CardMessage.CANCELLATION_REFUSED: say("The meter has refused the cancellation of this cut."),
}
_CUTS: Final = {
    CardMessage.CUT_PLANNED: say("A cut is planned: {code}, at the earliest on {moment}, until {end}."),
    CardMessage.CUT_PLANNED_UNDATED: say("A cut is planned: {code}. The card does not say for when."),
    CardMessage.CUT_CARRIED_OUT: say(
        "A planned cut has taken the supply: {code}, which was planned for {moment}, until {end}."
    ),
    CardMessage.THIS_CANCELLATION_WAITS: say(
        "The cancellation of the cut {code} is on the card. The meter has not read it yet."
    ),
}
_SUPPLY: Final = {
    CardMessage.SUPPLY_ON: say("The supply was on."),
    CardMessage.SUPPLY_ARMED: say(
        "The supply was off, and the meter was ready: a press on its button restores it."
    ),
    CardMessage.SUPPLY_LIMITED: say("The supply was on, with limited power."),
    CardMessage.OFF_FOR_CREDIT: say("The supply was off: the credit was used up."),
    CardMessage.OFF_BY_PROGRAM: say("The supply was off: a cut was programmed in the meter."),
    CardMessage.OFF_BY_ORDER: say("The supply was off by an order."),
    CardMessage.OFF_FOR_SAFETY: say("The supply was off for safety."),
    CardMessage.OFF_FOR_LEAK: say("The supply was off: the leak test found gas flowing."),
    CardMessage.SUPPLY_OFF: say("The supply was off."),
}
_MONEY: Final = {
    CardMessage.BALANCE: say("Credit in the meter: {sum}."),
    CardMessage.BALANCE_OWED: say("Used beyond the credit: {sum}. The next payment covers this first."),
    CardMessage.ON_ITS_WAY: say(
        "On the card for the meter: {sum}. It counts once the meter has read the card."
    ),
    CardMessage.PAYMENT_WAITS: say("A payment is on the card. It counts once the meter has read the card."),
    CardMessage.PAYMENT_REFUSED: say(
        "The meter has refused a payment on the card. The money is not lost: it stands in our books."
    ),
    CardMessage.DOCUMENT_REFUSED: say(
        "The meter has refused something on the card. Please tell it to the call centre."
    ),
}
_CLOCK: Final = {
    CardMessage.SAID_AT: say("The meter said this on {moment}, by its own clock."),
    CardMessage.CLOCK_TRUSTED: say("The meter is sure of the time."),
    CardMessage.CLOCK_DISPUTED: say(
        "The meter has heard two different dates. Until that is settled it cuts nobody off for a date or for "
        "credit."
    ),
    CardMessage.CLOCK_LOST: say(
        "The meter does not know the time. Until it does, it cuts nobody off for a date or for credit."
    ),
    CardMessage.CLOCK_TOO_WIDE: say(
        "The meter knows the time only roughly. Until it knows it better, it cuts nobody off for a date or "
        "for credit."
    ),
}
STEPS: Final = {
    CardMessage.STEP_HOME: say("Step 1 of 3 is missing: the card into the meter, at home."),
    CardMessage.STEP_KIOSK: say("Step 2 of 3 is missing: the card is to be written here, by the clerk."),
    CardMessage.STEP_HOME_WRITTEN: say("Step 3 of 3 is missing: the card into the meter, at home."),
    CardMessage.STEP_HOME_AGAIN: say("Step 3 of 3 is missing: the card into the meter again, at home."),
    CardMessage.STEP_NONE: say("No step is missing: the meter has read all that is on the card."),
}
_HOUSEHOLD_DOES: Final = {
    CardMessage.PUT_CARD_IN: say("At home: put the card into the slot of the meter."),
    CardMessage.WAIT_FOR_NINE: say(
        "Leave it in until the screen shows 9 and you hear two beeps. Then take it out."
    ),
    CardMessage.PRESS_RED: say(
        "If the supply does not come back: press the red button on the meter, then raise the breaker."
    ),
    CardMessage.CLOSE_APPLIANCES: say("Close every gas appliance."),
    CardMessage.PRESS_BLUE: say(
        "If the gas is off: press the blue button for 5 seconds. The meter then tests for leaks for 12 "
        "minutes: use no appliance before it has ended."
    ),
    CardMessage.USE_NEWER_CARD: say("Please use your newer card."),
    CardMessage.CALL_US: say("If the screen shows anything else, call us and tell us this number: {code}."),
    CardMessage.CALL_US_AT: say(
        "If the screen shows anything else, call {phone} and tell us this number: {code}."
    ),
}
_CLERK_DOES: Final = {
    CardMessage.WRITE_AT_ONCE: say(
        "For the clerk: a payment, or supply back, can be written onto this card at once. The meter need not "
        "have read it before."
    ),
    CardMessage.WRITE_AGAIN: say(
        "For the clerk: a payment on this card is damaged. Look under Find for its number, and write the "
        "same payment again: nobody is charged twice."
    ),
    CardMessage.WRITE_RECOVERY: say("For the clerk: choose “{recover}”, and write it onto this card."),
    CardMessage.WRITE_CANCELLATION: say(
        "For the clerk: choose “{reactivate}” too, and write it onto this card."
    ),
    CardMessage.CANCEL_PLANNED: say(
        "For the clerk: unless this cut is right, choose “{reactivate}”, and write it onto this card."
    ),
    CardMessage.ASK_OFFICE: say(
        "For the clerk: ask the office why the meter refuses the payment. Take no other one before that: it "
        "may be refused too."
    ),
    CardMessage.ASK_NEWER_CARD: say(
        "For the clerk: ask for the newer card. Only if that is lost too, make one in its place."
    ),
    CardMessage.TAKE_PAYMENT: say("For the clerk: take a payment, so that the supply can come back."),
    CardMessage.ANSWER_CLOCK: say(
        "For the clerk: the meter asks for the time. The next writing brings the answer."
    ),
    CardMessage.REPLACE_CARD: say("For the clerk: make a new card for this household. Its credit stays."),
    CardMessage.ISSUE_CARD: say("For the clerk: this card can be issued to a household."),
    CardMessage.TRY_AGAIN: say("Take the card out, look which side is up, and put it in again."),
}
_TEXTS: Final = {
    **_IS,
    **_CODES,
    **_CUTS,
    **_SUPPLY,
    **_MONEY,
    **_CLOCK,
    **STEPS,
    **_HOUSEHOLD_DOES,
    **_CLERK_DOES,
}
_PICTURES: Final = {
    CardPicture.CARD: say("A card with a chip."),
    CardPicture.SLOT: say("A card goes into the slot of a meter."),
    CardPicture.NINE: say("The screen of the meter shows 9; two beeps sound."),
    CardPicture.RED_BUTTON: say("A finger presses the red button; the lever of the breaker goes up."),
    CardPicture.BLUE_BUTTON: say("A finger presses the blue button for 5 seconds."),
    CardPicture.APPLIANCES: say("The tap of a gas cooker is turned off."),
    CardPicture.LAMP: say("A lamp shines."),
    CardPicture.KIOSK: say("A clerk puts a card into the reader of the kiosk."),
    CardPicture.PHONE: say("A telephone."),
}


def card_sentence(
    sentences: Sentences,
    message: CardMessage,
    zone: ZoneInfo,
    *,
    sum_ueur: int | None = None,
    at_ms: int | None = None,
    code: str | None = None,
    until_ms: int | None = None,
    phone: str = "",
) -> str:
    """What a message says, with its values: a sum, an instant or an interval, a code, where it has them."""
    values = {
        "sum": "" if sum_ueur is None else sum_for(sentences, sum_ueur),
        "moment": "" if at_ms is None else moment_for(sentences, at_ms, zone),
        "end": "" if until_ms is None else moment_for(sentences, until_ms, zone),
        "code": code or "",
        "phone": phone,
        **{name: sentences.say(label) for name, label in BUTTONS.items()},
    }
    return sentences.say(_TEXTS[message], **values)


def picture_text(sentences: Sentences, picture: CardPicture) -> str:
    """What a picture shows, for those who do not see it."""
    return sentences.say(_PICTURES[picture])
