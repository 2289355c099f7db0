"""A virgin card becomes a household's, step by step; at any step it may be pulled out and begun again.

1. The key letters: each is taken whole or not at all, and one that the card has already is passed over.
2. In a session with the issuer's keys: identity, pairing and the first line of the log, in one commit. Until
   then the card stays virgin; after it the card is paired. There is nothing between.
3. What was written is read back.
"""

from cardreader.channel.keys import KeySet
from cardreader.files.access import KeyHolder
from cardreader.files.identity import CardState, Pairing
from cardreader.files.layout import CARD, LOG, PAIRING
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import HostSession, ask, select_application
from cardreader.host.transport import CardChannel
from cardreader.iso7816 import instructions as iso
from cardreader.issuing.kit import IssuingKit
from protocols.errors import RefusedError


def letters_held(channel: CardChannel) -> int:
    """The number of the last key letter that the card took. Selects our application."""
    select_application(channel)
    return int.from_bytes(ask(channel, iso.DATA_LETTERS))


def personalise(channel: CardChannel, kit: IssuingKit, challenge: bytes, station: str, now_ms: int) -> bool:
    """Makes the card what the kit says. Returns False where it is that already, and nothing was done.

    Raises RefusedError for a card that belongs to somebody, or is not the card of the kit; CardGoneError
    where it was pulled out: then the same kit may be used again.
    """
    held = letters_held(channel)
    serial = ask(channel, iso.DATA_SERIAL)
    if serial != kit.identity.serial:
        raise RefusedError(f"card {serial.hex()} is not the one of the kit, {kit.identity.serial.hex()}")
    session = HostSession.open(channel, kit.issuer, challenge)
    found = Pairing.decode(session.read(PAIRING))
    if found == kit.pairing:
        return False
    if found.state is not CardState.VIRGIN:
        raise RefusedError(f"card {serial.hex()}: {_whose(found)}; allowed: a virgin card")
    for number, letter in kit.letters:
        if number > held:
            session.put_letter(letter)
    session.write(CARD, kit.identity.encode())
    session.write(PAIRING, kit.pairing.encode())
    session.append(LOG, Visit(KeyHolder.ISSUER, Deed.ISSUED, now_ms, station).encode())
    session.commit()
    written = session.read(CARD), session.read(PAIRING)
    if written != (kit.identity.encode(), kit.pairing.encode()):
        raise RefusedError(f"card {serial.hex()}: what was read back is not what was written; take another")
    return True


def block_card(channel: CardChannel, issuer: KeySet, challenge: bytes, station: str, now_ms: int) -> Pairing:
    """Marks a card that was found again, or given back, so that nobody is served with it any more."""
    select_application(channel)
    session = HostSession.open(channel, issuer, challenge)
    found = Pairing.decode(session.read(PAIRING))
    blocked = Pairing(CardState.BLOCKED, found.epoch, found.meter, found.reference)
    session.write(PAIRING, blocked.encode())
    session.append(LOG, Visit(KeyHolder.ISSUER, Deed.BLOCKED, now_ms, station).encode())
    session.commit()
    return blocked


def _whose(pairing: Pairing) -> str:
    if pairing.state is CardState.BLOCKED:
        return "it is blocked"
    return f"it belongs to meter {pairing.meter}, pairing epoch {pairing.epoch}"
