"""What a queue of people has come with: which cards a batch is for, by what they say. Pure."""

from enum import StrEnum, unique
from typing import Final

from cardreader.explaining.explanation import ClockView, CodeMeaning, Explanation
from protocols.languages.card_messages import CardMessage
from protocols.reasons import Supply

_OF_A_PROGRAM: Final = (
    CardMessage.CUT_WAS_PROGRAMMED,
    CardMessage.OFF_BY_PROGRAM,
    CardMessage.CUT_PLANNED,
    CardMessage.CUT_PLANNED_UNDATED,
    CardMessage.CUT_CARRIED_OUT,
)
# Armed is off too, until somebody presses the button. Limited is on.
_WITHOUT_SUPPLY: Final = (Supply.OFF, Supply.ARMED)


@unique
class Symptom(StrEnum):
    """`any`: each card. `code-8`, `off`: as the meter said. `clock`: it has none that it can use.

    `programmed-cut`: a cut that is planned, or was carried out, by a guarded meter or by one of 2020.
    """

    ANY = "any"
    CODE_8 = "code-8"
    OFF = "off"
    PROGRAMMED_CUT = "programmed-cut"
    CLOCK = "clock"


def has_symptom(said: Explanation, symptom: Symptom) -> bool:
    """Whether a card says this of its meter. A card that no meter has read says nothing."""
    match symptom:
        case Symptom.ANY:
            return True
        case Symptom.CODE_8:
            return said.code is CodeMeaning.NOT_RELANCED
        case Symptom.OFF:
            return said.supply in _WITHOUT_SUPPLY
        case Symptom.PROGRAMMED_CUT:
            return any(fact.message in _OF_A_PROGRAM for fact in said.facts)
        case Symptom.CLOCK:
            return said.clock in (ClockView.TOO_WIDE, ClockView.DISPUTED, ClockView.LOST)
