"""What is refused, with its reasons in words: the errors that are values until a person reads them."""

from protocols.cutting.planning import PlanRefusedError
from protocols.errors import RefusedError
from protocols.words.en.plans import refusal_in_words


def in_english(error: Exception) -> RefusedError:
    """The error that a person reads, for one that holds its reasons as values."""
    assert isinstance(error, PlanRefusedError), error
    return RefusedError(refusal_in_words(error))
