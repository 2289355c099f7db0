"""Sums as a household reads them: whole cents, with the signs and the order of its language."""

from decimal import Decimal

from babel.numbers import format_currency

from protocols.languages.catalogue import Sentences
from protocols.languages.dates import LOCALES
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta


def sum_for(sentences: Sentences, ueur: int) -> str:
    """`1 234,50 €` of micro-euro, rounded half to even as everywhere; spaces in it do not break a line."""
    cents = Decimal(eur_from_quanta(ueur * QUANTA_PER_UEUR))
    return format_currency(cents, "EUR", locale=LOCALES[sentences.language])
