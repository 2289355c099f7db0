"""A session with a card, for a command that has the office's key."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cardreader.channel.keys import (
    KIOSK_VERSIONS,
    KeySet,
    generation_key,
    issuer_keys,
    kiosk_keys,
    kiosk_version,
    meter_keys_of_fleet,
)
from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.cli.options import OfficeKey
from cardreader.files.access import KeyHolder
from cardreader.files.identity import Pairing
from cardreader.files.layout import PAIRING
from cardreader.host.secure import KeysNotHeldError, NotOurCardError
from cardreader.host.session import HostSession, ask, select_application
from cardreader.host.transport import CardChannel
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.status import StatusError
from cardreader.issuing.personalising import letters_held
from protocols.errors import RefusedError

# Beyond so many rotations of the kiosks' card keys a command is told the generation.
_GENERATIONS_TRIED: Final = 512


class BlankCardError(RefusedError):
    """A card as the factory makes it: it is nobody's yet, and no kiosk has keys of it."""

    def __init__(self) -> None:
        super().__init__("this card is new and belongs to nobody yet; `issue`, or `replace`, makes it a card")


@contextmanager
def naming_a_blank_card(card: CardChannel) -> Iterator[None]:
    """Says of a blank card that it is one, not that it lacks the keys. Raises BlankCardError."""
    try:
        yield
    except (NotOurCardError, KeysNotHeldError):
        if _is_blank(card):
            raise BlankCardError from None
        raise


def _is_blank(card: CardChannel) -> bool:
    """Whether it is a card for meters that has taken no key letter; one of somebody else is none."""
    try:
        return letters_held(card) == 0
    except (NotOurCardError, StatusError):
        return False


def open_session(
    card: CardChannel, holder: KeyHolder, generation: int | None, office: OfficeKey
) -> HostSession:
    """A session with the keys that this office gives to a holder for this card.

    `generation`: of a kiosk's keys; None: the newest that the card has.
    """
    select_application(card)
    serial = ask(card, iso.DATA_SERIAL)
    match holder:
        case KeyHolder.ISSUER:
            return _opened(card, issuer_keys(office.key, serial))
        case KeyHolder.KIOSK:
            return open_as_kiosk(card, generation, office)[0]
        case KeyHolder.METER:
            # A meter knows its own name. We ask the card, as its issuer.
            pairing = Pairing.decode(_opened(card, issuer_keys(office.key, serial)).read(PAIRING))
            return _opened(card, meter_keys_of_fleet(office.key, pairing.meter, serial, pairing.epoch))


def open_as_kiosk(card: CardChannel, generation: int | None, office: OfficeKey) -> tuple[HostSession, int]:
    """A session with a kiosk's keys, and of which generation they are. `generation`: as in `open_session`.

    A card says which versions of keys it has; of the generations with this version one fits. Trying another
    costs the card no try: it is the card that proves first.
    """
    select_application(card)
    serial, tried = ask(card, iso.DATA_SERIAL), NotOurCardError("card: it has no keys of kiosks of ours")
    for each in [generation] if generation is not None else _generations_on(card):
        try:
            return _opened(card, kiosk_keys(generation_key(office.key, each), each, serial)), each
        except NotOurCardError as error:
            tried = error
    raise tried


def _generations_on(card: CardChannel) -> list[int]:
    """The generations that the versions of a card's keys may mean, the likely ones first."""
    told = ask(card, iso.DATA_TRIES)
    versions = {told[at] for at in range(0, len(told), 2)}
    return [
        each
        for first in range(0, _GENERATIONS_TRIED, KIOSK_VERSIONS)
        for each in reversed(range(first, first + KIOSK_VERSIONS))
        if kiosk_version(each) in versions
    ]


def _opened(card: CardChannel, keys: KeySet) -> HostSession:
    return HostSession.open(card, keys, secrets.token_bytes(CHALLENGE_BYTES))
