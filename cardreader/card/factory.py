"""How a card leaves the factory: an empty store with its serial number and the issuer's keys."""

from cardreader.card import records
from cardreader.card.keyring import KEYRING, HeldKeys, KeyRing
from cardreader.card.store import NonVolatile, Store, format_store
from cardreader.channel.keys import KeySet
from cardreader.files.directory import ApplicationTemplate, SerialNumber
from cardreader.files.identity import SERIAL_BYTES, CardState, Pairing
from cardreader.files.layout import AID, DIR, GDO, LABEL, PAIRING, stored_as


def make_blank_card(memory: NonVolatile, serial: bytes, issuer: KeySet) -> None:
    """A virgin card in this memory, whatever was in it. Raises ValueError for a serial of another length."""
    if len(serial) != SERIAL_BYTES:
        raise ValueError(f"serial of {len(serial)} bytes; allowed: {SERIAL_BYTES}")
    format_store(memory)
    Store(memory).commit(
        {
            stored_as(DIR): records.join([ApplicationTemplate(AID, LABEL).encode()]),
            stored_as(GDO): SerialNumber(serial).encode(),
            stored_as(PAIRING): Pairing(CardState.VIRGIN).encode(),
            KEYRING: KeyRing(held=(HeldKeys(issuer),)).encode(),
        }
    )
