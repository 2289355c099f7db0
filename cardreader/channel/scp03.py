"""The secure channel of GlobalPlatform, SCP03 with AES-128, for both of its ends.

Source: GlobalPlatform Card Specification, Amendment D (Secure Channel Protocol 03), version 1.2.

Host and card share three static keys (ENC, MAC, DEK). The host sends a challenge, the card answers with one
of its own and a cryptogram, the host answers with its cryptogram: each has shown that it has the keys. From
keys and challenges both derive the keys of this session. Then every command is encrypted and carries a MAC,
and so does every answer. Each MAC covers the one before it, so that no message can be left out, repeated or
moved.

We use one security level, 33: all of that in both directions. All primitives are those of `cryptography`.
Pure: challenges are arguments.
"""

import hmac
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

from cardreader.iso7816.apdu import DATA_EXTENDED_MAX, CommandApdu, ResponseApdu
from cardreader.iso7816.status import StatusError, StatusWord

# Amendment D, table 5-1: SCP03 is 03; i = 70 says pseudo-random card challenge, R-MAC and R-ENCRYPTION.
KEY_INFORMATION: Final = b"\x03\x70"
# §7.1.2.2: C-MAC, C-DECRYPTION, R-MAC and R-ENCRYPTION.
SECURITY_LEVEL: Final = 0x33
# §6.2.2.1: in S8 mode challenges, cryptograms and MACs have 8 bytes.
CHALLENGE_BYTES: Final = 8
MAC_BYTES: Final = 8
# Bit of the class byte that says that a message is secure (GlobalPlatform §11.1.4).
SECURE_CLASS: Final = 0x04

# §4.1.5, table 4-1: what is derived.
_CARD_CRYPTOGRAM: Final = 0x00
_HOST_CRYPTOGRAM: Final = 0x01
_CARD_CHALLENGE: Final = 0x02
_SESSION_ENC: Final = 0x04
_SESSION_MAC: Final = 0x06
_SESSION_RMAC: Final = 0x07

_KEY_BYTES: Final = 16
# AES.
BLOCK_BYTES: Final = 16
_LABEL_ZEROS: Final = bytes(11)
_PADDING_BEGIN: Final = b"\x80"
# §6.2.7: set in the first byte of the counter block of an answer.
_ANSWER: Final = b"\x80"
_NO_CHAIN: Final = bytes(BLOCK_BYTES)


