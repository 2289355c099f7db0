"""Status words: the last two bytes of every answer of a card (ISO 7816-4 §5.6), and what each means."""

from enum import IntEnum, unique
from typing import Final

from protocols.errors import RelanceError


@unique
class StatusWord(IntEnum):
    """The status words that our card gives. `TRIES_LEFT` carries a number in its last four bits."""

    OK = 0x9000
    END_OF_FILE = 0x6282
    TRIES_LEFT = 0x63C0
    MEMORY_FAILURE = 0x6581
    WRONG_LENGTH = 0x6700
    WRONG_STRUCTURE = 0x6981
    NOT_ALLOWED = 0x6982
    KEY_BLOCKED = 0x6983
    CONDITIONS = 0x6985
    NO_FILE_SELECTED = 0x6986
    WRONG_SECURE_MESSAGE = 0x6988
    WRONG_DATA = 0x6A80
    FILE_NOT_FOUND = 0x6A82
    RECORD_NOT_FOUND = 0x6A83
    NO_ROOM = 0x6A84
    WRONG_P1_P2 = 0x6A86
    NOT_FOUND = 0x6A88
    OUTSIDE_FILE = 0x6B00
    UNKNOWN_INSTRUCTION = 0x6D00
    UNKNOWN_CLASS = 0x6E00


_MEANINGS: Final = {
    StatusWord.OK: "done",
    StatusWord.END_OF_FILE: "the file ends before so many bytes",
    StatusWord.MEMORY_FAILURE: "the card's memory is damaged",
    StatusWord.WRONG_LENGTH: "the command has a wrong length",
    StatusWord.WRONG_STRUCTURE: "the file has another structure: records or bytes",
    StatusWord.NOT_ALLOWED: "not allowed to the holder of this key",
    StatusWord.KEY_BLOCKED: "this key is blocked after too many failed authentications",
    StatusWord.CONDITIONS: "not possible now",
    StatusWord.NO_FILE_SELECTED: "no file is selected",
    StatusWord.WRONG_SECURE_MESSAGE: "the secure message is wrong; the session is closed",
    StatusWord.WRONG_DATA: "the data is wrong",
    StatusWord.FILE_NOT_FOUND: "there is no such file or application",
    StatusWord.RECORD_NOT_FOUND: "there is no such record",
    StatusWord.NO_ROOM: "it does not fit: the file or the card is full",
    StatusWord.WRONG_P1_P2: "P1 or P2 is wrong",
    StatusWord.NOT_FOUND: "there is no such key or data object",
    StatusWord.OUTSIDE_FILE: "the place lies outside the file",
    StatusWord.UNKNOWN_INSTRUCTION: "the card does not know the instruction",
    StatusWord.UNKNOWN_CLASS: "the card does not know the class",
}
_TRIES_BITS: Final = 0x0F


class StatusError(RelanceError):
    """A card answers a command with no: `status` is the word that it gives."""

    def __init__(self, status: int) -> None:
        """An error for this status word."""
        self.status = status
        super().__init__(f"card: {meaning(status)} ({status:04X})")


def tries_left(tries: int) -> int:
    """The status word of a failed authentication after which `tries` remain; 15 is all that it can say."""
    return StatusWord.TRIES_LEFT | min(tries, _TRIES_BITS)


def meaning(status: int) -> str:
    """What a status word says, in words."""
    if status & ~_TRIES_BITS == StatusWord.TRIES_LEFT:
        return f"the authentication failed; tries left: {status & _TRIES_BITS}"
    known = _MEANINGS.get(StatusWord(status)) if status in _VALUES else None
    return known or "a status that our card never gives"


_VALUES: Final = frozenset(map(int, StatusWord))
