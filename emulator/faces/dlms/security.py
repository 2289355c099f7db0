"""What a meter knows of its secure clients: keys, policy, counters, and the objects that show it. Pure.

One key serves all clients that have it, and one counter counts what they send: what does not grow is a
repetition, whoever sent it. `next_heard` and `next_said` never go back while a key is in use.
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
from emulator.faces.dlms.deeds import BringUnsignedRequest, ClockPreset, GivenValue, Outcome
from emulator.faces.dlms.model import CosemObject, constant, logical_name
from emulator.faces.dlms.services import DlmsResult
from emulator.faces.dlms.values import Datum, Tag, octets
from emulator.faces.locking import TryLock
from emulator.faces.view import FaceView

SETUP_NAME: Final = logical_name("0-0:43.0.0")
_COUNTER_NAME: Final = logical_name("0-0:43.1.0")
_MAKER: Final = b"RLC"
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
    return _MAKER + sha256(meter.encode()).digest()[: TITLE_BYTES - len(_MAKER)]


class SecuritySettings(NamedTuple):
    """What a meter is given: keys, 32 bytes of chance for its challenges, and what it wants of messages."""

    keys: SecurityKeys
    challenge_seed: bytes
    policy: SecurityPolicy = SecurityPolicy.AUTHENTICATED_AND_ENCRYPTED


def _unsigned(asked: GivenValue, _view: FaceView, _preset: ClockPreset) -> Outcome:
    """A policy or a key takes signatures, and this has none: the firmware is told, and refuses it."""
    return DlmsResult.READ_WRITE_DENIED, BringUnsignedRequest(asked.pdu)


@dataclass(slots=True)
class MeterSecurity:
    """Shared by all connections of a meter. `title`: its system title."""

    settings: SecuritySettings
    title: bytes
    lock: TryLock = field(default_factory=TryLock)
    # The smallest counter that is taken from a client, and the next one that is sent.
    next_heard: int = 0
    next_said: int = 1
    client_title: bytes = b""
    challenges: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether a counter has come to its end: the keys have served for as long as they may."""
        # An answer to a challenge takes two.
        return self.next_said > COUNTER_MAX - 1 or self.next_heard > COUNTER_MAX

    def hear(self, title: bytes, ciphered: Ciphered) -> bytes:
        """What a client says. Raises Forged-, Weak- or RepeatedPduError; then nothing has changed."""
        needed = _NEEDED[self.settings.policy]
        if ciphered.control & needed != needed:
            raise WeakPduError
        plain = unprotect(self.settings.keys, title, ciphered)
        if ciphered.counter < self.next_heard:
            raise RepeatedPduError(self.next_heard)
        self.next_heard = ciphered.counter + 1
        return plain

    def say(self, control: int, plain: bytes) -> bytes:
        """An answer, protected as what it answers."""
        return protect(self.settings.keys, self.title, control, self.draw_counter(), plain)

    def draw_counter(self) -> int:
        """A counter that no message of ours has had."""
        assert self.next_said <= COUNTER_MAX, "whoever asks has looked at `is_spent`"
        self.next_said += 1
        return self.next_said - 1

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
        heard = {2: lambda _view: Datum(Tag.DOUBLE_LONG_UNSIGNED, min(self.next_heard, COUNTER_MAX))}
        return (
            CosemObject(64, 0, SETUP_NAME, setup, methods={1: _unsigned, 2: _unsigned}),
            CosemObject(1, 0, _COUNTER_NAME, heard, is_public=True),
        )
