"""Dates and hours as a household reads them: the weekday, the date, and the hour of its own clock.

What was misunderstood in 2020 was a date, so nothing here may be read in two ways. After midnight the text
names the night that is meant ("in the night from Tuesday to Wednesday"), and where clocks show an hour twice
it says which of both it is.
"""

from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time

from protocols.instants import datetime_from_ms
from protocols.languages.catalogue import Sentences
from protocols.reasons import Language

# The language as it is written in Belgium; Unicode CLDR has names of days and months for each.
LOCALES: Final = {
    Language.FRENCH: "fr_BE",
    Language.DUTCH: "nl_BE",
    Language.GERMAN: "de_BE",
    Language.ENGLISH: "en_GB",
}
# Patterns of Unicode TR 35. The full ones of CLDR change with its versions: a letter must not.
_DATE: Final = {
    Language.FRENCH: "EEEE d MMMM y",
    Language.DUTCH: "EEEE d MMMM y",
    Language.GERMAN: "EEEE, d. MMMM y",
    Language.ENGLISH: "EEEE d MMMM y",
}
_HOUR: Final = {
    Language.FRENCH: "H'h'mm",
    Language.DUTCH: "H.mm 'uur'",
    Language.GERMAN: "H:mm 'Uhr'",
    Language.ENGLISH: "H:mm",
}
# French says "le 1er juillet", and "2 juillet" from then on.
_FRENCH_FIRST: Final = "EEEE d'er' MMMM y"
_DAY_HOURS: Final = 24
# Up to three days people count in hours: a card is good "for 72 hours".
_HOURS_SAID_MAX: Final = 72
# Before this hour people may mean the evening before.
_NIGHT_ENDS_HOUR: Final = 5


def date_for(sentences: Sentences, day: date) -> str:
    """`vendredi 3 juillet 2020`."""
    language = sentences.language
    is_first = language is Language.FRENCH and day.day == 1
    pattern = _FRENCH_FIRST if is_first else _DATE[language]
    return format_date(day, pattern, locale=LOCALES[language])


def moment_for(sentences: Sentences, instant_ms: int, zone: ZoneInfo) -> str:
    """`vendredi 3 juillet 2020 à 23h01`: a local date and hour, to be read in one way only.

    Raises OverflowError outside years 1 to 9999.
    """
    there = datetime_from_ms(instant_ms, zone)
    hour = format_time(there.time(), _HOUR[sentences.language], locale=LOCALES[sentences.language])
    text = sentences.say("{date} at {hour}", date=date_for(sentences, there.date()), hour=hour)
    if there.hour < _NIGHT_ENDS_HOUR:
        eve, day = (_weekday(sentences, each) for each in (there.date() - timedelta(1), there.date()))
        text = sentences.say("{moment}, in the night from {eve} to {day}", moment=text, eve=eve, day=day)
    if there.replace(fold=0).utcoffset() == there.replace(fold=1).utcoffset():
        return text
    if there.fold:
        return sentences.say("{moment}, after the clocks have been put back", moment=text)
    return sentences.say("{moment}, before the clocks are put back", moment=text)


def _weekday(sentences: Sentences, day: date) -> str:
    return format_date(day, "EEEE", locale=LOCALES[sentences.language])


def duration_for(sentences: Sentences, hours: int) -> str:
    """`72 hours`, and `10 days` where that is longer and whole days."""
    if hours > _HOURS_SAID_MAX and hours % _DAY_HOURS == 0:
        return sentences.say("{days} days", days=str(hours // _DAY_HOURS))
    return sentences.say("{hours} hours", hours=str(hours))
