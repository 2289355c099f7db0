"""What PC/SC answers when it cannot: its codes, each as a sentence that says what to do.

The numbers are those of PC/SC part 5 and of pcsclite. A code in hex stands behind each
sentence for whoever is called for help. Pure.
"""

from enum import IntEnum, unique
from typing import Final

from protocols.errors import UnreachableError


@unique
class Code(IntEnum):
    """The codes that are told apart."""

    DONE = 0
    CANCELLED = 0x80100002
    INVALID_HANDLE = 0x80100003
    UNKNOWN_READER = 0x80100009
    TIMEOUT = 0x8010000A
    SHARING_VIOLATION = 0x8010000B
    NO_CARD = 0x8010000C
    NO_PROTOCOL = 0x8010000F
    COMM_ERROR = 0x80100013
    NOT_TRANSACTED = 0x80100016
    READER_GONE = 0x80100017
    NO_SERVICE = 0x8010001D
    SERVICE_STOPPED = 0x8010001E
    NO_READERS = 0x8010002E
    UNSUPPORTED_CARD = 0x80100065
    UNRESPONSIVE_CARD = 0x80100066
    UNPOWERED_CARD = 0x80100067
    RESET_CARD = 0x80100068
    REMOVED_CARD = 0x80100069
    NOT_ALLOWED = 0x8010006A


_NO_SERVICE: Final = "the PC/SC service does not answer: start pcscd, then try again"
_NO_CARD: Final = "there is no card in it: put one in"
_UNPLUGGED: Final = "the reader was unplugged: plug it in, then try again"
_MUTE: Final = "the card does not answer: turn it the right way round, wipe its contacts, put it in again"
_FOREIGN: Final = "this card speaks neither T=0 nor T=1: it is none of ours"
# pcsclite says so too when the service ends just while somebody connects.
_NOT_ALLOWED: Final = (
    "the PC/SC service was just restarted, or does not let this user in: try again, then allow "
    "org.debian.pcsc-lite.access_pcsc in polkit"
)
_SENTENCES: Final = {
    Code.INVALID_HANDLE: _NO_SERVICE,
    Code.UNKNOWN_READER: _UNPLUGGED,
    Code.SHARING_VIOLATION: "another program uses this card: end it, then try again",
    Code.NO_CARD: _NO_CARD,
    Code.NO_PROTOCOL: _FOREIGN,
    Code.COMM_ERROR: _NO_SERVICE,
    Code.NOT_TRANSACTED: "the card was pulled out, or does not answer: put it in again",
    Code.READER_GONE: _UNPLUGGED,
    Code.NO_SERVICE: _NO_SERVICE,
    Code.SERVICE_STOPPED: _NO_SERVICE,
    Code.NO_READERS: "no card reader is plugged in: plug one in, then try again",
    Code.UNSUPPORTED_CARD: _FOREIGN,
    Code.UNRESPONSIVE_CARD: _MUTE,
    Code.UNPOWERED_CARD: _MUTE,
    Code.RESET_CARD: "another program has reset this card: end it, then try again",
    Code.REMOVED_CARD: _NO_CARD,
    Code.NOT_ALLOWED: _NOT_ALLOWED,
}


class PcscError(UnreachableError):
    """PC/SC has not done what it was asked for. `code`: why, as a number without a sign."""

    def __init__(self, code: int, where: str) -> None:
        """`where`: the reader's name, or what was asked."""
        # pyscard gives the numbers with a sign, as a C long of 32 bits.
        self.code = code & 0xFFFFFFFF
        super().__init__(f"{where}: {sentence(self.code)} (PC/SC {self.code:08X})")


def sentence(code: int) -> str:
    """What a code means, and what to do."""
    known = {int(each): text for each, text in _SENTENCES.items()}
    return known.get(code, "the reader has failed: unplug it, plug it in again, then try again")
