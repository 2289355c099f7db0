"""Which cuts a card names, as its meter has said on it, and which of them a clerk can cancel.

Nothing is believed here: a cancellation of a cut that the meter does not hold harms nobody. Pure.
"""

from typing import Final, NamedTuple

from msgspec import UnsetType

from cardreader.files.meter_state import CUTS_TOLD_MAX, CutTold
from cardreader.loading.contents import CardContents
from cardreader.loading.holdings import holdings_on
from cardreader.loading.progress import progress_of
from protocols.arguments import read_name
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.errors import InputError, RefusedError

_PREFIX: Final = f"{KINDS[Kind.CUT_ORDER].prefix}/"


class NamedCut(NamedTuple):
    """A cut that the meter holds, by its name. `waits`: its cancellation is on the card, unread as yet.

    `from_ms`, `until_ms`: when it may be carried out; None: the card names it alone. `is_done`: it was
    carried out, and the supply is not back; its cancellation gives the supply back.
    """

    name: str
    waits: bool
    from_ms: int | None = None
    until_ms: int | None = None
    is_done: bool = False


def named_cuts(found: CardContents) -> tuple[NamedCut, ...]:
    """The cuts that the meter told of at its last visit with this card, by name."""
    on_card = {
        each.object
        for each in progress_of(found).documents
        if each.kind == Kind.CANCEL_CUT and not each.is_done
    }
    return tuple(
        NamedCut(name.removeprefix(_PREFIX), name in on_card, cut.from_ms, cut.until_ms, cut.is_done)
        if cut is not None
        else NamedCut(name.removeprefix(_PREFIX), name in on_card)
        for name, cut in sorted(_told(found).items())
        if _is_cut(name)
    )


def cut_to_cancel(found: CardContents, wanted: str | None) -> str:
    """The name of the cut to cancel: the one that is wanted, else the only one that the card names.

    Raises InputError for what is no name, RefusedError where the card names none, or several.
    """
    if wanted is not None:
        return read_name(wanted, "--id")
    names = [each.name for each in named_cuts(found)]
    if not names:
        raise RefusedError("the card names no planned cut of its meter: say by --id which one is meant")
    if len(names) > 1:
        raise RefusedError(f"the card names several planned cuts: {', '.join(names)}; say --id with one")
    return names[0]


def _told(found: CardContents) -> dict[str, CutTold | None]:
    """Each cut by the object of its order; None: its name alone is on the card.

    The state says them with their times, as many as have room; the holdings say the names of all that are
    planned, and where the card is full they may be of an earlier visit.
    """
    state = found.state.state
    if state is None or isinstance(state.cuts, UnsetType):
        return dict.fromkeys(_held(found))
    told: dict[str, CutTold | None] = {each.object: each for each in state.cuts}
    return told if len(told) < CUTS_TOLD_MAX else {**dict.fromkeys(_held(found)), **told}


def _held(found: CardContents) -> tuple[str, ...]:
    holds = holdings_on(found)
    return () if holds is None else holds.cut_orders


def _is_cut(name: str) -> bool:
    """Whether a clerk could name it: a card may say anything."""
    try:
        return name.startswith(_PREFIX) and bool(read_name(name.removeprefix(_PREFIX), "cut"))
    except InputError:
        return False
