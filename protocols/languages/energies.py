"""Energy as a household reads it on its meter: whole kilowatt-hours."""

from typing import Final

from babel.numbers import format_decimal

from protocols.languages.catalogue import Sentences
from protocols.languages.dates import LOCALES

_WH_PER_KWH: Final = 1000


def energy_for(sentences: Sentences, energy_wh: int) -> str:
    """`1 234 kWh`, rounded down as an index is; the space does not break a line."""
    number = format_decimal(energy_wh // _WH_PER_KWH, locale=LOCALES[sentences.language])
    return f"{number}\N{NO-BREAK SPACE}kWh"
