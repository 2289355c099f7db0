"""Public holidays by country, from the `holidays` library: data that ships with the program."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from types import MappingProxyType

import holidays as holidays_library

from protocols.errors import InputError, quoted

NO_HOLIDAYS = "none"

# Names for the sentences of the linter, the same whatever the machine's language.
_LANGUAGE = "en_US"


def check_holidays(code: str, where: str = "holidays") -> None:
    """Raises InputError, with `where`, unless the code is `"none"` or a known ISO 3166 country code."""
    if code != NO_HOLIDAYS and code not in _countries():
        raise InputError(f'{where}: {quoted(code)}; allowed: "none" or an ISO country code such as "BE"')


@cache
def holidays_of_year(code: str, year: int) -> Mapping[date, str]:
    """The national public holidays of a year and their names; empty for `"none"`.

    Regional days and bank holidays are not among them. Raises InputError for an unknown code.
    """
    check_holidays(code)
    if code == NO_HOLIDAYS:
        return MappingProxyType({})
    days = holidays_library.country_holidays(code, years=year, language=_LANGUAGE)
    return MappingProxyType({day: name for day, name in days.items() if day.year == year})


def holiday_name(code: str, day: date) -> str | None:
    """The name of the public holiday on a day, or None. Raises InputError for an unknown code."""
    return holidays_of_year(code, day.year).get(day)


@cache
def _countries() -> frozenset[str]:
    return frozenset(holidays_library.list_supported_countries(include_aliases=False))
