"""A number for the call centre: six digits that a household reads out on the telephone.

    1st  the card      1 ours, 2 virgin, 3 blocked, 4 replaced, 5 foreign, 6 damaged
    2nd  the code      0 nothing, 1 unknown, 2 triangle, 8 and 9 as they were shown
    3rd  the supply    0 not said, 1 on, 2 off, 3 armed, 4 limited
    4th  the clock     0 not said, 1 trusted, 2 too wide, 3 disputed, 4 lost
    5th  the step      1, 2, 3: this one is missing, 0: none, 4: unknown
    6th  a check digit (ISO/IEC 7812-1 Annex B, Luhn): one wrong digit, or most pairs swapped, is seen

The number says nothing about a person.
"""

from typing import Final, NamedTuple

from cardreader.explaining.explanation import CardKind, CardStep, ClockView, CodeMeaning, Explanation
from protocols.errors import InputError, quoted
from protocols.reasons import Supply

DIGITS: Final = 6

_CARDS: Final = {
    "1": CardKind.OURS,
    "2": CardKind.VIRGIN,
    "3": CardKind.BLOCKED,
    "4": CardKind.REPLACED,
    "5": CardKind.FOREIGN,
    "6": CardKind.DAMAGED,
}
_CODES: Final = {
    "0": CodeMeaning.NOTHING,
    "1": CodeMeaning.UNKNOWN,
    "2": CodeMeaning.NO_CREDIT,
    "8": CodeMeaning.NOT_RELANCED,
    "9": CodeMeaning.ACCEPTED,
}
_SUPPLIES: Final = {"0": None, "1": Supply.ON, "2": Supply.OFF, "3": Supply.ARMED, "4": Supply.LIMITED}
_CLOCKS: Final = {
    "0": ClockView.UNSAID,
    "1": ClockView.TRUSTED,
    "2": ClockView.TOO_WIDE,
    "3": ClockView.DISPUTED,
    "4": ClockView.LOST,
}
_STEPS: Final = {
    "0": CardStep.NONE,
    "1": CardStep.HOME,
    "2": CardStep.KIOSK,
    "3": CardStep.HOME_AGAIN,
    "4": CardStep.UNKNOWN,
}


class CallFacts(NamedTuple):
    """What a number of the call centre says."""

    card: CardKind
    code: CodeMeaning
    supply: Supply | None
    clock: ClockView
    step: CardStep


def call_code(told: Explanation) -> str:
    """The number of an explanation."""
    digits = "".join(
        (
            next(digit for digit, each in _CARDS.items() if each is told.card),
            next(digit for digit, each in _CODES.items() if each is told.code),
            next(digit for digit, each in _SUPPLIES.items() if each is told.supply),
            next(digit for digit, each in _CLOCKS.items() if each is told.clock),
            next(digit for digit, each in _STEPS.items() if each is told.step),
        )
    )
    return with_check(digits)


def read_call_code(text: str) -> CallFacts:
    """What a number says. Raises InputError for one that none is."""
    digits = checked_digits(text)
    try:
        return CallFacts(
            _CARDS[digits[0]], _CODES[digits[1]], _SUPPLIES[digits[2]], _CLOCKS[digits[3]], _STEPS[digits[4]]
        )
    except KeyError:
        raise _no_number(text) from None


def checked_digits(text: str) -> str:
    """The digits of a number; spaces and dashes in it do not count. Raises InputError."""
    digits = text.replace(" ", "").replace("-", "")
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        raise _no_number(text)
    if with_check(digits[:-1]) != digits:
        raise _no_number(text)
    return digits


def _no_number(text: str) -> InputError:
    return InputError(
        f"{quoted(text)} is no number of a kiosk; allowed: {DIGITS} digits, the last one checks"
    )


def with_check(digits: str) -> str:
    """Digits, and the check digit behind them."""
    doubled = [int(each) * (2 if place % 2 == 0 else 1) for place, each in enumerate(reversed(digits))]
    return f"{digits}{-sum(each // 10 + each % 10 for each in doubled) % 10}"
