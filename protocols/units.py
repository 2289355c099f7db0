"""Money, energy and power as integers.

Money inside a meter is in *quanta*: 1 µ€ = 10,800,000 quanta. That is the least common multiple
of 3,600,000 (watt seconds in a kilowatt hour) and 86,400 (seconds in a day), so that a watt second
at a price in µ€/kWh, and a second of a charge in µ€/day, are both whole numbers of quanta. An int64
holds 854,000 €, so the sum of any two amounts up to 427,000 €. On the wire money is in µ€ (`_ueur`)
or, where it must be exact, quanta as a decimal string, since JSON readers lose integers beyond 2**53
(834 € in quanta).
"""

import re

from protocols.errors import quoted

UEUR_PER_EUR = 1_000_000
QUANTA_PER_UEUR = 10_800_000
QUANTA_PER_EUR = UEUR_PER_EUR * QUANTA_PER_UEUR

# 1 W·s at 1 µ€/kWh: 10,800,000 / 3,600,000.
QUANTA_PER_WS_PER_UEUR_KWH = 3
# 1 s of 1 µ€/day: 10,800,000 / 86,400.
QUANTA_PER_S_PER_UEUR_DAY = 125

# Twelve digits before the point: more euro than any fleet turns over in a year.
_EUR = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,6}))?")


def ueur_from_eur(text: str) -> int:
    """Micro-euro from a decimal string in euro, such as `"12.34"` or `"-0.5"`.

    Raises ValueError for anything but a plain decimal number, and for more than six decimals.
    """
    match = _EUR.fullmatch(text)
    if match is None:
        raise ValueError(f"{quoted(text)}; allowed: an amount in euro such as 12.34, at most 6 decimals")
    sign, whole, decimals = match.groups(default="")
    ueur = int(whole) * UEUR_PER_EUR + int(decimals.ljust(6, "0"))
    return -ueur if sign else ueur


def quanta_from_eur(text: str) -> int:
    """Quanta from a decimal string in euro. Raises ValueError like `ueur_from_eur`."""
    return ueur_from_eur(text) * QUANTA_PER_UEUR


def ueur_from_quanta(quanta: int) -> int:
    """Whole micro-euro, rounded half to even: for screens and reports, never for the ledger."""
    return _divide_half_even(quanta, QUANTA_PER_UEUR)


def eur_from_quanta(quanta: int, decimals: int = 2) -> str:
    """Euro as a decimal string with `decimals` digits, rounded half to even; never `-0.00`."""
    scaled = _divide_half_even(quanta * 10**decimals, QUANTA_PER_EUR)
    digits = str(abs(scaled)).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    return ("-" if scaled < 0 else "") + (f"{whole}.{fraction}" if decimals else whole)


def _divide_half_even(numerator: int, denominator: int) -> int:
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1))
