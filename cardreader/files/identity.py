"""EF.CARD and EF.PAIRING: which card this is, and whose.

Numbers are big-endian, texts are UTF-8 with a byte of length in front.
"""

from dataclasses import dataclass
from enum import IntEnum, unique
from struct import Struct
from typing import Final, Self

from cardreader.files.content import Content
from protocols.errors import DocumentError, InputError, RefusedError, quoted
from protocols.identifiers import is_id
from protocols.reasons import Energy

# The form of both files; a later form has another number in its first byte.
FORM: Final = 1
SERIAL_BYTES: Final = 8
# The customer's reference, as it is printed on the card: 13 digits on the cards of 2020.
REFERENCE_CHARS: Final = 13
# Pairing epochs have two bytes; a card is replaced a few times in its meter's life.
EPOCH_MAX: Final = 0xFFFF
# One in the upper half is believed of no card that was only seen: it would leave its meter no further card.
EPOCH_BELIEVED_MAX: Final = EPOCH_MAX // 2

_ENERGIES: Final = {Energy.ELECTRICITY: b"E", Energy.GAS: b"G"}
_CARD: Final = Struct(f">B{SERIAL_BYTES}s1s")
_PAIRING: Final = Struct(">BBH")


@unique
class CardState(IntEnum):
    """What the office has made of a card.

    `virgin`: it has left the factory and belongs to nobody. `paired`: it belongs to one meter. `blocked`: it
    was lost and found again after its replacement, or given back; no kiosk serves it.
    """

    VIRGIN = 0
    PAIRED = 1
    BLOCKED = 2


def next_epoch(epoch_known: int) -> int:
    """The pairing epoch of the next card of a meter: it replaces the one before.

    Raises RefusedError where no further one can be said.
    """
    if epoch_known >= EPOCH_MAX:
        raise RefusedError(f"pairing epoch {epoch_known} was the last one that a card can hold")
    return epoch_known + 1


def is_reference(text: str) -> bool:
    """Whether a text is a customer's reference: 13 digits."""
    return len(text) == REFERENCE_CHARS and text.isascii() and text.isdigit()


def read_serial(text: str, where: str = "--serial") -> bytes:
    """The serial number of a card that a person has typed, 8 bytes. Raises InputError."""
    try:
        serial = bytes.fromhex(text)
    except ValueError:
        serial = b""
    if len(serial) != SERIAL_BYTES:
        raise InputError(f"{where}: {quoted(text)}; allowed: {2 * SERIAL_BYTES} hex digits")
    return serial


@dataclass(frozen=True, slots=True)
class CardIdentity(Content):
    """EF.CARD, free to read: form u8, serial 8 bytes, energy `E` or `G`. It says nothing about a person."""

    serial: bytes
    energy: Energy

    def encode(self) -> bytes:
        """As `Content`."""
        return _CARD.pack(FORM, self.serial, _ENERGIES[self.energy])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As `Content`."""
        if len(data) != _CARD.size or data[0] != FORM:
            raise DocumentError(f"EF.CARD: {data[:16].hex()}; allowed: form {FORM} of {_CARD.size} bytes")
        _form, serial, letter = _CARD.unpack(data)
        energy = next((each for each, its in _ENERGIES.items() if its == letter), None)
        if energy is None:
            raise DocumentError(f"EF.CARD: energy {letter.hex()}; allowed: E, G")
        return cls(serial, energy)


CardIdentity.vectors = (
    ("01 0102030405060708 45", CardIdentity(bytes(range(1, 9)), Energy.ELECTRICITY)),
    ("01 00000000000000ff 47", CardIdentity(b"\0\0\0\0\0\0\0\xff", Energy.GAS)),
)


@dataclass(frozen=True, slots=True)
class Pairing(Content):
    """EF.PAIRING: form u8, state u8, pairing epoch u16, the meter's name, the customer's reference.

    `epoch` counts the cards of one meter from 1: a replacement has the next one, and the meter then refuses
    every earlier card. A virgin card has epoch 0, no meter and no reference.
    """

    state: CardState
    epoch: int = 0
    meter: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for a pairing that cannot be."""
        if not 0 <= self.epoch <= EPOCH_MAX:
            raise ValueError(f"pairing epoch {self.epoch}; allowed: 0 to {EPOCH_MAX}")
        if self.state is CardState.VIRGIN and (self.epoch or self.meter or self.reference):
            raise ValueError("a virgin card has no epoch, meter or reference")
        if self.state is CardState.PAIRED and not (self.epoch and self.meter):
            raise ValueError("a paired card has an epoch from 1 on and a meter")
        if self.meter and not is_id(self.meter):
            raise ValueError(f"meter {quoted(self.meter)}; allowed: an identifier")
        if self.reference and not is_reference(self.reference):
            raise ValueError(f"reference {quoted(self.reference)}; allowed: {REFERENCE_CHARS} digits")

    def encode(self) -> bytes:
        """As `Content`."""
        return _PAIRING.pack(FORM, self.state, self.epoch) + _text(self.meter) + _text(self.reference)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As `Content`."""
        if len(data) < _PAIRING.size or data[0] != FORM:
            raise DocumentError(f"EF.PAIRING: {data[:16].hex()}; allowed: form {FORM}")
        _form, state, epoch = _PAIRING.unpack_from(data)
        meter, at = _read_text(data, _PAIRING.size)
        reference, at = _read_text(data, at)
        if at != len(data):
            raise DocumentError(f"EF.PAIRING: {len(data) - at} bytes too many")
        try:
            return cls(CardState(state), epoch, meter, reference)
        except ValueError as error:
            raise DocumentError(f"EF.PAIRING: {error}") from None


Pairing.vectors = (
    ("01 00 0000 00 00", Pairing(CardState.VIRGIN)),
    ("01 01 0001 02 6d31 00", Pairing(CardState.PAIRED, 1, "m1")),
    (
        "01 02 0102 06 6d3030303432 0d 35343134303030303030303432",
        Pairing(CardState.BLOCKED, 258, "m00042", "5414000000042"),
    ),
)


def _text(text: str) -> bytes:
    data = text.encode()
    return bytes((len(data),)) + data


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + (data[at] if at < len(data) else 0)
    if at >= len(data) or end > len(data):
        raise DocumentError("EF.PAIRING: a text is cut off")
    try:
        return data[at + 1 : end].decode(), end
    except UnicodeDecodeError:
        raise DocumentError("EF.PAIRING: a text is not UTF-8") from None
