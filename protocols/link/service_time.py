"""How the service asks a time authority for the time: an ask with a nonce, and a signed answer (design §6.1).

The ask carries a MAC under the authority's own key for asks, which is derived from the fleet key. So an
authority can check an ask and still cannot speak for a meter. The answer is signed with the authority's key,
as its answers to meters are, in an envelope of a type of its own: neither can be taken for the other.
"""

import hmac
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from protocols.decoding import read_json
from protocols.limits import CLAIM_SPREAD_MS_MAX, CLAIM_SPREAD_MS_MIN, ID_CHARS_MAX
from protocols.reasons import Source
from protocols.spans import InstantMs

SERVICE_TIME_TYPE: Final = "application/vnd.relance.service-time+json"

_Nonce = Annotated[str, Meta(min_length=16, max_length=ID_CHARS_MAX)]


class ServiceAsk(Struct, frozen=True, kw_only=True):
    """The service asks one time authority. `mac`: HMAC-SHA-256 over source and nonce, as hex."""

    source: Source
    nonce: _Nonce
    mac: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    v: Literal[1] = 1


class ServiceAnswer(Struct, frozen=True, kw_only=True):
    """The answer to the service's own nonce: when it was made, true time was within `time_ms ± spread_ms`.

    `machine`: a digest of the boot of the authority's machine, so that the service can tell whether both
    share a machine, and with it a clock. Empty: not said.
    """

    nonce: _Nonce
    time_ms: InstantMs
    spread_ms: Annotated[int, Meta(ge=CLAIM_SPREAD_MS_MIN, le=CLAIM_SPREAD_MS_MAX)]
    machine: Annotated[str, Meta(max_length=ID_CHARS_MAX)] = ""
    v: Literal[1] = 1


_encoder = msgspec.json.Encoder(order="deterministic")
_asks: msgspec.json.Decoder[ServiceAsk] = msgspec.json.Decoder(ServiceAsk)
_answers: msgspec.json.Decoder[ServiceAnswer] = msgspec.json.Decoder(ServiceAnswer)


def write_ask(source: Source, nonce: str, key: bytes) -> bytes:
    """The bytes of an ask, with its MAC."""
    return _encoder.encode(ServiceAsk(source=source, nonce=nonce, mac=_mac(source, nonce, key)))


def read_ask(data: bytes) -> ServiceAsk:
    """An ask whose MAC is not checked yet. Raises DocumentError where it is malformed."""
    return read_json(_asks, data, "ask of the service")


def is_authentic_ask(ask: ServiceAsk, key: bytes) -> bool:
    """Whether the MAC of an ask was made with `key`, in constant time."""
    return hmac.compare_digest(_mac(ask.source, ask.nonce, key), ask.mac)


def write_answer(answer: ServiceAnswer) -> bytes:
    """The bytes that are signed. Raises DocumentError where the answer breaks a limit."""
    data = _encoder.encode(answer)
    read_answer(data)
    return data


def read_answer(payload: bytes) -> ServiceAnswer:
    """An answer from signed bytes. Raises DocumentError where it is malformed."""
    return read_json(_answers, payload, "answer to the service")


def machine_of(boot_id: str) -> str:
    """The digest by which two programs find out that they run on one machine."""
    return sha256(b"machine/" + boot_id.encode()).hexdigest()[:32]


def _mac(source: Source, nonce: str, key: bytes) -> str:
    return hmac.digest(key, f"{source.value}/{nonce}".encode(), "sha256").hex()
