"""Telegrams that are wrong on purpose, for those who test a reader. Pure.

Each fault is one that a cable, a meter or its clock has shown to somebody. A reader must refuse such a
telegram, and read the next one.
"""

from enum import StrEnum, unique
from typing import Final


@unique
class TelegramFault(StrEnum):
    """What is wrong with a telegram.

    `crc`: a checksum that is not the telegram's. `bit`: one bit turned over on the way. `short`: it ends in
    its middle. `head`: its beginning is missing. `noise`: bytes that are no text, in its middle.
    """

    CRC = "crc"
    BIT = "bit"
    SHORT = "short"
    HEAD = "head"
    NOISE = "noise"


_CRC_DIGITS: Final = 4
_NOISE: Final = bytes((0x00, 0xFF, 0x80, 0x7F, 0x1B))


def damaged(telegram: bytes, fault: TelegramFault, number: int) -> bytes:
    """The telegram with a fault in it. The same number always gives the same bytes."""
    middle = len(telegram) // 2
    match fault:
        case TelegramFault.CRC:
            at = telegram.rindex(b"!") + 1
            wrong = int(telegram[at : at + _CRC_DIGITS], 16) ^ (number % 0xFFFF + 1)
            return telegram[:at] + b"%04X" % wrong + telegram[at + _CRC_DIGITS :]
        case TelegramFault.BIT:
            # Between head and checksum, so that it is the checksum that finds it.
            at = 1 + number % (telegram.rindex(b"!") - 1)
            return telegram[:at] + bytes((telegram[at] ^ 1 << number % 7,)) + telegram[at + 1 :]
        case TelegramFault.SHORT:
            return telegram[:middle]
        case TelegramFault.HEAD:
            return telegram[middle:]
        case TelegramFault.NOISE:
            return telegram[:middle] + _NOISE + telegram[middle:]
