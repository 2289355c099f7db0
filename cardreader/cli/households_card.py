"""Whose card it is, as a person says it; a blank card in a file; and what was done, in a sentence."""

from pathlib import Path

import msgspec

from cardreader.card.factory import make_blank_card
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import KeySet
from cardreader.files.identity import EPOCH_MAX, REFERENCE_CHARS, is_reference
from cardreader.readers.virtual import VirtualCard
from protocols.arguments import check_choice, read_name
from protocols.errors import InputError, quoted
from protocols.link.keys import FIRST_GENERATION
from protocols.reasons import Energy


class CardWish(msgspec.Struct, frozen=True):
    """Whose card it is, as a person says it.

    `fleet_generation`: of the fleet's key with which the meter was made.
    """

    meter: str
    energy: str = Energy.ELECTRICITY
    reference: str = ""
    epoch: int = 1
    fleet_generation: int = FIRST_GENERATION


def check_wish(wish: CardWish) -> str:
    """The meter of a card that can be made. Raises InputError."""
    meter = read_name(wish.meter, "--meter")
    check_choice(wish.energy, list(Energy), "--energy")
    if wish.reference and not is_reference(wish.reference):
        raise InputError(f"--reference: {quoted(wish.reference)}; allowed: {REFERENCE_CHARS} digits")
    if not 1 <= wish.epoch <= EPOCH_MAX:
        raise InputError(f"--epoch: {wish.epoch}; allowed: 1 to {EPOCH_MAX}")
    return meter


def blank_file(path: Path, serial: bytes, issuer: KeySet) -> None:
    """A virgin card in a new file. Raises InputError where it cannot be written."""
    memory = WholeMemory()
    make_blank_card(memory, serial, issuer)
    VirtualCard.create(path, memory)


def issued_sentence(done: dict[str, object]) -> str:
    """What `issue_card` has done, for people."""
    did = "issued" if done["did"] == "issued" else "it is the household's already"
    where = done["file"] or done["reader"]
    return f"card {done['card']} ({where}): {did}: meter {done['meter']}, pairing epoch {done['epoch']}"
