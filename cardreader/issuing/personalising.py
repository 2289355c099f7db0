"""A virgin card becomes a household's, step by step; at any step it may be pulled out and begun again.

1. The key letters: each is taken whole or not at all, and one that the card has already is passed over.
2. In a session with the issuer's keys: identity, pairing and the first line of the log, in one commit. Until
   then the card stays virgin; after it the card is paired. There is nothing between.
3. What was written is read back.
"""

from hashlib import sha256

from cardreader.channel.keys import KeySet
from cardreader.channel.letters import KeyLetter
from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.files.access import KeyHolder
from cardreader.files.identity import CardState, Pairing
from cardreader.files.layout import CARD, LOG, PAIRING
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import HostSession, NotOurCardError, ask, select_application
from cardreader.host.transport import CardChannel
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.status import StatusError
from cardreader.issuing.kit import IssuingKit
from protocols.errors import RefusedError


def letters_held(channel: CardChannel) -> int:
    """The number of the last key letter that the card took. Selects our application."""
    select_application(channel)
    return int.from_bytes(ask(channel, iso.DATA_LETTERS))


def personalise(channel: CardChannel, kit: IssuingKit, challenge: bytes, station: str, now_ms: int) -> bool:
    """Makes the card what the kit says. Returns False where it is that already, and nothing was done.

    A card that is the household's and bears no reference yet gets the one of the kit.

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
    if _lacks_only_reference(found, kit.pairing):
        _write_pairing(session, kit, station, now_ms)
        return True
    if found.state is not CardState.VIRGIN:
        raise RefusedError(f"card {serial.hex()}: {_whose(found)}; allowed: a virgin card")
    for number, letter in kit.letters:
        if number > held:
            session.put_letter(letter)
    if any(number <= held for number, _letter in kit.letters):
        _check_keys(channel, kit, challenge)
        session = HostSession.open(channel, kit.issuer, _following(challenge, len(kit.letters)))
    session.write(CARD, kit.identity.encode())
    _write_pairing(session, kit, station, now_ms)
    return True


def _lacks_only_reference(found: Pairing, wanted: Pairing) -> bool:
    """Whether the card is this household's already, and was made before its reference was known.

    A reference is for people: no key and no meter depends on it. One that is there stays.
    """
    same = Pairing(wanted.state, wanted.epoch, wanted.meter)
    return bool(wanted.reference) and found == same


def _write_pairing(session: HostSession, kit: IssuingKit, station: str, now_ms: int) -> None:
    """Commits what is staged with the pairing, and reads it back."""
    session.write(PAIRING, kit.pairing.encode())
    session.append(LOG, Visit(KeyHolder.ISSUER, Deed.ISSUED, now_ms, station).encode())
    session.commit()
    if (session.read(CARD), session.read(PAIRING)) != (kit.identity.encode(), kit.pairing.encode()):
        raise RefusedError(
            f"card {kit.identity.serial.hex()}: what was read back is not what was written; take another"
        )


def _check_keys(channel: CardChannel, kit: IssuingKit, challenge: bytes) -> None:
    """That the letters which the card has taken already were this kit's, by their keys.

    Of another kit they would be keys of another meter: the card would belong to one that cannot open it.
    Raises RefusedError.
    """
    for place, (_number, letter) in enumerate(kit.letters):
        keys = KeyLetter.open(letter, kit.issuer.static.dek).keys
        try:
            HostSession.open(channel, keys, _following(challenge, place))
        except (NotOurCardError, StatusError) as error:
            held = letters_held(channel)
            raise RefusedError(
                f"card {kit.identity.serial.hex()} has taken {held} key letters of another kit; allowed: a "
                f"kit made for a card that has taken {held} (--letters {held})"
            ) from error


def _following(challenge: bytes, place: int) -> bytes:
    """A challenge for a further session: as little used before as the first one."""
    return sha256(challenge + place.to_bytes()).digest()[:CHALLENGE_BYTES]


def block_card(
    channel: CardChannel, issuer: KeySet, challenge: bytes, station: str, now_ms: int
) -> tuple[Pairing, bool]:
    """Marks a card that was found again, or given back, so that nobody is served with it any more.

    Returns its pairing, and False where it was blocked already. Raises RefusedError for a card of nobody: it
    is good for a household yet.
    """
    select_application(channel)
    session = HostSession.open(channel, issuer, challenge)
    found = Pairing.decode(session.read(PAIRING))
    if found.state is CardState.VIRGIN:
        raise RefusedError("this card belongs to nobody; allowed: the card of a household")
    if found.state is CardState.BLOCKED:
        return found, False
    blocked = Pairing(CardState.BLOCKED, found.epoch, found.meter, found.reference)
    session.write(PAIRING, blocked.encode())
    session.append(LOG, Visit(KeyHolder.ISSUER, Deed.BLOCKED, now_ms, station).encode())
    session.commit()
    return blocked, True


def _whose(pairing: Pairing) -> str:
    if pairing.state is CardState.BLOCKED:
        return "it is blocked"
    customer = f", customer {pairing.reference}" if pairing.reference else ""
    return f"it belongs to meter {pairing.meter}, pairing epoch {pairing.epoch}{customer}"
