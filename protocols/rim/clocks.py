"""The machine's clock. Most commands read it once and pass the instant on; services are given the clock."""

import asyncio
import time
from typing import Final

from protocols.instants import SECOND_MS, UtcMs

# The longest sleep between two looks at the clock: somebody may set the clock meanwhile.
_NAP_MS: Final = SECOND_MS


def now_ms() -> UtcMs:
    """UTC milliseconds."""
    return UtcMs(time.time_ns() // 1_000_000)


class SystemClock:
    """The machine's clock as a `protocols.timekeeping.Timekeeper`."""

    def now_ms(self) -> UtcMs:
        return now_ms()

    async def sleep_until(self, instant_ms: int) -> None:
        """Sleep until the clock shows `instant_ms`, even if somebody sets it meanwhile."""
        while (ahead_ms := instant_ms - now_ms()) > 0:  # noqa: ASYNC110 # the clock is what is waited for
            await asyncio.sleep(min(ahead_ms, _NAP_MS) / SECOND_MS)
