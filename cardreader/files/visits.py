"""EF.LOG: the last visits of the card, as evidence for people; it decides nothing.

Whoever visits appends what it did. The time is what the visitor believed, and may be wrong.
"""

from dataclasses import dataclass
from enum import IntEnum, unique
from struct import Struct
from typing import Final, Self

from cardreader.files.access import KeyHolder
from cardreader.files.content import Content
from protocols.errors import DocumentError, quoted
from protocols.limits import INSTANT_MS_MAX

STATION_BYTES_MAX: Final = 16
# who u8 | deed u8 | time u64 | station, 16 bytes
_VISIT: Final = Struct(f">BBQ{STATION_BYTES_MAX}s")
RECORD_BYTES: Final = _VISIT.size


@unique
class Deed(IntEnum):
    """What somebody did with the card. The three steps of a payment are `written`, `applied`, `read_back`."""

    ISSUED = 1
    WRITTEN = 2
    APPLIED = 3
    READ_BACK = 4
    BLOCKED = 5


@dataclass(frozen=True, slots=True)
class Visit(Content):
    """One visit. `at_ms` 0: the visitor does not know the time. `station`: which kiosk or meter it was."""

    who: KeyHolder
    deed: Deed
    at_ms: int
    station: str

    def encode(self) -> bytes:
        """As `Content`. The station's name is cut to 16 bytes."""
        station = self.station.encode()[:STATION_BYTES_MAX]
        return _VISIT.pack(self.who, self.deed, self.at_ms, station)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As `Content`."""
        if len(data) != RECORD_BYTES:
            raise DocumentError(f"EF.LOG: a record of {len(data)} bytes; allowed: {RECORD_BYTES}")
        who, deed, at_ms, station = _VISIT.unpack(data)
        if at_ms > INSTANT_MS_MAX:
            raise DocumentError("EF.LOG: a time after 2200")
        try:
            name = station.rstrip(b"\0").decode()
            return cls(KeyHolder(who), Deed(deed), at_ms, name)
        except ValueError:
            raise DocumentError(f"EF.LOG: {quoted(data.hex())} is no visit") from None


Visit.vectors = (
    (
        "02 02 0000 017310 b3d7e0".replace(" ", "") + b"kiosk-1".ljust(16, b"\0").hex(),
        Visit(KeyHolder.KIOSK, Deed.WRITTEN, 0x017310B3D7E0, "kiosk-1"),
    ),
    ("03 03 0000000000000000" + bytes(16).hex(), Visit(KeyHolder.METER, Deed.APPLIED, 0, "")),
)
