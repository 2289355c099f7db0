"""Who speaks to the card: authentication, failed attempts, key letters (SCP03, Amendment D §6.2, §7.1).

An attempt costs a try of its key set before it is judged, and each challenge is answered once; see
`keyring.begin_attempt`. So nothing is gained by pulling the card, or by playing a dialogue to it again.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cardreader.card.keyring import KEYRING, SEQUENCE_MAX, HeldKeys, KeyRing
from cardreader.card.store import Store
from cardreader.channel import scp03
from cardreader.channel.letters import KeyLetter
from cardreader.channel.scp03 import SecureMessages
from cardreader.files.access import KeyHolder
from cardreader.files.directory import SerialNumber
from cardreader.files.layout import AID, GDO, stored_as
from cardreader.iso7816.apdu import CommandApdu, ResponseApdu
from cardreader.iso7816.instructions import Instruction
from cardreader.iso7816.status import StatusError, StatusWord, tries_left
from protocols.errors import DocumentError

# Amendment D §7.1.1.6: the answer to INITIALIZE UPDATE begins with ten bytes from which a host may derive
# keys.
_SERIAL_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Whose session it is, and its messages."""

    holder: KeyHolder
    messages: SecureMessages


@dataclass(frozen=True, slots=True)
class _Begun:
    """An authentication between its two commands."""

    version: int
    messages: SecureMessages
    expected: bytes


class Authentication:
    """The card's keys and its session."""

    def __init__(self, store: Store) -> None:
        """Without a session, as after power-on. Raises StatusError where the keys cannot be read."""
        self._store = store
        try:
            self.ring = KeyRing.decode(store.read(KEYRING))
            self.serial = SerialNumber.decode(store.read(stored_as(GDO))).serial
        except DocumentError:
            raise StatusError(StatusWord.MEMORY_FAILURE) from None
        self.session: OpenSession | None = None
        self._begun: _Begun | None = None
        self.commands: dict[int, Callable[[CommandApdu], ResponseApdu]] = {
            Instruction.INITIALIZE_UPDATE: self._initialize_update,
            Instruction.EXTERNAL_AUTHENTICATE: self._external_authenticate,
            Instruction.PUT_KEY_LETTER: self._put_key_letter,
        }

    def _initialize_update(self, command: CommandApdu) -> ResponseApdu:
        self.session = self._begun = None
        if len(command.data) != scp03.CHALLENGE_BYTES:
            raise StatusError(StatusWord.WRONG_LENGTH)
        held = self._usable(command.p1)
        if self.ring.sequence >= SEQUENCE_MAX:
            raise StatusError(StatusWord.CONDITIONS)
        challenge = scp03.pseudo_random_challenge(held.keys.static, self.ring.sequence, AID)
        keys = scp03.session_keys(held.keys.static, command.data, challenge)
        expected = scp03.host_cryptogram(keys, command.data, challenge)
        self._begun = _Begun(command.p1, SecureMessages(keys), expected)
        meter = self.ring.of_holder(KeyHolder.METER)
        epoch = 0 if meter is None else meter.keys.generation
        return ResponseApdu(
            self.serial.rjust(_SERIAL_BYTES, b"\0")
            + epoch.to_bytes(2)
            + bytes((command.p1,))
            + scp03.KEY_INFORMATION
            + challenge
            + scp03.card_cryptogram(keys, command.data, challenge)
            + self.ring.sequence.to_bytes(3),
            StatusWord.OK,
        )

    def _external_authenticate(self, command: CommandApdu) -> ResponseApdu:
        begun, self._begun = self._begun, None
        if begun is None:
            raise StatusError(StatusWord.CONDITIONS)
        if (command.p1, command.p2) != (scp03.SECURITY_LEVEL, 0):
            raise StatusError(StatusWord.WRONG_P1_P2)
        held = self._usable(begun.version)
        self._put_ring(self.ring.begin_attempt(begun.version))
        if not _proves(command, begun):
            raise StatusError(tries_left(held.tries - 1))
        self._put_ring(self.ring.end_attempt(begun.version))
        self.session = OpenSession(held.keys.holder, begun.messages)
        return ResponseApdu(b"", StatusWord.OK)

    def _put_key_letter(self, command: CommandApdu) -> ResponseApdu:
        """A letter is proof by itself: it needs no session. The same one again changes nothing."""
        issuer = self.ring.of_holder(KeyHolder.ISSUER)
        if issuer is None:
            raise StatusError(StatusWord.NOT_FOUND)
        try:
            letter = KeyLetter.open(command.data, issuer.keys.static.dek)
        except DocumentError:
            raise StatusError(StatusWord.WRONG_DATA) from None
        if letter.serial != self.serial:
            raise StatusError(StatusWord.WRONG_DATA)
        held = self.ring.of_version(letter.keys.version)
        is_same = held is not None and held.keys == letter.keys
        if letter.number < self.ring.letters or (letter.number == self.ring.letters and not is_same):
            raise StatusError(StatusWord.CONDITIONS)
        if letter.number > self.ring.letters:
            self._put_ring(self.ring.with_set(letter.keys, letter.number, letter.oldest))
        return ResponseApdu(b"", StatusWord.OK)

    def _usable(self, version: int) -> HeldKeys:
        held = self.ring.of_version(version)
        if held is None:
            raise StatusError(StatusWord.NOT_FOUND)
        if not held.tries:
            raise StatusError(StatusWord.KEY_BLOCKED)
        return held

    def _put_ring(self, ring: KeyRing) -> None:
        self._store.commit({KEYRING: ring.encode()})
        self.ring = ring


def _proves(command: CommandApdu, begun: _Begun) -> bool:
    """Whether the host has shown that it has the keys: by its cryptogram, and by the MAC over the command."""
    try:
        plain = begun.messages.open_authentication(command)
    except StatusError:
        return False
    return hmac.compare_digest(plain.data, begun.expected)
