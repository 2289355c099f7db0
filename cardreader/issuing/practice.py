"""Keys for practice, of a seed that everybody may know: so of cards, people and payments that no fleet takes.

A scenario is played with the keys of its own seed, written in digits; `relance-kiosk` and one meter from a
shell with those of `--practice SEED`. Whoever uses one seed in all of them can try the whole way from kiosk
to meter and back. Pure.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b, sha256
from types import MappingProxyType
from typing import Final

import msgspec

from protocols.documents.envelope import Signer, seal
from protocols.documents.kind_rule import Role
from protocols.documents.orders import TIME_TYPE, TimeAnswer, write_document
from protocols.documents.roles import Key, RoleKeys, Root
from protocols.errors import DocumentError
from protocols.instants import SECOND_MS, UtcMs
from protocols.link.messages import TimeAsk
from protocols.reasons import Source

# Three people for each role: one more than any order needs, and as many as a scenario can ask for.
HOLDERS: Final[Mapping[Role, tuple[str, ...]]] = MappingProxyType(
    {
        Role.PROTECT: ("anna", "bert", "chris"),
        Role.HARM: ("dora", "eric", "fred"),
        Role.LEASE: ("service",),
        Role.TIME: tuple(Source),
        Role.ROOT: ("rita", "sami"),
    }
)
THRESHOLDS: Final[Mapping[Role, int]] = MappingProxyType(
    {Role.PROTECT: 1, Role.HARM: 2, Role.LEASE: 1, Role.TIME: 1, Role.ROOT: 2}
)

_asks: Final = msgspec.json.Decoder(TimeAsk)


def practice_key(seed: str) -> bytes:
    """In the place of a fleet's key."""
    return sha256(b"relance practice cards: " + seed.encode()).digest()


def practice_secret(seed: str, owner: str) -> bytes:
    """The secret (32 bytes) of `owner`."""
    return blake2b(f"{seed}/{owner}".encode(), digest_size=32, person=b"relance-office").digest()


def practice_signer(seed: str, holder: str) -> Signer:
    """The key of one of `HOLDERS`."""
    return Signer.from_seed(practice_secret(seed, f"holder/{holder}"))


def practice_root(seed: str, expires_ms: int) -> Root:
    """The root that names all of `HOLDERS`."""
    signers = {holder: practice_signer(seed, holder) for names in HOLDERS.values() for holder in names}
    return Root(
        version=1,
        expires_ms=expires_ms,
        keys={signer.keyid: Key(signer.public.hex(), holder) for holder, signer in signers.items()},
        roles={
            role: RoleKeys(THRESHOLDS[role], tuple(signers[holder].keyid for holder in names))
            for role, names in HOLDERS.items()
        },
    )


def practice_answers(seed: str, asks: Sequence[bytes], now_ms: UtcMs) -> list[bytes]:
    """What the time authorities answer to these asks of a meter. Raises DocumentError for what is no ask."""
    answers = list[bytes]()
    for word in asks:
        try:
            asked = _asks.decode(word)
        except msgspec.MsgspecError as error:
            raise DocumentError(f"ask: {error}") from None
        answer = TimeAnswer(meter=asked.meter, nonce=asked.nonce, time_ms=now_ms, spread_ms=SECOND_MS)
        signer = practice_signer(seed, asked.source)
        answers.append(seal(write_document(answer), TIME_TYPE, [signer]))
    return answers
