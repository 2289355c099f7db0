"""A session with a card, for a command that has the office's key."""

import secrets

from cardreader.channel.keys import KeySet, generation_key, issuer_keys, kiosk_keys, meter_keys_of_fleet
from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.cli.options import OfficeKey
from cardreader.files.access import KeyHolder
from cardreader.files.identity import Pairing
from cardreader.files.layout import PAIRING
from cardreader.host.session import HostSession, ask, select_application
from cardreader.host.transport import CardChannel
from cardreader.iso7816 import instructions as iso


def open_session(card: CardChannel, holder: KeyHolder, generation: int, office: OfficeKey) -> HostSession:
    """A session with the keys that this office gives to a holder for this card."""
    select_application(card)
    serial = ask(card, iso.DATA_SERIAL)
    match holder:
        case KeyHolder.ISSUER:
            return _opened(card, issuer_keys(office.key, serial))
        case KeyHolder.KIOSK:
            return _opened(card, kiosk_keys(generation_key(office.key, generation), generation, serial))
        case KeyHolder.METER:
            # A meter knows its own name. We ask the card, as its issuer.
            pairing = Pairing.decode(_opened(card, issuer_keys(office.key, serial)).read(PAIRING))
            return _opened(card, meter_keys_of_fleet(office.key, pairing.meter, serial, pairing.epoch))


def _opened(card: CardChannel, keys: KeySet) -> HostSession:
    return HostSession.open(card, keys, secrets.token_bytes(CHALLENGE_BYTES))
