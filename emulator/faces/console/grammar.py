"""What a bench can type at the console, and what it means (docs/console.md). Pure.

A line is words with blanks between them. A wrong one is refused with what is allowed, and changes nothing.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from emulator.firmware.events import ButtonName
from protocols.arguments import check_choice, did_you_mean, read_instant
from protocols.errors import InputError, quoted
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, UtcMs
from protocols.limits import LOAD_W_MAX

LINE_BYTES_MAX: Final = 256
RECORDS_MAX: Final = 100
RECORDS_DEFAULT: Final = 10
STEP_MS_MAX: Final = 92 * DAY_MS
# A clock that counts the seconds of Unix begins in 1970, and is wrong so; no document names such a date.
_DATE_MS_MIN: Final = 0
_UNITS_MS: Final = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_DURATION = re.compile(r"([0-9]{1,8})([smhd])")


@unique
class ConsoleQuestion(StrEnum):
    """What is only asked, and changes nothing."""

    HELP = "help"
    IDENTITY = "identity"
    BALANCE = "balance"
    CLOCK = "clock"
    MAINS = "mains"
    SUPPLY = "supply"
    LOAD = "load"


@dataclass(frozen=True, slots=True)
class LastRecords:
    """The last records of the black box."""

    count: int


@dataclass(frozen=True, slots=True)
class SetClock:
    """A date that nobody has signed."""

    time_ms: UtcMs


@dataclass(frozen=True, slots=True)
class LoseClock:
    """The cell is taken out: the counter of time is lost."""


@dataclass(frozen=True, slots=True)
class StepTime:
    """Time passes, so much at once."""

    duration_ms: int


@dataclass(frozen=True, slots=True)
class SwitchMains:
    on: bool


@dataclass(frozen=True, slots=True)
class PressButton:
    name: ButtonName


@dataclass(frozen=True, slots=True)
class DrawLoad:
    """From now on the household draws so much, whatever it drew before."""

    load_w: int


Act = SetClock | LoseClock | StepTime | SwitchMains | PressButton | DrawLoad
Command = ConsoleQuestion | LastRecords | Act

# Each line that is allowed, and what it does.
USAGE: Final[Mapping[str, str]] = {
    "help": "list what can be typed",
    "identity": "name, firmware, profile, energy",
    "balance": "what the purse holds",
    "clock": "what the meter believes of time",
    "clock set 2020-07-03T23:01Z": "bring it a date that nobody has signed",
    "clock lose": "take the cell out: its count of time is lost",
    "step 90s|15m|24h|60d": "let so much time pass at once, at most 92d",
    "journal [N]": f"the last N records, {RECORDS_DEFAULT} if not said, {RECORDS_MAX} at most",
    "mains": "is the supply side alive",
    "mains on|off": "switch it",
    "supply": "contactor or valve, and the screen",
    "press red|blue|breaker": "a person at the meter",
    "load": "what is drawn, and what the register shows",
    "load WATT": "what the household draws from now on",
}
COMMANDS: Final = tuple(dict.fromkeys(usage.split()[0] for usage in USAGE))


def parse(line: str) -> Command:
    """What a line means. Raises InputError, whose text says what is allowed."""
    name, *words = line.split() or [""]
    if name not in COMMANDS:
        raise InputError(f"{quoted(name)}{did_you_mean(name, COMMANDS)} allowed: {', '.join(COMMANDS)}")
    read = _WITH_WORDS.get(name)
    if not words and name in tuple(ConsoleQuestion):
        return ConsoleQuestion(name)
    if read is None or (not words and name != "journal"):
        raise _refused(name, words)
    return read(words)


def _read_clock(words: list[str]) -> Command:
    match words:
        case ["lose"]:
            return LoseClock()
        case ["set", instant]:
            return SetClock(UtcMs(read_instant(instant, "clock set", _DATE_MS_MIN)))
    raise _refused("clock", words)


def _read_step(words: list[str]) -> Command:
    match = _DURATION.fullmatch(words[0]) if len(words) == 1 else None
    duration_ms = int(match[1]) * _UNITS_MS[match[2]] if match else 0
    if not 0 < duration_ms <= STEP_MS_MAX:
        raise _refused("step", words)
    return StepTime(duration_ms)


def _read_journal(words: list[str]) -> Command:
    if not words:
        return LastRecords(RECORDS_DEFAULT)
    return LastRecords(_number("journal", words, 1, RECORDS_MAX))


def _read_mains(words: list[str]) -> Command:
    if words not in (["on"], ["off"]):
        raise _refused("mains", words)
    return SwitchMains(words == ["on"])


def _read_press(words: list[str]) -> Command:
    if len(words) != 1:
        raise _refused("press", words)
    check_choice(words[0], list(ButtonName), "press")
    return PressButton(ButtonName(words[0]))


def _read_load(words: list[str]) -> Command:
    return DrawLoad(_number("load", words, 0, LOAD_W_MAX))


_WITH_WORDS: Final[Mapping[str, Callable[[list[str]], Command]]] = {
    "clock": _read_clock,
    "step": _read_step,
    "journal": _read_journal,
    "mains": _read_mains,
    "press": _read_press,
    "load": _read_load,
}


def _number(name: str, words: list[str], least: int, most: int) -> int:
    text = words[0] if len(words) == 1 else ""
    if (
        not (text.isascii() and text.isdigit())
        or not least <= int(text[:9]) <= most
        or len(text) > len("100000000")
    ):
        raise InputError(f"{name}: {quoted(' '.join(words))}; allowed: {least} to {most}")
    return int(text)


def _refused(name: str, words: list[str]) -> InputError:
    allowed = ", ".join(usage for usage in USAGE if usage.split()[0] == name)
    found = quoted(" ".join(words)) if words else "nothing behind it"
    return InputError(f"{name}: {found}; allowed: {allowed}")
