"""What a card says, as a value: facts, the missing step, and what is to be done."""

from enum import StrEnum, unique
from typing import NamedTuple

from protocols.languages.card_messages import CardMessage, CardPicture
from protocols.reasons import Supply


@unique
class CardKind(StrEnum):
    """What a card is to this kiosk.

    `foreign`: it has no such application, or not our keys. `damaged`: who it belongs to cannot be read.
    """

    OURS = "ours"
    VIRGIN = "virgin"
    BLOCKED = "blocked"
    REPLACED = "replaced"
    FOREIGN = "foreign"
    DAMAGED = "damaged"


@unique
class CodeMeaning(StrEnum):
    """What the meter's screen showed. `unknown`: a sign without a published meaning (1 to 7, and others)."""

    NOTHING = "nothing"
    ACCEPTED = "accepted"
    NOT_RELANCED = "not_relanced"
    NO_CREDIT = "no_credit"
    UNKNOWN = "unknown"


@unique
class ClockView(StrEnum):
    """What the meter knows of the time. `too_wide`: trusted, and no window for a cut holds its interval."""

    UNSAID = "unsaid"
    TRUSTED = "trusted"
    TOO_WIDE = "too_wide"
    DISPUTED = "disputed"
    LOST = "lost"


@unique
class CardStep(StrEnum):
    """Which of the three steps of 2020 is missing.

    `home`: the card into the meter. `kiosk`: the card written here. `home_again`: into the meter once more.
    `unknown`: the card does not say, since it is none of ours or cannot be read.
    """

    HOME = "home"
    KIOSK = "kiosk"
    HOME_AGAIN = "home_again"
    NONE = "none"
    UNKNOWN = "unknown"


class Fact(NamedTuple):
    """A thing to say, with its values: a sum in micro-euro, an instant, a code or the name of a cut.

    `until_ms`: where it is about an interval, its end.
    """

    message: CardMessage
    sum_ueur: int | None = None
    at_ms: int | None = None
    code: str | None = None
    until_ms: int | None = None


class Action(NamedTuple):
    """A thing to do, with the picture that shows it."""

    message: CardMessage
    picture: CardPicture


class Explanation(NamedTuple):
    """What a card says.

    `supply`: as the meter said; None: it has said nothing. `balance_ueur` as it said too. `waiting_ueur`:
    paid, and not yet read by the meter; None where the card alone does not tell how much. `household` and
    `clerk`: what each of them does, in this order.
    """

    card: CardKind
    code: CodeMeaning = CodeMeaning.NOTHING
    supply: Supply | None = None
    clock: ClockView = ClockView.UNSAID
    step: CardStep = CardStep.UNKNOWN
    balance_ueur: int | None = None
    waiting_ueur: int | None = 0
    facts: tuple[Fact, ...] = ()
    household: tuple[Action, ...] = ()
    clerk: tuple[Action, ...] = ()
