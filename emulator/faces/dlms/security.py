"""What a meter knows of its secure clients: keys, policy, counters, and the objects that show it. Pure.

One key serves all clients that have it, and one counter counts what they send: what does not grow is a
repetition, whoever sent it.
"""

import hmac
from dataclasses import dataclass, field
from enum import IntEnum, unique
from hashlib import sha256
from typing import Final, NamedTuple

from emulator.faces.dlms.ciphering import (
    AUTHENTICATED,
    COUNTER_MAX,
    ENCRYPTED,
    TITLE_BYTES,
    Ciphered,
    SecurityKeys,
    protect,
    unprotect,
)
from emulator.faces.dlms.deeds import refused_and_told
from emulator.faces.dlms.invocation_counters import (
    FIRST_COUNTERS,
    CounterPair,
    InvocationCounters,
    Keep,
    keep_nothing,
)
from emulator.faces.dlms.model import MAKER, CosemObject, constant, logical_name
from emulator.faces.dlms.values import Datum, Tag, octets

SETUP_NAME: Final = logical_name("0-0:43.0.0")
_COUNTER_NAME: Final = logical_name("0-0:43.1.0")
_SUITE: Final = 0
_CHALLENGE_BYTES: Final = 16


@unique
class SecurityPolicy(IntEnum):
    """What must be done to all messages (class 64, version 0). What anybody can change is never let in."""

    AUTHENTICATED = 1
    AUTHENTICATED_AND_ENCRYPTED = 3


_NEEDED: Final = {
    SecurityPolicy.AUTHENTICATED: AUTHENTICATED,
    SecurityPolicy.AUTHENTICATED_AND_ENCRYPTED: AUTHENTICATED | ENCRYPTED,
}


class RepeatedPduError(Exception):
    """A message that is authentic and has come before, or was overtaken. `expected`: the smallest counter."""

    def __init__(self, expected: int) -> None:
        super().__init__(f"invocation counter below {expected}")
        self.expected = expected


class WeakPduError(Exception):
    """A message that is less protected than the policy wants."""


def system_title(meter: str) -> bytes:
    """A meter's system title: three letters of its maker, and five bytes of its name's digest."""
    return MAKER + sha256(meter.encode()).digest()[: TITLE_BYTES - len(MAKER)]


class SecuritySettings(NamedTuple):
    """What a meter is given: keys, 32 bytes of chance for its challenges, and what it wants of messages.

    `begin`: where its counters go on; `keep`: where it has them written down.
    """

    keys: SecurityKeys
    challenge_seed: bytes
    policy: SecurityPolicy = SecurityPolicy.AUTHENTICATED_AND_ENCRYPTED
    begin: CounterPair = FIRST_COUNTERS
    keep: Keep = keep_nothing


@dataclass(slots=True)
class MeterSecurity:
    """Shared by all connections of a meter. `title`: its system title."""

    settings: SecuritySettings
    title: bytes
    client_title: bytes = b""
    challenges: int = 0
    counters: InvocationCounters = field(init=False)

    def __post_init__(self) -> None:
        self.counters = InvocationCounters(*self.settings.begin, self.settings.keep)

    @property
    def is_spent(self) -> bool:
        """Whether a counter has come to its end: the keys have served for as long as they may."""
        return self.counters.are_spent

    def hear(self, title: bytes, ciphered: Ciphered) -> bytes:
        """What a client says. Raises Forged-, Weak- or RepeatedPduError; then nothing has changed.

        Raises SpentKeysError where no counter is left, or where those that are cannot be written down.
        """
        needed = _NEEDED[self.settings.policy]
        if ciphered.control & needed != needed:
            raise WeakPduError
        plain = unprotect(self.settings.keys, title, ciphered)
        if ciphered.counter < self.counters.next_received:
            raise RepeatedPduError(self.counters.next_received)
        self.counters.receive(ciphered.counter)
        return plain

    def say(self, control: int, plain: bytes) -> bytes:
        """An answer, protected as what it answers."""
        return protect(self.settings.keys, self.title, control, self.counters.draw(), plain)

    def draw_challenge(self) -> bytes:
        """A challenge that nobody has been given before, and nobody can foresee."""
        self.challenges += 1
        return hmac.digest(self.settings.challenge_seed, self.challenges.to_bytes(8, "big"), "sha256")[
            :_CHALLENGE_BYTES
        ]

    def objects(self) -> tuple[CosemObject, ...]:
        """Security setup, and the counter that a client reads before it says anything."""
        setup = {
            2: constant(Datum(Tag.ENUM, self.settings.policy)),
            3: constant(Datum(Tag.ENUM, _SUITE)),
            4: lambda _view: octets(self.client_title),
            5: constant(octets(self.title)),
        }
        expected = {
            2: lambda _view: Datum(Tag.DOUBLE_LONG_UNSIGNED, min(self.counters.next_received, COUNTER_MAX))
        }
        return (
            CosemObject(64, 0, SETUP_NAME, setup, methods={1: refused_and_told, 2: refused_and_told}),
            CosemObject(1, 0, _COUNTER_NAME, expected, is_public=True),
        )
