"""The clocks that a service is given: the instant now, and the ticks of a crystal.

An interface only. The rim implements it with the machine's clock; the demo with a clock that it steps
itself, so that one seed leads to the same decisions at any speed.
"""

from typing import Protocol

from protocols.instants import UtcMs


class Timekeeper(Protocol):
    """A clock in UTC milliseconds. It need not show true time."""

    def now_ms(self) -> UtcMs: ...

    async def sleep_until(self, instant_ms: int) -> None: ...


class Machine(Timekeeper, Protocol):
    """A clock in UTC milliseconds that somebody may set wrong, and a crystal that nobody sets.

    `tick_ms`: milliseconds since the machine's boot, counted on while it is suspended. `boot_id`: names the
    boot; with another one ticks have been lost.
    """

    def tick_ms(self) -> int: ...

    @property
    def boot_id(self) -> str: ...
