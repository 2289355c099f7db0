"""Clocks of machines: right, or set wrong for a while. The crystal under them always runs true."""

from protocols.instants import UtcMs
from tests.simulation.truth import Truth


class SetClock:
    """A machine's system clock: true time and `offset_ms`. It sleeps by the crystal, as a timer does.

    `boot_id` names the machine, which runs through.
    """

    def __init__(self, truth: Truth, boot_id: str = "one") -> None:
        self.offset_ms = 0
        self.boot_id = boot_id
        self._truth = truth

    def tick_ms(self) -> int:
        """Milliseconds of the crystal, which nobody sets."""
        return self._truth.now_ms()

    def now_ms(self) -> UtcMs:
        return UtcMs(self._truth.now_ms() + self.offset_ms)

    async def sleep_until(self, instant_ms: int) -> None:
        """Sleep as long as it is until that instant by this clock now, whoever sets it meanwhile."""
        await self._truth.sleep_until(instant_ms - self.offset_ms)


class Lying:
    """A clock whose answers to meters are wrong by `offset_ms`; what runs beside it is right."""

    def __init__(self, under: SetClock) -> None:
        self.offset_ms = 0
        self._under = under

    def now_ms(self) -> UtcMs:
        return UtcMs(self._under.now_ms() + self.offset_ms)

    async def sleep_until(self, instant_ms: int) -> None:
        await self._under.sleep_until(instant_ms - self.offset_ms)
