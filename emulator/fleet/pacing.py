"""True time of an emulated world, as fast as asked: the timekeeper of `relance-emulator fleet`.

It begins at the system's date and runs with the machine's steady counter, so that it never goes back
and is not moved when somebody sets the system's clock.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from protocols.instants import HOUR_MS, UtcMs

_NS_PER_MS: Final = 1_000_000
_PERMILLE: Final = 1_000
# Sleeping is done in pieces of at most this: an event loop does not take centuries.
_NAP_MS_MAX: Final = HOUR_MS


def steady_ns() -> int:
    """A counter that only runs forward; where there is one, one that counts while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return time.monotonic_ns()


class PacedTime:
    """A `Timekeeper` in which `rate_permille / 1000` seconds pass in each second of the counter."""

    def __init__(
        self, start_ms: UtcMs, rate_permille: int = _PERMILLE, counter_ns: Callable[[], int] = steady_ns
    ) -> None:
        assert rate_permille > 0, rate_permille
        self._start_ms = start_ms
        self._rate_permille = rate_permille
        self._counter_ns = counter_ns
        self._began_ns = counter_ns()

    def now_ms(self) -> UtcMs:
        elapsed_ns = self._counter_ns() - self._began_ns
        return UtcMs(self._start_ms + elapsed_ns * self._rate_permille // (_PERMILLE * _NS_PER_MS))

    async def sleep_until(self, instant_ms: int) -> None:
        # Looked at again after each nap: timers of the loop do not run while the machine sleeps.
        while (left_ms := instant_ms - self.now_ms()) > 0:  # noqa: ASYNC110 time is what it waits for
            await asyncio.sleep(min(left_ms, _NAP_MS_MAX) / self._rate_permille)
