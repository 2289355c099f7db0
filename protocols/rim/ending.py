"""Ends a program that was told to stop, even where something holds it: a locked database, a dead server.

Python waits for its threads at the end, and a call to a database in one of them may take as long as the
database likes. Whoever sends SIGTERM does not wait that long, and then sends a signal that ends everything.
"""

import os
import threading
from types import TracebackType
from typing import Final, Self

from protocols.rim.terminal import Exit, complain

# How long an orderly stop may take, from its signal.
STOP_S: Final = 4.5


class Ending:
    """Within this block `begin` starts the limit; the block's end lifts it."""

    def __init__(self, name: str, limit_s: float = STOP_S) -> None:
        self._name = name
        self._limit_s = limit_s
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def begin(self, *, interrupted: bool) -> None:
        """The program was told to stop, by Ctrl-C (`interrupted`) or by SIGTERM."""
        if self._timer is None:
            status = Exit.INTERRUPTED if interrupted else Exit.NOT_REACHABLE
            self._timer = threading.Timer(self._limit_s, self._end, [status])
            self._timer.daemon = True
            self._timer.start()

    def _end(self, status: Exit) -> None:
        complain(f"{self._name}: stopped while the store did not answer; what it lacks is sent again")
        os._exit(status)
