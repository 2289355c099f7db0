"""The machine's clock, read at the rim: commands pass on what it said, services are handed it."""

import asyncio
import time
from typing import Final

from protocols.instants import SECOND_MS

# A clock that is set while we sleep is noticed after so long at the latest.
_NAP_MS: Final = SECOND_MS


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


class SystemClock:
    """The machine's clock as a `protocols.timekeeping.Timekeeper`."""

    def now_ms(self) -> int:
        return now_ms()

    async def sleep_until(self, instant_ms: int) -> None:
        """Sleep until the clock shows `instant_ms`, also where it is set meanwhile."""
        while (ahead_ms := instant_ms - now_ms()) > 0:  # noqa: ASYNC110 # the clock is what is waited for
            await asyncio.sleep(min(ahead_ms, _NAP_MS) / SECOND_MS)
