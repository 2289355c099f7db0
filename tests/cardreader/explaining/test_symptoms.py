"""Which cards a batch is for, as a table."""

import pytest

from cardreader.explaining.explanation import CardKind, ClockView, CodeMeaning, Explanation, Fact
from cardreader.explaining.symptoms import Symptom, has_symptom
from protocols.languages.card_messages import CardMessage
from protocols.reasons import Supply

NEW = Explanation(CardKind.OURS)


@pytest.mark.parametrize(
    ("said", "symptoms"),
    [
        (NEW, "any"),
        (NEW._replace(supply=Supply.ON, clock=ClockView.TRUSTED), "any"),
        (NEW._replace(code=CodeMeaning.NOT_RELANCED, supply=Supply.OFF), "any code-8 off"),
        (NEW._replace(supply=Supply.ARMED), "any off"),
        (NEW._replace(supply=Supply.LIMITED), "any"),
        *(
            (NEW._replace(facts=(Fact(each),)), "any programmed-cut")
            for each in (
                CardMessage.OFF_BY_PROGRAM,
                CardMessage.CUT_WAS_PROGRAMMED,
                CardMessage.CUT_PLANNED,
                CardMessage.CUT_PLANNED_UNDATED,
                CardMessage.CUT_CARRIED_OUT,
            )
        ),
        *((NEW._replace(clock=clock), "any clock") for clock in (ClockView.LOST, ClockView.TOO_WIDE)),
    ],
)
def test_a_card_is_of_these_symptoms(said: Explanation, symptoms: str) -> None:
    assert " ".join(each for each in Symptom if has_symptom(said, each)) == symptoms
