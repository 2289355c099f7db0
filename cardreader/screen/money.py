"""Sums of cash as a clerk types them."""

from typing import Final

from protocols.errors import InputError, quoted
from protocols.limits import STATEMENT_UEUR_MAX
from protocols.units import UEUR_PER_EUR, ueur_from_eur

_CENT_UEUR: Final = UEUR_PER_EUR // 100


def read_drawer(text: str) -> int:
    """The cash in a drawer, in micro-euro: 0 or more, to the cent, with a comma or a point.

    Raises InputError for anything else.
    """
    try:
        ueur = ueur_from_eur(text.strip().replace(",", ".") or "0")
    except ValueError as error:
        raise InputError(f"cash: {error}") from None
    if not 0 <= ueur <= STATEMENT_UEUR_MAX or ueur % _CENT_UEUR:
        raise InputError(f"cash: {quoted(text)}; allowed: whole cents, 0 or more")
    return ueur
