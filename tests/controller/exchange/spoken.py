"""Words as links bring them: with the right MACs of whoever says them, or without any."""

import msgspec

from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.guarded.told import holds_of
from emulator.links.syncing import readings_messages, sync_messages
from protocols.link.carriage import Arrival
from protocols.link.keys import link_key, meter_key
from protocols.link.messages import MeterHolds, Reading, Status
from protocols.link.proofs import Purpose, with_mac
from protocols.link.topics import Channel, Place


def births(key: bytes | None, status: Status) -> Arrival:
    """A birth or last will of a link; `key` is the fleet's (None: without a MAC)."""
    word = msgspec.json.encode(status)
    if key is not None:
        word = with_mac(word, Purpose.STATUS, status.link, link_key(key, status.link))
    return Arrival(Place(Channel.STATUS, link=status.link), word)


def holdings(
    key: bytes | None, *meters: GuardedMeter | MeterHolds, link: str = "link-1", number: int = 1
) -> Arrival:
    """The sync of a link with these meters; `key` is the fleet's (None: without a MAC)."""
    said = [each if isinstance(each, MeterHolds) else holds_of(each, number) for each in meters]
    words = [proven(key, each, Purpose.HOLDS, link) for each in said]
    (payload,) = sync_messages(link, words)
    return Arrival(Place(Channel.SYNC, link=link), payload)


def readings(key: bytes | None, *said: Reading, link: str = "link-1") -> Arrival:
    """A batch of readings; `key` is the fleet's (None: without a MAC)."""
    words = [proven(key, each, Purpose.READING, link) for each in said]
    (payload,) = readings_messages(link, words) or [b'{"link":"%b","readings":[]}' % link.encode()]
    return Arrival(Place(Channel.READINGS, link=link), payload)


def proven(key: bytes | None, said: MeterHolds | Reading, purpose: Purpose, link: str) -> bytes:
    """The word with its meter's MAC over this link."""
    word = msgspec.json.encode(said)
    return word if key is None else with_mac(word, purpose, link, meter_key(key, said.meter))
