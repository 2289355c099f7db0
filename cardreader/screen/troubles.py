"""Errors of cards, readers and acts as troubles that a person at the kiosk understands."""

import re

from cardreader.host.secure import KeysNotHeldError, NotOurCardError
from cardreader.iso7816.apdu import CardGoneError
from cardreader.iso7816.status import StatusError, StatusWord
from cardreader.kiosk.replaced import SupersededCardError
from cardreader.receipts.printer import PaperOutError
from protocols.errors import DocumentError, InputError, RefusedError, RelanceError, UnreachableError
from protocols.languages.kiosk_troubles import KioskTrouble

_OF_STATUS: dict[int, KioskTrouble] = {
    StatusWord.MEMORY_FAILURE: KioskTrouble.CARD_DAMAGED,
    StatusWord.KEY_BLOCKED: KioskTrouble.CARD_LOCKED,
}
_OF_CARD: dict[type[RelanceError], KioskTrouble] = {
    CardGoneError: KioskTrouble.CARD_PULLED,
    KeysNotHeldError: KioskTrouble.KEYS_NOT_HELD,
    SupersededCardError: KioskTrouble.CARD_REPLACED,
}

# How the store begins what it says (`kiosk/store.py`).
_STORE = "the kiosk's store"
# How a receipt printer does (`receipts/printer.py`).
_PRINTER = "printer "
# The code at the end of a refusal of the till (`kiosk/rules.py`).
_CODE = re.compile(r"\(code (K\d)\)$")
_OF_CODE = {
    "K1": KioskTrouble.CARD_KNOWS_MORE,
    "K2": KioskTrouble.KIOSK_REVOKED,
    "K3": KioskTrouble.AMOUNT_LIMITED,
    "K4": KioskTrouble.DAY_LIMITED,
    "K5": KioskTrouble.CONTROLLER_AWAY,
    "K6": KioskTrouble.TOO_MUCH_OFFLINE,
}


class TroubleError(RelanceError):
    """A page ends with a trouble. `detail`: in the program's own words, for the clerk; it may be empty."""

    def __init__(self, trouble: KioskTrouble, detail: str = "") -> None:
        super().__init__(detail or trouble.name.lower())
        self.trouble = trouble
        self.detail = detail


def trouble_of(error: RelanceError) -> KioskTrouble:
    """What an error is to the person who stands there."""
    match error:
        case TroubleError():
            return error.trouble
        case CardGoneError() | KeysNotHeldError() | SupersededCardError():
            return _OF_CARD[type(error)]
        case StatusError():
            return _OF_STATUS.get(error.status, KioskTrouble.CARD_DAMAGED)
        case RefusedError() if (code := _CODE.search(str(error))) is not None:
            return _OF_CODE.get(code[1], KioskTrouble.REFUSED)
        case NotOurCardError() | RefusedError() | DocumentError():
            return KioskTrouble.REFUSED
        case InputError():
            return KioskTrouble.INPUT_WRONG
        case PaperOutError():
            return KioskTrouble.NO_PAPER
        case UnreachableError() if str(error).startswith(_PRINTER):
            return KioskTrouble.PRINTER_AWAY
        case UnreachableError() if str(error).startswith(_STORE):
            return KioskTrouble.STORE_AWAY
        case UnreachableError():
            return KioskTrouble.READER_BUSY
        case _:
            return KioskTrouble.UNEXPECTED
