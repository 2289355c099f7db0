"""What commands of the practice kiosk share: whose card it is, what is put onto it, and that it is there."""

from typing import Annotated, Final

import typer

from cardreader.cli.options import OfficeKey, office_key, warn_of_practice
from cardreader.files.access import KeyHolder
from cardreader.files.identity import CardState
from cardreader.files.layout import CardFile
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import HostSession
from cardreader.issuing.practice import practice_answers
from cardreader.loading.contents import CardContents
from cardreader.loading.loads import load
from cardreader.loading.progress import waiting
from protocols.errors import InputError, RefusedError
from protocols.instants import UtcMs

Reader = Annotated[str, typer.Option(metavar="virtual:FILE", help="The card.")]
Station = Annotated[str, typer.Option(metavar="NAME", help="Who serves, for the card's log.")]

NEXT_STEP: Final = "put it into the meter, until it shows 9"


def practice_office(fleet_key: object, seed: str) -> OfficeKey:
    """The keys for practice. Raises InputError for a fleet's key: no kiosk signs with that."""
    if fleet_key is not None:
        raise InputError("--fleet-key: no kiosk has a signing key of its own yet; allowed: --practice SEED")
    office = office_key(None, seed)
    warn_of_practice(office)
    return office


def meter_of(found: CardContents) -> str:
    """Whose card it is. Raises RefusedError for one that belongs to nobody."""
    if found.pairing is None or found.pairing.state is not CardState.PAIRED:
        state = "unreadable" if found.pairing is None else found.pairing.state.name.lower()
        raise RefusedError(f"this card is {state}: nobody is served with it")
    return found.pairing.meter


def card_of(found: CardContents) -> str | None:
    """The card's serial number, as it is shown."""
    return None if found.identity is None else found.identity.serial.hex()


def put_on_card(
    session: HostSession, found: CardContents, document: bytes, station: str, seed: str, now_ms: UtcMs
) -> CardFile:
    """Writes a document and the times that the meter has asked for, and reads it back. Returns its slot.

    Raises RefusedError where it is not there.
    """
    new = (document, *practice_answers(seed, found.asks.words, now_ms))
    wanted = (*new, *waiting(found, new))
    visit = Visit(KeyHolder.KIOSK, Deed.WRITTEN, now_ms, station)
    # What lies there of the same thing is replaced, however high it says that it counts.
    plan = load(session, found.documents, wanted, visit, lambda _document: False)
    slot = next((each for each, written in plan.writes.items() if written == document), None)
    if plan.left_out:
        why = plan.left_out[0].why
        raise RefusedError(
            f"{len(plan.left_out)} documents do not fit: {why}; put the card into the meter first"
        )
    if slot is None or session.read(slot) != document:
        raise RefusedError("it is not on the card: what was read back is not what was written; try again")
    return slot
