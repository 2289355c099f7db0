"""What ends a run from outside: Ctrl-C, SIGTERM and SIGHUP, all alike, and none half-way to safety.

A signal that raises in the midst of switching the mains off would leave them on. So it waits, and raises
KeyboardInterrupt where that does no harm.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Final, Self

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptGate:
    """Within this block an interruption waits; while the gate is `opened` it raises KeyboardInterrupt, once.

    One that came while it was shut is raised at the block's end, or when the gate is opened next. A signal
    that is ignored stays so: `nohup` means it. In a thread that is not the main one it does nothing, since
    no signal is raised there.
    """

    def __init__(self) -> None:
        self._is_open = False
        self._is_waiting = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                if before not in (signal.SIG_IGN, None):
                    self._before[number] = before
                    signal.signal(number, self._heard)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        if self._is_waiting and kind is None:
            raise KeyboardInterrupt

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Here an interruption may be raised: whoever opens the gate makes the bench safe afterwards."""
        self._is_open = True
        try:
            if self._is_waiting:
                self._is_waiting = False
                raise KeyboardInterrupt
            yield
        finally:
            self._is_open = False

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_open:
            # Shut by the very signal that is raised: a second one cannot hit the way to safety.
            self._is_open = False
            raise KeyboardInterrupt
        self._is_waiting = True
