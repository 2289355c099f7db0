"""What goes wrong at a kiosk, as a sentence for whoever stands there, and a number for the call centre."""

from enum import Enum, unique
from typing import Final

from protocols.languages.catalogue import Sentences, say


@unique
class KioskTrouble(Enum):
    """A trouble, with its number. Numbers stay: the call centre has them in its book."""

    CARD_PULLED = 10
    TWO_CARDS = 11
    READER_BUSY = 12
    READER_AWAY = 13
    CARD_LOCKED = 14
    CARD_DAMAGED = 15
    CARD_CHANGED = 16
    NO_CARD = 17
    KEYS_NOT_HELD = 18
    CARD_REPLACED = 19
    NO_KIT = 22
    CARD_NEW = 23
    NO_PAPER = 20
    PRINTER_AWAY = 21
    CARD_KNOWS_MORE = 31
    KIOSK_REVOKED = 32
    AMOUNT_LIMITED = 33
    DAY_LIMITED = 34
    CONTROLLER_AWAY = 35
    TOO_MUCH_OFFLINE = 36
    TERMINAL_SILENT = 37
    STATEMENT_ELSEWHERE = 38
    NO_SUCH_PAYMENT = 39
    AMOUNT_WRONG = 40
    REFUSED = 41
    INPUT_WRONG = 42
    STORE_AWAY = 50
    SESSION_ENDED = 60
    PAGE_OLD = 61
    KEY_CLOSED = 63
    NO_SUCH_PAGE = 62
    UNEXPECTED = 90


_TEXTS: Final = {
    KioskTrouble.CARD_PULLED: say(
        "The card was taken out too early. Put it in again: nothing is lost, and nothing counts twice."
    ),
    KioskTrouble.TWO_CARDS: say("There are two cards in the readers. Take one of them out."),
    KioskTrouble.READER_BUSY: say("Another program is using the card. Please wait a moment."),
    KioskTrouble.READER_AWAY: say("The card reader does not answer. Look whether it is plugged in."),
    KioskTrouble.CARD_LOCKED: say(
        "The card is locked after too many failed attempts. Please make a new card."
    ),
    KioskTrouble.CARD_DAMAGED: say("The card cannot be read: its memory is damaged. Please make a new card."),
    KioskTrouble.CARD_CHANGED: say("This is another card than before. Please begin again with this card."),
    KioskTrouble.NO_CARD: say("There is no card in the reader. Put it in, and leave it there until the end."),
    KioskTrouble.KEYS_NOT_HELD: say(
        "The card is in order, but this kiosk does not hold its keys: they are of another generation. The "
        "office must give this kiosk the key of that generation."
    ),
    KioskTrouble.CARD_REPLACED: say(
        "This card was replaced by a newer one, and the meter accepts only that. Please use the newer card. "
        "What the meter had said on this one is kept."
    ),
    KioskTrouble.NO_KIT: say(
        "The office has made no kit for this card and this meter. Ask it for one: no kiosk holds a key that "
        "makes cards."
    ),
    KioskTrouble.CARD_NEW: say(
        "This card is new and belongs to nobody yet. Make it a household's card first."
    ),
    KioskTrouble.NO_PAPER: say("The printer has no paper. The receipt is kept: print it again later."),
    KioskTrouble.PRINTER_AWAY: say("The printer does not answer. The receipt is kept: print it again later."),
    KioskTrouble.CARD_KNOWS_MORE: say(
        "The card shows payments that this kiosk does not know of. It takes none for it until the office has "
        "told it more."
    ),
    KioskTrouble.KIOSK_REVOKED: say("This kiosk takes no payments any more: the office has ended that."),
    KioskTrouble.AMOUNT_LIMITED: say("This sum is not allowed at this kiosk."),
    KioskTrouble.DAY_LIMITED: say("This meter has had its payments of the day. Please come back tomorrow."),
    KioskTrouble.CONTROLLER_AWAY: say(
        "The line to the office has been away for too long. No payment until it is back."
    ),
    KioskTrouble.TOO_MUCH_OFFLINE: say(
        "Too many payments wait for the office. No further one until the line is back."
    ),
    KioskTrouble.TERMINAL_SILENT: say(
        "The payment terminal does not say what became of the payment. Go on, and it is asked again."
    ),
    KioskTrouble.STATEMENT_ELSEWHERE: say(
        "This payment lies on another card of the household. Put that card in to take it back."
    ),
    KioskTrouble.NO_SUCH_PAYMENT: say("This kiosk knows of no such payment."),
    KioskTrouble.AMOUNT_WRONG: say("Allowed are amounts from 5 to 250 euro, to the cent."),
    KioskTrouble.REFUSED: say("This cannot be done now."),
    KioskTrouble.INPUT_WRONG: say("Something that was typed is not right. Nothing was changed."),
    KioskTrouble.STORE_AWAY: say("The kiosk cannot write its own records. Please take no money now."),
    KioskTrouble.SESSION_ENDED: say("The session has ended. Please log in again."),
    KioskTrouble.PAGE_OLD: say("This page is out of date. Nothing was done. Please begin again."),
    KioskTrouble.KEY_CLOSED: say(
        "Your own key signs this, and it is not open. Log in again with its passphrase."
    ),
    KioskTrouble.NO_SUCH_PAGE: say("There is no such page."),
    KioskTrouble.UNEXPECTED: say(
        "Something went wrong that should not. Before you take money again, look under Find how far the "
        "payment has come."
    ),
}


# What is said beside it where the program knows the values.
_DETAILS: Final = {
    KioskTrouble.AMOUNT_LIMITED: say("Allowed here: {allowed}."),
    KioskTrouble.DAY_LIMITED: say("Left today: {left}."),
    KioskTrouble.STATEMENT_ELSEWHERE: say("It lies on card {card}."),
    KioskTrouble.TERMINAL_SILENT: say("The number of the payment: {payment}."),
}


def trouble_text(sentences: Sentences, trouble: KioskTrouble, **values: str) -> str:
    """What has happened, and what to do; with these values where there is a sentence for them."""
    text = sentences.say(_TEXTS[trouble])
    if not values or trouble not in _DETAILS:
        return text
    return f"{text} {sentences.say(_DETAILS[trouble], **values)}"
