"""A kiosk makes a card from a kit of the office, above all the one in the place of a lost card.

A kiosk holds no key that makes cards. A kit is for one card and one household: so it can make that card, and
no other. Killed anywhere, the same kit and the same card make it good.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cardreader.host.transport import CardChannel
from cardreader.issuing.kit import CardOrder, IssuingKit, make_kit
from cardreader.issuing.kit_files import KIT_BYTES_MAX, KitFacts, open_kit, read_kit_facts
from cardreader.issuing.personalising import letters_held, personalise
from cardreader.issuing.practice import practice_key
from cardreader.issuing.standing import next_epoch
from cardreader.kiosk.desk import CardAtDesk, Kiosk
from cardreader.kiosk.home import KioskHome
from cardreader.kiosk.ledger import account_of
from cardreader.kiosk.paying import purse_of, state_on_card
from cardreader.kiosk.replaced import latest_made, note_made
from cardreader.kiosk.searching import latest_card
from cardreader.kiosk.store import reading_kiosk, writing_kiosk
from protocols.errors import DocumentError, InputError, RefusedError
from protocols.instants import UtcMs
from protocols.reasons import Energy

KITS_FOLDER: Final = "kits"
_KITS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class KnownPairing:
    """What this kiosk knows of a meter's cards. `epoch`: the latest pairing epoch; 0: it knows of no card.

    `made`: of the last card that was made here; 0: none was. `serial`, `reference`: of the latest one seen.
    """

    meter: str
    epoch: int = 0
    made: int = 0
    serial: str = ""
    reference: str = ""


def pairing_known(kiosk: Kiosk, meter: str) -> KnownPairing:
    """The latest card of a meter that was here, or was made here."""
    with reading_kiosk(kiosk.engine) as session:
        last, made = latest_card(session, meter), latest_made(session, meter)
    if last is None:
        return KnownPairing(meter, made, made)
    return KnownPairing(meter, max(last.pairing, made), made, last.serial, last.reference)


def read_kit_file(path: Path) -> bytes:
    """The bytes of a kit's file. Raises InputError."""
    try:
        with path.open("rb") as file:
            data = file.read(KIT_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(f"--kit: {path}: cannot be read: {error.strerror}") from None
    if len(data) > KIT_BYTES_MAX:
        raise InputError(f"--kit: {path}: too long; allowed: {KIT_BYTES_MAX} bytes")
    return data


def kit_for(home: KioskHome, data: bytes, where: str) -> IssuingKit:
    """The kit of a file, for this kiosk. Raises InputError for another one's, and for what is no kit."""
    try:
        return open_kit(data, home.form.kiosk, home.words_key)
    except DocumentError as error:
        raise InputError(f"{where}: {error}") from None


def kits_here(home: KioskHome, meter: str) -> Iterator[tuple[KitFacts, bytes]]:
    """The kits for this meter in the home's folder `kits`; what is no kit there is passed over."""
    if home.folder is None or not (home.folder / KITS_FOLDER).is_dir():
        return
    for path in sorted((home.folder / KITS_FOLDER).glob("*.json"))[:_KITS_MAX]:
        try:
            data = read_kit_file(path)
            facts = read_kit_facts(data)
        except (InputError, DocumentError):
            continue  # another file, or one that is being copied: it makes no card
        if (facts.meter, facts.kiosk) == (meter, home.form.kiosk):
            yield facts, data


def practice_kit(
    kiosk: Kiosk, channel: CardChannel, serial: bytes, energy: Energy, known: KnownPairing
) -> IssuingKit:
    """In practice the kiosk plays the office too: a kit for the card that lies there."""
    # The same act again; any other card that is a household's already is refused.
    is_made = known.serial == serial.hex() and known.epoch == known.made
    wanted = CardOrder(
        serial,
        energy,
        known.meter,
        known.epoch if is_made else next_epoch(known.epoch),
        known.reference,
        kiosk.home.cards.generation,
    )
    return make_kit(practice_key(kiosk.home.practice), wanted, letters_held(channel))


def make_card(kiosk: Kiosk, channel: CardChannel, kit: IssuingKit, challenge: bytes, now_ms: UtcMs) -> bool:
    """Makes the card of the kit; every earlier card of its meter is void here from then on.

    Returns False where it is that card already. Raises RefusedError for a card of somebody else, and where a
    later card of the meter is known; CardGoneError where it was pulled out: then the same kit goes on.
    """
    _check_is_latest(kiosk, kit)
    changed = personalise(channel, kit, challenge, kiosk.station, now_ms)
    with writing_kiosk(kiosk.engine) as session:
        note_made(session, kit.identity.serial.hex(), kit.pairing, now_ms)
    return changed


def bring_what_was_paid(kiosk: Kiosk, card: CardAtDesk, now_ms: UtcMs) -> int:
    """Puts the statement of all that was paid here onto the card; returns its total, in micro-euro."""
    purse = purse_of(kiosk.home, card.meter)
    with reading_kiosk(kiosk.engine) as session:
        total_ueur = account_of(session, purse).counting_ueur
    if total_ueur:
        state_on_card(kiosk, card, purse, now_ms)
    return total_ueur


def _check_is_latest(kiosk: Kiosk, kit: IssuingKit) -> None:
    """The card itself may be known already, by an earlier run of the same act."""
    pairing, serial = kit.pairing, kit.identity.serial.hex()
    with reading_kiosk(kiosk.engine) as session:
        last, made = latest_card(session, pairing.meter), latest_made(session, pairing.meter)
    is_behind = last is not None and last.serial != serial and pairing.epoch <= last.pairing
    if is_behind or pairing.epoch < made:
        known = max(made, 0 if last is None else last.pairing)
        raise RefusedError(
            f"kit: it is of pairing epoch {pairing.epoch}, and a card of epoch {known} of meter "
            f"{pairing.meter} is known here; allowed: a kit above it"
        )
