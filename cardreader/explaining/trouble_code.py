"""The numbers of a kiosk's own troubles, for the call centre: 9, four digits, and the check digit."""

from typing import Final

from cardreader.explaining.call_code import checked_digits, with_check
from protocols.errors import InputError, quoted
from protocols.languages.kiosk_troubles import KioskTrouble

# No card's number begins with it (`call_code.py`).
FIRST: Final = "9"


def trouble_number(trouble: KioskTrouble) -> str:
    """Six digits, the last one checks."""
    return with_check(f"{FIRST}{trouble.value:04d}")


def read_trouble_number(text: str) -> KioskTrouble | None:
    """The trouble of a number; None for the number of a card. Raises InputError for one that none is."""
    digits = checked_digits(text)
    if not digits.startswith(FIRST):
        return None
    try:
        return KioskTrouble(int(digits[1:-1]))
    except ValueError:
        raise InputError(f"{quoted(text)} is no number of a kiosk; no trouble has it") from None