@dataclass(frozen=True, slots=True)
class StaticKeys:
    """The three AES-128 keys that a host and a card share."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    dek: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if {len(self.enc), len(self.mac), len(self.dek)} != {_KEY_BYTES}:
            raise ValueError(f"static keys have {_KEY_BYTES} bytes each")


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The keys of one session: to encrypt, for the MACs of commands, for the MACs of answers."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    rmac: bytes = field(repr=False)


def session_keys(static: StaticKeys, host_challenge: bytes, card_challenge: bytes) -> SessionKeys:
    """The keys of the session of these two challenges (§6.2.1)."""
    context = host_challenge + card_challenge
    return SessionKeys(
        _derive(static.enc, _SESSION_ENC, context, _KEY_BYTES),
        _derive(static.mac, _SESSION_MAC, context, _KEY_BYTES),
        _derive(static.mac, _SESSION_RMAC, context, _KEY_BYTES),
    )


def card_cryptogram(keys: SessionKeys, host_challenge: bytes, card_challenge: bytes) -> bytes:
    """What shows the host that the card has the keys (§6.2.2.2)."""
    return _derive(keys.mac, _CARD_CRYPTOGRAM, host_challenge + card_challenge, CHALLENGE_BYTES)


def host_cryptogram(keys: SessionKeys, host_challenge: bytes, card_challenge: bytes) -> bytes:
    """What shows the card that the host has the keys (§6.2.2.3)."""
    return _derive(keys.mac, _HOST_CRYPTOGRAM, host_challenge + card_challenge, CHALLENGE_BYTES)


def pseudo_random_challenge(static: StaticKeys, sequence: int, application: bytes) -> bytes:
    """The card's challenge, which follows from its sequence counter (§6.2.2.1).

    So the card needs no chance, and a challenge never comes twice while the counter only rises.
    """
    return _derive(static.enc, _CARD_CHALLENGE, sequence.to_bytes(3) + application, CHALLENGE_BYTES)


def _derive(key: bytes, constant: int, context: bytes, size_bytes: int) -> bytes:
    """The KDF of §4.1.5: NIST SP 800-108 in counter mode with CMAC, the counter between two fixed parts."""
    before = _LABEL_ZEROS + bytes((constant, 0)) + (8 * size_bytes).to_bytes(2)
    return KBKDFCMAC(
        algorithm=AES,
        mode=Mode.CounterMode,
        length=size_bytes,
        rlen=1,
        llen=None,
        location=CounterLocation.MiddleFixed,
        label=None,
        context=None,
        fixed=before + context,
        break_location=len(before),
    ).derive(key)


@dataclass(slots=True)
class SecureMessages:
    """One end of an open session: makes secure messages of plain ones, and plain ones of secure ones.

    `wrap` and `unwrap` are the host's, `open_command` and `close_answer` the card's. A message that does not
    fit raises StatusError with WRONG_SECURE_MESSAGE; the session must not be used any more then.
    """

    keys: SessionKeys
    chain: bytes = _NO_CHAIN
    # Of commands after the authentication; it makes each initial vector another one (§6.2.6).
    counter: int = 0

    def wrap_authentication(self, command: CommandApdu) -> CommandApdu:
        """The EXTERNAL AUTHENTICATE command with its MAC; it is not encrypted (§6.2.4)."""
        return self._with_mac(command)

    def open_authentication(self, command: CommandApdu) -> CommandApdu:
        """The EXTERNAL AUTHENTICATE command without its MAC."""
        return self._without_mac(command)

    def wrap(self, command: CommandApdu) -> CommandApdu:
        """The secure form of a plain command (§6.2.4, §6.2.6). Raises ValueError for too much data."""
        self.counter += 1
        data = self._encrypt(command.data, b"\0") if command.data else b""
        if len(data) + MAC_BYTES > DATA_EXTENDED_MAX:
            raise ValueError(f"{len(command.data)} bytes do not fit into a secure command")
        return self._with_mac(replace(command, cla=command.cla | SECURE_CLASS, data=data))

    def open_command(self, command: CommandApdu) -> CommandApdu:
        """The plain form of a secure command."""
        inner = self._without_mac(command)
        self.counter += 1
        # A host may encrypt empty data too (one block of padding), which Amendment D does not.
        data = self._decrypt(inner.data, b"\0") if inner.data else b""
        return replace(inner, cla=inner.cla & ~SECURE_CLASS, data=data)

    def close_answer(self, answer: ResponseApdu) -> ResponseApdu:
        """The secure form of a plain answer. One that reports an error stays as it is (§6.2.5)."""
        if not _is_protected(answer.status):
            return answer
        data = self._encrypt(answer.data, _ANSWER) if answer.data else b""
        return ResponseApdu(data + self._rmac(data, answer.status), answer.status)

    def unwrap(self, answer: ResponseApdu) -> ResponseApdu:
        """The plain form of a secure answer."""
        if not _is_protected(answer.status):
            return answer
        data, mac = answer.data[:-MAC_BYTES], answer.data[-MAC_BYTES:]
        if not hmac.compare_digest(mac, self._rmac(data, answer.status)):
            raise StatusError(StatusWord.WRONG_SECURE_MESSAGE)
        return ResponseApdu(self._decrypt(data, _ANSWER) if data else b"", answer.status)

    def _with_mac(self, command: CommandApdu) -> CommandApdu:
        covered = command.header(len(command.data) + MAC_BYTES) + command.data
        self.chain = _cmac(self.keys.mac, self.chain + covered)
        return replace(command, data=command.data + self.chain[:MAC_BYTES])

    def _without_mac(self, command: CommandApdu) -> CommandApdu:
        data, mac = command.data[:-MAC_BYTES], command.data[-MAC_BYTES:]
        # The class byte is covered as it travels; a channel number in it is none of ours.
        chain = _cmac(self.keys.mac, self.chain + command.header(len(command.data)) + data)
        if not hmac.compare_digest(mac, chain[:MAC_BYTES]):
            raise StatusError(StatusWord.WRONG_SECURE_MESSAGE)
        self.chain = chain
        return replace(command, data=data)

    def _rmac(self, data: bytes, status: int) -> bytes:
        return _cmac(self.keys.rmac, self.chain + data + status.to_bytes(2))[:MAC_BYTES]

    def _encrypt(self, plain: bytes, direction: bytes) -> bytes:
        padded = plain + _PADDING_BEGIN
        padded += bytes(-len(padded) % BLOCK_BYTES)
        encryptor = self._cipher(direction).encryptor()
        return encryptor.update(padded) + encryptor.finalize()

    def _decrypt(self, secret: bytes, direction: bytes) -> bytes:
        if len(secret) % BLOCK_BYTES:
            raise StatusError(StatusWord.WRONG_SECURE_MESSAGE)
        decryptor = self._cipher(direction).decryptor()
        padded = decryptor.update(secret) + decryptor.finalize()
        plain, begin, zeros = padded.rpartition(_PADDING_BEGIN)
        if not begin or zeros.strip(b"\0") or len(zeros) >= BLOCK_BYTES:
            raise StatusError(StatusWord.WRONG_SECURE_MESSAGE)
        return plain

    def _cipher(self, direction: bytes) -> "Cipher[CBC]":
        """AES-CBC whose initial vector is the encrypted counter (§6.2.6, §6.2.7)."""
        block = Cipher(AES(self.keys.enc), ECB()).encryptor()  # noqa: S305 # one block: the counter
        vector = block.update(direction + self.counter.to_bytes(BLOCK_BYTES - 1)) + block.finalize()
        return Cipher(AES(self.keys.enc), CBC(vector))


def _is_protected(status: int) -> bool:
    """Whether an answer with this status carries a MAC: success and warnings do (§6.2.5)."""
    return status == StatusWord.OK or status >> 8 in (0x62, 0x63)


def _cmac(key: bytes, data: bytes) -> bytes:
    mac = CMAC(AES(key))
    mac.update(data)
    return mac.finalize()
