"""Memory that loses power at a chosen byte, in several ways, for the tests of the card.

A write is performed block by block, and in a block byte after byte; each step of it is a place where power
may go. The ways, all seen in EEPROM and flash:

- `KEPT`: what is not written yet stays as it was.
- `GARBAGE`: the byte that was being written has any value.
- `ERASED`, `CLEARED`: a block is first erased, to FF or 00, and then written anew with its other bytes; what
  power takes in between is lost, also bytes beside those that were meant.
"""

from collections.abc import Iterator
from enum import Enum

from cardreader.card.store import BLOCK_BYTES, CARD_BYTES, WholeMemory


class PowerLost(Exception):  # noqa: N818 # what happens, and no error
    """Power has gone in the middle of a write."""


class Way(Enum):
    KEPT = "kept"
    GARBAGE = "garbage"
    ERASED = "erased"
    CLEARED = "cleared"


class TornMemory(WholeMemory):
    """Memory whose power goes after `steps` steps; None: never. `count` says how many were done."""

    def __init__(
        self,
        content: bytes = bytes(CARD_BYTES),
        way: Way = Way.KEPT,
        steps: int | None = None,
        garbage: int = 0x5A,
    ) -> None:
        super().__init__(content)
        self.way, self.steps, self.garbage = way, steps, garbage
        self.count = 0

    def write(self, offset: int, data: bytes) -> None:
        for begin, piece in blocks(offset, data):
            if self.way in (Way.ERASED, Way.CLEARED):
                self._write_block(begin, piece)
            else:
                for at, byte in enumerate(piece):
                    self._step(begin + at)
                    self.content[begin + at] = byte

    def _write_block(self, offset: int, piece: bytes) -> None:
        start = offset // BLOCK_BYTES * BLOCK_BYTES
        whole = bytearray(self.content[start : start + BLOCK_BYTES])
        whole[offset - start : offset - start + len(piece)] = piece
        self._step(start)
        self.content[start : start + BLOCK_BYTES] = (
            bytes([0xFF if self.way is Way.ERASED else 0]) * BLOCK_BYTES
        )
        for at, byte in enumerate(whole):
            self._step(start + at)
            self.content[start + at] = byte

    def _step(self, place: int) -> None:
        if self.steps is not None and self.count >= self.steps:
            if self.way is Way.GARBAGE:
                self.content[place] = self.garbage
            raise PowerLost
        self.count += 1


def blocks(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """The parts of a write that lie in one block each."""
    at = 0
    while at < len(data):
        size = min(len(data) - at, BLOCK_BYTES - (offset + at) % BLOCK_BYTES)
        yield offset + at, data[at : at + size]
        at += size
