"""The clock that a service is given: it returns the instant now, and sleeps until another.

An interface only. The rim implements it with the machine's clock; the demo with a clock that it steps
itself, so that one seed leads to the same decisions at any speed.
"""

from typing import Protocol

from protocols.instants import UtcMs


class Timekeeper(Protocol):
    """A clock in UTC milliseconds. It need not show true time."""

    def now_ms(self) -> UtcMs: ...

    async def sleep_until(self, instant_ms: int) -> None: ...
