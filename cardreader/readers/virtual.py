"""A card in a file, and the reader for it: `virtual:FILE`.

The file is a line that says what it is, then the card's 32 KiB of memory. It is locked while the card is in
the reader, so that no two programs use one card at a time. What the card has changed is on the disk before
its answer is given: a new file is written beside, synced and renamed, and its folder synced. So whatever is
killed, the file holds what some answer has confirmed, or what the card was about to confirm.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cardreader.card.card import SmartCard
from cardreader.card.store import CARD_BYTES, WholeMemory
from cardreader.iso7816.apdu import CardGoneError
from cardreader.readers.locked_file import made, opened, replaced
from protocols.errors import InputError

SCHEME: Final = "virtual:"
_MAGIC: Final = b"relance card 1\n\0"
_FILE_BYTES: Final = len(_MAGIC) + CARD_BYTES


class VirtualCard:
    """A card in its reader; a `CardChannel`. Use it as a context: at its end the card is taken out."""

    def __init__(self, path: Path) -> None:
        """For the file at `path`, which must be there: see `create`."""
        self._path = path
        self._lock: int | None = None
        self.memory = WholeMemory()
        self._saved = b""
        self._card: SmartCard | None = None

    @classmethod
    def create(cls, path: Path, memory: WholeMemory) -> None:
        """Makes a file of a card's memory. Raises InputError where there is one, or none can be written."""
        try:
            made(path, _MAGIC + bytes(memory.content))
        except FileExistsError:
            raise InputError(f"{path}: there is such a file already; allowed: a new name") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from None

    def __enter__(self) -> Self:
        """Puts the card in: the file is locked and read.

        Raises InputError for a file that is no card, UnreachableError while another program uses it.
        """
        makes = f"`relance-kiosk issue --reader {SCHEME}{self._path}` makes a card"
        self._lock = opened(self._path, "card", makes)
        data = os.pread(self._lock, _FILE_BYTES + 1, 0)
        if len(data) != _FILE_BYTES or not data.startswith(_MAGIC):
            self._take_out()
            size = "more" if len(data) > _FILE_BYTES else f"{len(data)}"
            raise InputError(f"{self._path}: {size} bytes, no virtual card; allowed: {_FILE_BYTES} bytes")
        self.memory = WholeMemory(data[len(_MAGIC) :])
        self._saved = bytes(self.memory.content)
        self._card = SmartCard(self.memory)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._take_out()

    @property
    def path(self) -> Path:
        """Where the card lies."""
        return self._path

    @property
    def name(self) -> str:
        """As `InsertedCard`."""
        return f"{SCHEME}{self._path}"

    def reset(self) -> bytes:
        """Power off and on. Returns the answer to reset."""
        return self._inserted().reset()

    def transmit(self, command: bytes) -> bytes:
        """As `CardChannel`. The answer is given once the file holds what the card has changed."""
        answer = self._inserted().process(command)
        if self.memory.content != self._saved:
            self._save()
        return answer

    def _inserted(self) -> SmartCard:
        if self._card is None:
            raise CardGoneError(f"{self._path}: the card is not in the reader")
        return self._card

    def _save(self) -> None:
        content = bytes(self.memory.content)
        try:
            new = replaced(self._path, _MAGIC + content)
        except OSError as error:
            # What the card holds and what the file holds are two things now: nobody may go on.
            self._take_out()
            raise CardGoneError(f"{self._path}: cannot be written: {error.strerror}") from None
        assert self._lock is not None
        os.close(self._lock)
        self._lock, self._saved = new, content

    def _take_out(self) -> None:
        self._card = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
