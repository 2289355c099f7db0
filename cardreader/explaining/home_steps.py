"""What a household does at home with its card, step by step. Pure."""

from collections.abc import Iterator

from cardreader.explaining.explanation import Action, CardStep, Explanation
from protocols.languages.card_messages import CardMessage, CardPicture
from protocols.reasons import Energy, Supply

_HAS_SUPPLY = (Supply.ON, Supply.LIMITED)
_CARD_IN = (
    Action(CardMessage.PUT_CARD_IN, CardPicture.SLOT),
    Action(CardMessage.WAIT_FOR_NINE, CardPicture.NINE),
)
_CALL_US = Action(CardMessage.CALL_US, CardPicture.PHONE)


def home_steps(step: CardStep, supply: Supply | None, energy: Energy) -> Iterator[Action]:
    """The way home of a card as it was read: empty where nothing is to be done there."""
    if step is CardStep.NONE and supply in _HAS_SUPPLY:
        return
    if step is not CardStep.NONE:
        yield from _CARD_IN
    if supply in (Supply.OFF, Supply.ARMED):
        yield from _supply_back(energy)
    yield _CALL_US


def once_written(told: Explanation, energy: Energy, *, gives_supply: bool) -> Explanation:
    """What a card means once it was written here, for its ticket: only the way home is missing.

    `gives_supply`: what was written is for a home without supply, whatever its meter has said before that.
    """
    is_dark = gives_supply or told.supply in (Supply.OFF, Supply.ARMED)
    back = _supply_back(energy) if is_dark else ()
    return told._replace(step=CardStep.HOME_AGAIN, household=(*_CARD_IN, *back, _CALL_US))


def _supply_back(energy: Energy) -> Iterator[Action]:
    """Gas never comes back by itself: a person closes the appliances and presses (design §2)."""
    if energy is Energy.GAS:
        yield Action(CardMessage.CLOSE_APPLIANCES, CardPicture.APPLIANCES)
        yield Action(CardMessage.PRESS_BLUE, CardPicture.BLUE_BUTTON)
    else:
        yield Action(CardMessage.PRESS_RED, CardPicture.RED_BUTTON)
