"""Who comes to the readers: a thread that tells of each card that goes in or out.

It opens no card, so a card is read while it is watched. When the service dies, it says so once, tries
again at growing intervals, and tells what is in the readers when it is back.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from cardreader.readers.opening import virtual_file
from cardreader.readers.pcsc_service import PcscService
from cardreader.readers.reader_events import ReaderEvent, ReadersBack, ReadersLost, happened
from cardreader.readers.reader_states import PRESENT, ReaderState, fitting_readers
from protocols.errors import UnreachableError

# A reader that is plugged in is found at the next of these looks; a card is noticed at once.
_LOOK_MS: Final = 1_000
_PAUSE_MIN_S: Final = 0.1
_PAUSE_MAX_S: Final = 2.0
# How often it is looked whether a virtual card's file is there.
_FILE_LOOK_S: Final = 0.2


class Watcher:
    """Watches a reader, or all that fit a name; use it as a context.

    `on_event` is called in a thread of the watcher, with one event after the other. It must come back soon,
    and must not end the watcher.
    """

    def __init__(
        self,
        reader: str,
        on_event: Callable[[ReaderEvent], None],
        where: str = "--reader",
        scard: Any = None,  # noqa: ANN401 # pyscard's module, or what acts it
    ) -> None:
        """`reader`, `where`: as `opening.open_card`. Raises InputError for a name that is wrong."""
        self._wanted, self._on_event, self._scard = reader, on_event, scard
        self._file = virtual_file(reader, where)
        self._seen = dict[str, ReaderState]()
        self._is_lost = False
        self._service: PcscService | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        run = self._watch_service if self._file is None else self._watch_file
        self._thread = threading.Thread(target=run, name=f"watcher of {reader}", daemon=True)

    def __enter__(self) -> Self:
        """Begins: the cards that are in now are told first."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the thread, and waits for it."""
        self._stopped.set()
        with self._lock:
            if self._service is not None:
                self._service.cancel()
        self._thread.join()

    def _watch_service(self) -> None:
        pause_s = _PAUSE_MIN_S
        while not self._stopped.is_set():
            try:
                self._watch_connection()
            except UnreachableError as error:
                if self._stopped.is_set():
                    return
                pause_s = _PAUSE_MIN_S if not self._is_lost else min(2 * pause_s, _PAUSE_MAX_S)
                self._lose(str(error))
                self._stopped.wait(pause_s)

    def _watch_connection(self) -> None:
        """Tells what happens while the service answers. Raises UnreachableError when it does not."""
        with PcscService(self._scard) as service:
            self._hold(service)
            try:
                while not self._stopped.is_set():
                    found = fitting_readers(service.readers(), self._wanted)
                    self._look(found)
                    if found:
                        service.wait(found, _LOOK_MS)
                    else:
                        self._stopped.wait(_LOOK_MS / 1_000)
            finally:
                self._hold(None)

    def _watch_file(self) -> None:
        """A virtual card is in its reader as long as its file is there."""
        assert isinstance(self._file, Path)
        while not self._stopped.is_set():
            self._look([ReaderState(self._wanted, PRESENT)] if self._file.is_file() else [])
            self._stopped.wait(_FILE_LOOK_S)

    def _hold(self, service: PcscService | None) -> None:
        with self._lock:
            self._service = service

    def _look(self, found: list[ReaderState]) -> None:
        if self._is_lost:
            self._is_lost = False
            self._on_event(ReadersBack())
        now = {each.name: each for each in found}
        before, self._seen = self._seen, now
        for event in happened(before, now):
            self._on_event(event)

    def _lose(self, why: str) -> None:
        before, self._seen = self._seen, {}
        for event in happened(before, {}):
            self._on_event(event)
        if not self._is_lost:
            self._is_lost = True
            self._on_event(ReadersLost(why))
