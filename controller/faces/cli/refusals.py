"""Turns errors that hold their reasons as values into sentences for a person."""

from protocols.cutting.planning import PlanRefusedError
from protocols.errors import RefusedError
from protocols.words.en.plans import refusal_in_words


def in_english(error: Exception) -> RefusedError:
    """A refused plan as an error whose message has the reasons in English."""
    assert isinstance(error, PlanRefusedError), error
    return RefusedError(refusal_in_words(error))
