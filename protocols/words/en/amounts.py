"""Amounts of money, as people write them."""

from protocols.units import QUANTA_PER_UEUR, eur_from_quanta


def eur(ueur: int) -> str:
    """`12.34` euro, for people: rounded half to even. `--json` has every micro-euro."""
    return eur_from_quanta(ueur * QUANTA_PER_UEUR)


def price(ueur: int) -> str:
    """`0.2741` euro: a price is shown as finely as it is set, and at least in cents."""
    whole, _, decimals = eur_from_quanta(ueur * QUANTA_PER_UEUR, decimals=6).partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"
