"""The meter's own keys: those of its manufacture, and a new one whenever two people order it (design §5).

Duty: say which keys are in use. A new key counts from the instant at which it is in the image: a power cut
at any byte leaves the old one or the new one. The keys before it stay, to vouch for it: the office may know
any of them, after a word that was lost or a store that was restored.
"""

import hmac
from typing import Final

from msgspec.structs import replace

from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.memory import Memory, OwnKeys
from protocols.documents.bodies import KeysBody
from protocols.errors import DocumentError
from protocols.limits import KEYS_VOUCHING_MAX
from protocols.link.agreement import OF_METERS, agreed_by_meter, drawn_public, vouch
from protocols.link.messages import KeyTold
from protocols.reasons import Source

_DRAWN_BYTES: Final = 32


def chance_for(document: bytes, drawn: bytes) -> bytes:
    """What the meter draws from for one document of a card's visit, which has been given `drawn` for all."""
    return hmac.digest(drawn, document, "sha256") if len(drawn) == _DRAWN_BYTES else b""


def is_too_old(memory: Memory, body: KeysBody) -> bool:
    """Whether this generation is below that of the key in use."""
    return memory.keys is not None and body.generation < memory.keys.generation


def made(memory: Memory, identity: Identity, body: KeysBody, drawn: bytes) -> OwnKeys | None:
    """New keys, with what the meter has drawn.

    None where it has nothing to draw from, or where the office's halves agree with nobody.
    """
    if len(drawn) != _DRAWN_BYTES:
        return None
    name = identity.id
    try:
        key = agreed_by_meter(drawn, body.public, OF_METERS, name)
        asks = {
            Source.HEADEND: agreed_by_meter(drawn, body.headend, Source.HEADEND, name),
            Source.TIMESERVER: agreed_by_meter(drawn, body.timeserver, Source.TIMESERVER, name),
        }
    except DocumentError:
        return None
    earlier = (*(() if memory.keys is None else memory.keys.earlier), identity.key)
    # The first is that of the manufacture: what the office knows of a meter of which it has heard least.
    earlier = (*earlier[:1], *earlier[1:][-(KEYS_VOUCHING_MAX - 1) :])
    return OwnKeys(body.generation, drawn_public(drawn), key, asks, earlier)


def in_use(identity: Identity, memory: Memory) -> Identity:
    """The meter with the keys that it uses now."""
    keys = memory.keys
    if keys is None or identity.key == keys.key:
        return identity
    return replace(identity, key=keys.key, ask_keys=keys.asks)


def of_manufacture(identity: Identity, memory: Memory) -> bytes:
    """The meter's first key: from it those for cards derive, so that it opens every card that it got."""
    return identity.key if memory.keys is None else memory.keys.earlier[0]


def told(memory: Memory, meter: str) -> KeyTold | None:
    """What the office must hear of the key in use; None while it is that of the manufacture."""
    keys = memory.keys
    if keys is None:
        return None
    vouches = tuple(vouch(each, meter, keys.generation, keys.public) for each in keys.earlier)
    return KeyTold(keys.generation, keys.public, vouches)
