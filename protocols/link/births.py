"""The birth of a service, signed: who of several services with one key leads (design §5). Pure.

`ControllerStatus.signed` holds it as an envelope. Everybody on a broker can publish a status; only the holder
of the key can make a birth. A birth that is replayed proves nothing by itself: it counts only where it
answers a challenge that its reader has drawn.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from protocols.decoding import read_json
from protocols.documents.envelope import Signer, WireEnvelope, read_envelope, seal, valid_keyids
from protocols.errors import DocumentError
from protocols.limits import ID_CHARS_MAX
from protocols.link.messages import ControllerStatus, Int

BIRTH_TYPE: Final = "application/vnd.relance.birth+json"

# Random, as hex: 16 bytes are 32 digits.
Drawn = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]


class Birth(Struct, frozen=True, kw_only=True):
    """What a service says of itself when it comes, goes, or is asked whether it is there.

    `nonce`: random, one for each run of the program; a word of a meter or a link that echoes it was made in
    this run. `challenge`: random, drawn anew at each connection and each question. `answers`: the challenge
    of another service with the same key, which this birth answers; empty: none. `started_ms`: when the run
    began, by the service's clock: the later of two runs leads. `online`: False for a last will.
    """

    nonce: Drawn
    challenge: Drawn
    started_ms: Int
    online: bool
    answers: Annotated[str, Meta(max_length=ID_CHARS_MAX)] = ""
    v: Literal[1] = 1


_births: msgspec.json.Decoder[Birth] = msgspec.json.Decoder(Birth)
_wire: msgspec.json.Decoder[WireEnvelope] = msgspec.json.Decoder(WireEnvelope)


def signed_status(birth: Birth, sequence: int, signer: Signer) -> ControllerStatus:
    """The status that carries a birth. Links compare its `sequence`, older ones read nothing else."""
    envelope = seal(msgspec.json.encode(birth), BIRTH_TYPE, [signer])
    return ControllerStatus(online=birth.online, sequence=sequence, signed=_wire.decode(envelope))


def open_birth(status: ControllerStatus, keys: dict[str, bytes]) -> Birth | None:
    """The birth in a status, if one of `keys` (keyid to raw public key) has signed it; else None.

    None too for a status without one, as older services publish it. Raises DocumentError for a malformed
    birth that one of the keys has signed.
    """
    if status.signed is None:
        return None
    envelope = read_envelope(msgspec.json.encode(status.signed))
    if envelope.payload_type != BIRTH_TYPE or not valid_keyids(envelope, keys):
        return None
    birth = read_json(_births, envelope.payload, "birth")
    if birth.online is not status.online:
        # The signed word counts: without this, anybody could turn a birth into a farewell.
        raise DocumentError("birth: says something else than the status around it")
    return birth
