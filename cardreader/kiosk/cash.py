"""Cash as a clerk types it, at the screen and at the command line alike. Pure."""

import re
from typing import Final

from cardreader.kiosk.rules import eur
from protocols.errors import InputError, quoted
from protocols.limits import STATEMENT_UEUR_MAX
from protocols.units import UEUR_PER_EUR

_CENT_UEUR: Final = UEUR_PER_EUR // 100
# More digits than any drawer needs; longer ones are no number that a person has typed.
_CASH: Final = re.compile(r"([0-9]{1,12})(?:[.,]([0-9]{1,2})?)?")


def read_cash(text: str, where: str) -> int:
    """An amount of cash, in micro-euro: 0 or more, to the cent, by point or comma. Raises InputError."""
    match = _CASH.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{where}: {quoted(text)}; allowed: an amount such as 340.50")
    whole, cents = match[1], match[2] or ""
    ueur = int(whole + cents.ljust(2, "0")) * _CENT_UEUR
    if ueur > STATEMENT_UEUR_MAX:
        raise InputError(f"{where}: {quoted(text)}; allowed: at most {eur(STATEMENT_UEUR_MAX)}")
    return ueur
