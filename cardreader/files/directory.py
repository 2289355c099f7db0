"""EF.DIR and EF.GDO, in the card's main folder: what any reader may ask a card that it does not know.

Both are BER-TLV: ISO 7816-4 §12.2.1 (EF.DIR, application template) and §12.2.2 with ISO 7812 (serial, tag
5A).
"""

from dataclasses import dataclass
from typing import Final, Self

from cardreader.files.content import Content
from cardreader.iso7816.tlv import read_tlvs, tlv
from protocols.errors import DocumentError

_TEMPLATE: Final = 0x61
_AID: Final = 0x4F
_LABEL: Final = 0x50
_SERIAL: Final = 0x5A


@dataclass(frozen=True, slots=True)
class ApplicationTemplate(Content):
    """One record of EF.DIR: an application by its AID, with the label that a person may read."""

    aid: bytes
    label: str

    def encode(self) -> bytes:
        """As `Content`."""
        return tlv(_TEMPLATE, tlv(_AID, self.aid) + tlv(_LABEL, self.label.encode()))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As `Content`. Data objects that we do not know are passed over."""
        outer = list(read_tlvs(data))
        if [each.tag for each in outer] != [_TEMPLATE]:
            raise DocumentError("EF.DIR: not one application template (61)")
        found = {each.tag: each.value for each in read_tlvs(outer[0].value)}
        if _AID not in found:
            raise DocumentError("EF.DIR: an application without an AID (4F)")
        return cls(found[_AID], found.get(_LABEL, b"").decode(errors="replace"))


ApplicationTemplate.vectors = (
    ("61 0D 4F 04 F0000001 50 05 6C6162656C", ApplicationTemplate(b"\xf0\0\0\1", "label")),
    ("61 08 4F 04 F0000001 50 00", ApplicationTemplate(b"\xf0\0\0\1", "")),
)


@dataclass(frozen=True, slots=True)
class SerialNumber(Content):
    """EF.GDO: the card's serial number."""

    serial: bytes

    def encode(self) -> bytes:
        """As `Content`."""
        return tlv(_SERIAL, self.serial)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As `Content`."""
        found = {each.tag: each.value for each in read_tlvs(data)}
        if _SERIAL not in found:
            raise DocumentError("EF.GDO: no serial number (5A)")
        return cls(found[_SERIAL])


SerialNumber.vectors = (("5A 08 0102030405060708", SerialNumber(bytes(range(1, 9)))),)
