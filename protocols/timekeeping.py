"""What a service asks of time: the instant now, and to be woken at another.

An interface only: the rim brings the system's clock, the demo a clock that its conductor steps, so that
the same seed takes the same decisions at any speed.
"""

from typing import Protocol


class Timekeeper(Protocol):
    """UTC milliseconds, as the part that holds it knows them."""

    def now_ms(self) -> int: ...

    async def sleep_until(self, instant_ms: int) -> None: ...
