"""An explanation in a household's language, as values for a screen, a ticket, or `--json`."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from cardreader.explaining.call_code import call_code
from cardreader.explaining.explanation import Action, Explanation
from protocols.languages.card_messages import CardMessage, CardPicture
from protocols.languages.card_sentences import card_sentence, picture_text
from protocols.languages.catalogue import Sentences
from protocols.reasons import Language


class ToldFact(NamedTuple):
    """A fact as it is read."""

    message: CardMessage
    text: str


class ToldAction(NamedTuple):
    """An instruction as it is read, with its picture and what that shows."""

    message: CardMessage
    text: str
    picture: CardPicture
    picture_text: str


class ToldCard(NamedTuple):
    """All of an explanation in one language. `code`: the number for the call centre."""

    language: Language
    code: str
    facts: tuple[ToldFact, ...]
    household: tuple[ToldAction, ...]
    clerk: tuple[ToldAction, ...]


def tell(told: Explanation, language: Language, zone: ZoneInfo) -> ToldCard:
    """An explanation in this language, its instants by the clocks of this zone."""
    sentences = Sentences(language)
    code = call_code(told)

    def action(each: Action) -> ToldAction:
        text = card_sentence(sentences, each.message, zone, code=spaced(code))
        return ToldAction(each.message, text, each.picture, picture_text(sentences, each.picture))

    return ToldCard(
        language,
        code,
        tuple(
            ToldFact(
                each.message,
                card_sentence(
                    sentences,
                    each.message,
                    zone,
                    sum_ueur=each.sum_ueur,
                    at_ms=each.at_ms,
                    code=each.code,
                    until_ms=each.until_ms,
                ),
            )
            for each in told.facts
        ),
        tuple(action(each) for each in told.household),
        tuple(action(each) for each in told.clerk),
    )


def spaced(code: str) -> str:
    """A number in two groups, as it is read out."""
    return f"{code[:3]} {code[3:]}"
