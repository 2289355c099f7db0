"""The machine's clocks. Most commands read it once and pass the instant on; services are given the clock."""

import asyncio
import time
from functools import cache
from pathlib import Path
from typing import Final

from protocols.errors import InputError, UnreachableError
from protocols.instants import SECOND_MS, UtcMs, iso_from_ms, iso_or_none
from protocols.limits import INSTANT_MS_MAX, INSTANT_MS_MIN

# A random UUID that Linux draws at each boot (random(4), /proc interfaces).
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_NS_PER_MS: Final = 1_000_000

# The longest sleep between two looks at the clock: somebody may set the clock meanwhile.
_NAP_MS: Final = SECOND_MS


def now_ms() -> UtcMs:
    """UTC milliseconds."""
    return UtcMs(time.time_ns() // _NS_PER_MS)


def tick_ms() -> int:
    """Milliseconds since the boot, time in suspend included; nobody can set them (clock_gettime(2))."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // _NS_PER_MS


@cache
def boot_id() -> str:
    """The name of this boot, equal in all processes. Raises UnreachableError where Linux does not tell it."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError as error:
        raise UnreachableError(f"{_BOOT_ID}: {error.strerror}; the crystal's boot is not known") from None


def checked_now_ms() -> UtcMs:
    """UTC milliseconds, for a command that dates a document with them.

    Raises InputError, which names the clock, where it shows a date that no document may have.
    """
    instant_ms = now_ms()
    if not INSTANT_MS_MIN <= instant_ms <= INSTANT_MS_MAX:
        shown = iso_or_none(instant_ms) or f"{instant_ms} ms"
        span = f"{iso_from_ms(INSTANT_MS_MIN)} to {iso_from_ms(INSTANT_MS_MAX)}"
        raise InputError(f"this machine's clock shows {shown}; allowed: {span}; set the clock first")
    return instant_ms


class SystemClock:
    """The machine's clocks as a `protocols.timekeeping.Machine`."""

    @property
    def boot_id(self) -> str:
        return boot_id()

    def tick_ms(self) -> int:
        return tick_ms()

    def now_ms(self) -> UtcMs:
        return now_ms()

    async def sleep_until(self, instant_ms: int) -> None:
        """Sleep until the clock shows `instant_ms`, even if somebody sets it meanwhile."""
        while (ahead_ms := instant_ms - now_ms()) > 0:  # noqa: ASYNC110 # the clock is what is waited for
            await asyncio.sleep(min(ahead_ms, _NAP_MS) / SECOND_MS)
