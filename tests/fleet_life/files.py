"""The files of a fleet's life: who is in it, how each is written to, and the work of its days.

All of it follows from a household's number, so that the counts can be told beforehand.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.controller.households.households import ean

AREAS = ("Namur", "Liège", "Mons", "Arlon")
LANGUAGES = ("fr", "nl", "de", "en")
# Of each hundred households, by number within it: what becomes of them.
MEDICAL = range(2, 9, 6)
MOVING = range(3)
REPLACED = range(8, 10)
REMOVED = range(14, 15)
MAILED = range(20, 24)
UNKNOWN_ADDRESS = range(98, 100)


def meter(number: int) -> str:
    return f"m{number:05}"


def successor(number: int) -> str:
    return f"n{number:05}"


def of(numbers: range, households: int) -> list[int]:
    """The households whose number within its hundred is one of these."""
    return [number for number in range(1, households + 1) if number % 100 in numbers]


def write(path: Path, lines: Iterator[str] | Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def fleet(households: int) -> Iterator[str]:
    """As a DSO writes it: with semicolons, and no ids of meters."""
    yield "ean;area;dso;category;energy;link;language;flags"
    for number in range(1, households + 1):
        flag = "medical" if number % 100 in MEDICAL else ""
        area, language = AREAS[number % 4], LANGUAGES[number // 4 % 4]
        yield f"{ean(number)};{area};ORES;card;electricity;link-{number % 5};{language};{flag}"


def contacts(households: int) -> Iterator[str]:
    """Some by mail, half of the others by text message, the rest by letter; two of a hundred not at all."""
    yield "ean;name;email;phone;street;postcode;town"
    for number in range(1, households + 1):
        within = number % 100
        if within in UNKNOWN_ADDRESS:
            yield f"{ean(number)};Household {number};;;;;"
            continue
        email = f"h{number}@example.be" if within in MAILED else ""
        phone = f"0470 {number // 100:02} {within:02} 34" if number % 2 else ""
        yield f"{ean(number)};Household {number};{email};{phone};Rue {number};{5000 + number % 3};Namur"


def commissioning(households: int) -> Iterator[str]:
    yield "do,ean,meter"
    for number in range(1, households + 1):
        yield f"commission,{ean(number)},{meter(number)}"


def days_work(households: int, left_on: str) -> Iterator[str]:
    """Moves, replacements with what the old displays show, removals; and five rows that are refused."""
    yield "do,ean,meter,new,on,balance_eur,basis"
    for number in of(MOVING, households):
        yield f"move-out,,{meter(number)},,{left_on},,"
    for number in of(REPLACED, households):
        yield f"replace,{ean(number)},{meter(number)},{successor(number)},,{number % 7}.{number % 100:02},"
    for number in of(REMOVED, households):
        yield f"remove,,{meter(number)},,,,house {number} pulled down"
    yield f"move-out,,{meter(1)},,2020-06-01T12:00+02:00,,"
    yield f"commission,{ean(3)},{meter(5)},,,,"
    yield f"replace,{ean(4)},{meter(3)},n77777,,1.00,"
    yield "remove,,m99999,,,,no such meter"
    yield f"replace,{ean(20)},{meter(20)},n00020,,,"
