"""A kiosk makes a card from a kit of the office, above all the one in the place of a lost card.

A kiosk holds no key that makes cards. A kit is for one card and one household: so it can make that card, and
no other. Killed anywhere, the same kit and the same card make it good.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cardreader.files.identity import Pairing, next_epoch
from cardreader.host.transport import CardChannel
from cardreader.issuing.kit import CardOrder, IssuingKit, make_kit
from cardreader.issuing.kit_files import KIT_BYTES_MAX, KitFacts, open_kit, read_kit_facts
from cardreader.issuing.personalising import letters_held, personalise
from cardreader.issuing.practice import practice_key
from cardreader.kiosk.desk import CardAtDesk, Kiosk
from cardreader.kiosk.home import KioskHome
from cardreader.kiosk.ledger import account_of, purse_of
from cardreader.kiosk.replaced import latest_made, note_made
from cardreader.kiosk.searching import cards_seen_from, latest_card
from cardreader.kiosk.stating import state_on_card
from cardreader.kiosk.store import reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import CardSeenRow
from protocols.errors import DocumentError, InputError, RefusedError
from protocols.instants import UtcMs
from protocols.reasons import Energy

KITS_FOLDER: Final = "kits"
_KITS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class KnownPairing:
    """What this kiosk knows of a meter's cards. `epoch`: the latest pairing epoch; 0: it knows of no card.

    `made`: of the last card that was made here; 0: none was. `serial`, `reference`, `energy`: of the latest
    one seen; None: it is not known.
    """

    meter: str
    epoch: int = 0
    made: int = 0
    serial: str = ""
    reference: str = ""
    energy: Energy | None = None


def pairing_known(kiosk: Kiosk, meter: str) -> KnownPairing:
    """The latest card of a meter that was here, or was made here."""
    with reading_kiosk(kiosk.engine) as session:
        last, made = latest_card(session, meter), latest_made(session, meter)
    if last is None:
        return KnownPairing(meter, made, made)
    energy = Energy(last.energy) if last.energy else None
    return KnownPairing(meter, max(last.pairing, made), made, last.serial, last.reference, energy)


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


class LaterCardError(RefusedError):
    """A kit of the office, and a card of its meter was seen here that says that it is as late, or later.

    Either is possible: the office made a further card since, and the meter would refuse the kit's; or whoever
    has the kiosks' keys made a card that says so. A person decides, who can ask the household and the office.
    """

    def __init__(self, pairing: Pairing, seen: Sequence[CardSeenRow]) -> None:
        serials = " ".join(f"--not-theirs {each.serial}" for each in seen)
        super().__init__(
            f"kit: it is of pairing epoch {pairing.epoch}, and a card of epoch {seen[0].pairing} of meter "
            f"{pairing.meter} was seen here; allowed: a kit above it; or {serials}, where the household "
            "never had that card, and the office made none"
        )


def make_card(
    kiosk: Kiosk,
    channel: CardChannel,
    kit: IssuingKit,
    challenge: bytes,
    now_ms: UtcMs,
    not_theirs: Collection[str] = (),
) -> bool:
    """Makes the card of the kit; every earlier card of its meter is void here from then on.

    `not_theirs`: serial numbers of cards of which a person says that the household never had them: what those
    say holds no card up. Returns False where it is that card already. Raises RefusedError for a card of
    somebody else, and where a later one was made here; LaterCardError where one was only seen; CardGoneError
    where it was pulled out: then the same kit goes on.
    """
    _check_is_latest(kiosk, kit, not_theirs)
    changed = personalise(channel, kit, challenge, kiosk.station, now_ms)
    with writing_kiosk(kiosk.engine) as session:
        note_made(session, kit.identity, kit.pairing, now_ms)
    return changed


def bring_what_was_paid(kiosk: Kiosk, card: CardAtDesk, now_ms: UtcMs) -> int:
    """Puts the statement of all that was paid here onto the card; returns its total, in micro-euro."""
    purse = purse_of(kiosk.home, card.meter)
    with reading_kiosk(kiosk.engine) as session:
        total_ueur = account_of(session, purse).counting_ueur
    if total_ueur:
        state_on_card(kiosk, card, purse, now_ms)
    return total_ueur


def later_cards(kiosk: Kiosk, meter: str, epoch: int, serial: str) -> list[CardSeenRow]:
    """The other cards of a meter that were seen here and say that they are of this epoch, or later."""
    with reading_kiosk(kiosk.engine) as session:
        return [each for each in cards_seen_from(session, meter, epoch) if each.serial != serial]


def _check_is_latest(kiosk: Kiosk, kit: IssuingKit, not_theirs: Collection[str]) -> None:
    """The card itself may be known already, by an earlier run of the same act."""
    pairing = kit.pairing
    with reading_kiosk(kiosk.engine) as session:
        made = latest_made(session, pairing.meter)
    if pairing.epoch < made:
        raise RefusedError(
            f"kit: it is of pairing epoch {pairing.epoch}, and a card of epoch {made} of meter "
            f"{pairing.meter} was made here; allowed: a kit above it"
        )
    seen = later_cards(kiosk, pairing.meter, pairing.epoch, kit.identity.serial.hex())
    if any(each.serial not in not_theirs for each in seen):
        raise LaterCardError(pairing, seen)
