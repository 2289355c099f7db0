"""Instruction bytes that our card knows (ISO 7816-4 §5.4.2; GlobalPlatform Card Specification §11.1)."""

from enum import IntEnum, unique
from typing import Final


@unique
class Instruction(IntEnum):
    """What a command asks for. `COMMIT` and `PUT_KEY_LETTER` are our own, in the proprietary class 80."""

    ERASE_BINARY = 0x0E
    COMMIT = 0x10
    INITIALIZE_UPDATE = 0x50
    EXTERNAL_AUTHENTICATE = 0x82
    SELECT = 0xA4
    READ_BINARY = 0xB0
    READ_RECORD = 0xB2
    GET_DATA = 0xCA
    UPDATE_BINARY = 0xD6
    PUT_KEY_LETTER = 0xD8
    UPDATE_RECORD = 0xDC
    APPEND_RECORD = 0xE2


# P1 of SELECT (ISO 7816-4 §11.2.2, table 62).
SELECT_BY_NAME: Final = 0x00
SELECT_IN_FOLDER: Final = 0x02
SELECT_PARENT: Final = 0x03
SELECT_BY_AID: Final = 0x04
SELECT_BY_PATH: Final = 0x08
# P2 of SELECT (§11.2.2): the answer holds nothing but its status.
SELECT_WITHOUT_ANSWER: Final = 0x0C

# P1 of COMMIT: what was staged is forgotten.
DISCARD: Final = 0x01

# P1P2 of GET DATA. DF21 to DF25 are our own; DF24 and DF25 are answered in a session alone.
DATA_SERIAL: Final = 0x005A
DATA_KEYS: Final = 0x00E0
DATA_FREE_BYTES: Final = 0xDF21
DATA_LETTERS: Final = 0xDF22
DATA_TRIES: Final = 0xDF23
DATA_INVENTORY: Final = 0xDF24
DATA_FINGERPRINT: Final = 0xDF25

# In P2 of the record commands: P1 is the number of the record (ISO 7816-4 §11.3.3).
BY_NUMBER: Final = 0x04
# In P1 of the commands for bytes: the low bits are a short file identifier, and P2 the place in the file.
BY_SFI: Final = 0x80
SFI_BITS: Final = 0x1F
# An SFI stands in the upper five bits of its data object, and of P2 of the record commands.
SFI_SHIFT: Final = 3
