"""A bench's reference clock where time cannot be stepped: this machine's, read once and then counted."""

import time
from collections.abc import Callable
from typing import Final

from protocols.instants import SECOND_MS, UtcMs
from protocols.rim.clocks import checked_now_ms

_NS_PER_MS: Final = 1_000_000


class SteadyClock:
    """The time of one reading, and what was counted since: who sets the clock moves no measurement."""

    def __init__(
        self, read_ms: Callable[[], UtcMs] = checked_now_ms, count_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._count_ns = count_ns
        self._began_ms, self._began_ns = read_ms(), count_ns()

    def now_ms(self) -> UtcMs:
        """True time, as right as that reading was."""
        return UtcMs(self._began_ms + (self._count_ns() - self._began_ns) // _NS_PER_MS)


class WallTime:
    """`Timebase` of a meter whose time cannot be stepped: `SteadyClock`, and waiting."""

    def __init__(self) -> None:
        self._clock = SteadyClock()

    def now_ms(self) -> UtcMs:
        """As `Timebase`."""
        return self._clock.now_ms()

    def let_pass(self, duration_ms: int) -> None:
        """As `Timebase`."""
        time.sleep(duration_ms / SECOND_MS)
