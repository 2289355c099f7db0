"""Where each file of the card stands, how large it may become, and who may read and write it.

    MF 3F00 ─┬─ EF.DIR 2F00       which applications there are
             ├─ EF.GDO 2F02       the card's serial number
             └─ ADF 7F01          the application, AID F0 42 55 44 47 45 54 00 01
                  ├─ EF.CARD 0101 … EF.LOG 011A     see `FILES`; SFI = the last byte of the file's name

The AID is of category F: proprietary, and registered by nobody (ISO 7816-4 §12.2.3.4).

The sizes are upper bounds. All files share one memory of 31,744 bytes, and a commit needs room for the old
and the new content of what it changes: what does not fit is refused with 6A84, and nothing changes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from cardreader.files import visits
from cardreader.files.access import KeyHolder
from cardreader.files.content import Content
from cardreader.files.directory import ApplicationTemplate, SerialNumber
from cardreader.files.documents import DocumentSlot, Words
from cardreader.files.identity import CardIdentity, Pairing
from cardreader.files.meter_state import StateWord
from cardreader.files.visits import Visit

MF: Final = 0x3F00
ADF: Final = 0x7F01
AID: Final = bytes.fromhex("F04255444745540001")
LABEL: Final = "relance"
# The first byte of the names of all files in the application.
_IN_ADF: Final = 0x01

_FREE: Final = frozenset[KeyHolder]()
_ISSUER: Final = frozenset({KeyHolder.ISSUER})
_DOWN: Final = frozenset({KeyHolder.ISSUER, KeyHolder.KIOSK})
_UP: Final = frozenset({KeyHolder.METER})
_ANYBODY: Final = frozenset(KeyHolder)

KIB: Final = 1024


@unique
class Structure(IntEnum):
    """The structure of a file, as its descriptor says it (ISO 7816-4 §7.4.5, file descriptor byte)."""

    TRANSPARENT = 0x01
    LINEAR_VARIABLE = 0x04
    CYCLIC = 0x06


@dataclass(frozen=True, slots=True)
class CardFile:
    """One file. `bytes_max` bounds its content; `records_max` and `record_bytes_max` a record file.

    `readers` empty: anybody may read it, without keys. `content` is the class of what it holds.
    """

    name: str
    fid: int
    structure: Structure
    bytes_max: int
    readers: frozenset[KeyHolder]
    writers: frozenset[KeyHolder]
    content: type[Content]
    records_max: int = 0
    record_bytes_max: int = 0

    @property
    def sfi(self) -> int:
        """Its short identifier, by which a command names it without selecting it; 0: it has none."""
        return self.fid & 0xFF if self.fid >> 8 == _IN_ADF else 0


def _slot(name: str, number: int, kib: int) -> CardFile:
    return CardFile(name, 0x0100 + number, Structure.TRANSPARENT, kib * KIB, _ANYBODY, _DOWN, DocumentSlot)


def _words(name: str, number: int, kib: int, content: type[Content]) -> CardFile:
    return CardFile(name, 0x0100 + number, Structure.TRANSPARENT, kib * KIB, _ANYBODY, _UP, content)


DIR: Final = CardFile(
    "DIR", 0x2F00, Structure.LINEAR_VARIABLE, 255, _FREE, _ISSUER, ApplicationTemplate, 1, 64
)
GDO: Final = CardFile("GDO", 0x2F02, Structure.TRANSPARENT, 16, _FREE, _ISSUER, SerialNumber)
CARD: Final = CardFile("CARD", 0x0101, Structure.TRANSPARENT, 16, _FREE, _ISSUER, CardIdentity)
PAIRING: Final = CardFile("PAIRING", 0x0102, Structure.TRANSPARENT, 96, _ANYBODY, _ISSUER, Pairing)

# One of each issuer that has loaded the card: the controller, and the offices that the household goes to. A
# statement with three signatures has some 900 bytes.
STATEMENTS: Final = tuple(_slot(f"STATEMENT-{n}", 2 + n, 2) for n in range(1, 5))
# Holds, releases, flags, cancelled cuts: what a household has at a time. A hold has some 900 bytes.
ORDERS: Final = tuple(_slot(f"ORDER-{n}", 6 + n, 2) for n in range(1, 9))
# With ids of the usual length a lease of some forty objects fits.
LEASE: Final = _slot("LEASE", 15, 6)
# The cut calendar of a season, the tariff, and the issuers document or a root: the largest goes first.
PARAMETERS: Final = tuple(_slot(f"PARAMETER-{n}", 15 + n, 12) for n in range(1, 4))
# One of each time authority.
ANSWERS: Final = tuple(_slot(f"ANSWER-{n}", 18 + n, 1) for n in range(1, 4))

STATE: Final = _words("STATE", 22, 4, StateWord)
# What the meter would say over a link: its last report, and what it holds.
REPORTS: Final = _words("REPORTS", 23, 8, Words)
ASKS: Final = _words("ASKS", 24, 1, Words)
# A receipt of each document that the card brought, with the meter's MAC.
PROOFS: Final = _words("PROOFS", 25, 8, Words)
LOG: Final = CardFile(
    "LOG",
    0x011A,
    Structure.CYCLIC,
    16 * visits.RECORD_BYTES,
    _ANYBODY,
    _ANYBODY,
    Visit,
    records_max=16,
    record_bytes_max=visits.RECORD_BYTES,
)

IN_MF: Final = (DIR, GDO)
IN_ADF: Final = (
    *(CARD, PAIRING, *STATEMENTS, *ORDERS, LEASE, *PARAMETERS, *ANSWERS),
    *(STATE, REPORTS, ASKS, PROOFS, LOG),
)
FILES: Final = (*IN_MF, *IN_ADF)
# In the store each file is named by the last byte of its name; these of the MF would meet others.
_NAMES_IN_MF: Final = {DIR.fid: 0xF0, GDO.fid: 0xF2}


def stored_as(file: CardFile) -> int:
    """The number by which the card's store names the file."""
    return _NAMES_IN_MF.get(file.fid, file.fid & 0xFF)


def file_named(name: str) -> CardFile | None:
    """The file of this name, such as `STATEMENT-1`; case does not matter."""
    return _first(each for each in FILES if each.name == name.upper())


def _first(files: Iterable[CardFile]) -> CardFile | None:
    return next(iter(files), None)
