"""A session with a virtual card, for a command that has the office's key."""

import secrets

from cardreader.card.store import Store
from cardreader.channel.keys import KeySet, generation_key, issuer_keys, kiosk_keys, meter_keys_of_fleet
from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.cli.options import OfficeKey
from cardreader.files.access import KeyHolder
from cardreader.files.identity import Pairing
from cardreader.files.layout import PAIRING, stored_as
from cardreader.host.session import HostSession, ask, select_application
from cardreader.iso7816 import instructions as iso
from cardreader.readers.virtual import VirtualCard


def open_session(card: VirtualCard, holder: KeyHolder, generation: int, office: OfficeKey) -> HostSession:
    """A session with the keys that this office gives to a holder for this card."""
    select_application(card)
    serial = ask(card, iso.DATA_SERIAL)
    # Only a virtual card shows its pairing without a key; a meter knows it.
    pairing = Pairing.decode(Store(card.memory).read(stored_as(PAIRING)))
    keys: KeySet
    match holder:
        case KeyHolder.ISSUER:
            keys = issuer_keys(office.key, serial)
        case KeyHolder.KIOSK:
            keys = kiosk_keys(generation_key(office.key, generation), generation, serial)
        case KeyHolder.METER:
            keys = meter_keys_of_fleet(office.key, pairing.meter, serial, pairing.epoch)
    return HostSession.open(card, keys, secrets.token_bytes(CHALLENGE_BYTES))
