"""One card of one household, with all its keys, for the tests."""

import msgspec

from cardreader.card.card import SmartCard
from cardreader.card.factory import make_blank_card
from cardreader.card.store import NonVolatile, WholeMemory
from cardreader.channel.keys import (
    KeySet,
    generation_key,
    issuer_keys,
    kiosk_keys,
    meter_keys_of_fleet,
)
from cardreader.files.documents import Words
from cardreader.files.layout import ASKS
from cardreader.host.session import HostSession, select_application
from cardreader.host.transport import CardChannel, InProcess
from cardreader.issuing.kit import CardOrder, IssuingKit, make_kit
from cardreader.issuing.personalising import personalise
from protocols.link.messages import TimeAsk
from protocols.reasons import Energy, Source

FLEET_KEY = b"fleet key of the tests, 32 bytes"
SERIAL = bytes.fromhex("0102030405060708")
METER = "m00042"
GENERATION = 3
NOW_MS = 1_593_720_060_000

ISSUER = issuer_keys(FLEET_KEY, SERIAL)
KIOSK = kiosk_keys(generation_key(FLEET_KEY, GENERATION), GENERATION, SERIAL)
METER_KEYS = meter_keys_of_fleet(FLEET_KEY, METER, SERIAL, 1)
WANTED = CardOrder(SERIAL, Energy.ELECTRICITY, METER, 1, "5414000000042", GENERATION)

_challenges = iter(range(2**40))


def challenge() -> bytes:
    """One that was never used in this process."""
    return next(_challenges).to_bytes(8)


def blank(memory: NonVolatile | None = None) -> NonVolatile:
    """The memory of a virgin card."""
    memory = WholeMemory() if memory is None else memory
    make_blank_card(memory, SERIAL, ISSUER)
    return memory


def kit_of(wanted: CardOrder = WANTED, letters_held: int = 0) -> IssuingKit:
    return make_kit(FLEET_KEY, wanted, letters_held)


def issued() -> WholeMemory:
    """The memory of an issued card."""
    memory = WholeMemory()
    blank(memory)
    assert personalise(InProcess(SmartCard(memory)), kit_of(), challenge(), "office-1", NOW_MS)
    return memory


def write_ask(memory: WholeMemory, nonce: str) -> None:
    """The meter asks the timeserver for the time, by its card."""
    slot = session(InProcess(SmartCard(memory)), METER_KEYS)
    word = msgspec.json.encode(TimeAsk(meter=METER, source=Source.TIMESERVER, nonce=nonce))
    slot.write(ASKS, Words((word,)).encode())
    slot.commit()


def session(channel: CardChannel, keys: KeySet = KIOSK) -> HostSession:
    select_application(channel)
    return HostSession.open(channel, keys, challenge())
