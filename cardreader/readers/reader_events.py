"""What has happened to the readers between two looks at them. Pure.

A card that was swapped for one that says the same is another card: the service counts what goes in and out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cardreader.readers.reader_states import ReaderState


@dataclass(frozen=True, slots=True)
class CardCame:
    """A card is in this reader. `is_mute`: it does not answer, it may lie the wrong way round."""

    reader: str
    is_mute: bool = False


@dataclass(frozen=True, slots=True)
class CardWent:
    """The card that was in this reader is not in it any more, or the reader has gone with it."""

    reader: str


@dataclass(frozen=True, slots=True)
class ReadersLost:
    """The service does not answer: nobody knows what is in the readers. `why`: with what to do."""

    why: str


@dataclass(frozen=True, slots=True)
class ReadersBack:
    """The service answers again; the cards that are in are told after this."""


ReaderEvent = CardCame | CardWent | ReadersLost | ReadersBack
Look = Mapping[str, ReaderState]


def happened(before: Look, now: Look) -> list[ReaderEvent]:
    """What has happened from one look to the next: first cards that went, then cards that came."""
    kept = {name for name, state in now.items() if name in before and _same_card(before[name], state)}
    gone = [name for name, state in before.items() if state.has_card and name not in kept]
    come = [state for name, state in now.items() if state.has_card and name not in kept]
    return [
        *(CardWent(name) for name in gone),
        *(CardCame(state.name, state.is_mute) for state in come),
    ]


def _same_card(before: ReaderState, now: ReaderState) -> bool:
    return (before.has_card, before.is_mute, before.events, before.atr) == (
        now.has_card,
        now.is_mute,
        now.events,
        now.atr,
    )
