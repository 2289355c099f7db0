"""The oracle of a card meter: its main loop run every second, as the chip would, instead of jumping."""

from emulator.firmware.effects import Effect
from emulator.firmware.events import Event
from emulator.firmware.legacy.meter import LegacyMeter
from emulator.firmware.ticks import Tick


class PerSecond:
    """Drives a meter second by second; what it does must be what the meter does by itself."""

    def __init__(self, meter: LegacyMeter) -> None:
        self.meter = meter

    def handle(self, event: Event, at_tick: Tick) -> tuple[Effect, ...]:
        self._loop(Tick(at_tick - 1))
        return self.meter.handle(event, at_tick)

    def advance(self, until_tick: Tick) -> tuple[Effect, ...]:
        self._loop(until_tick)
        return self.meter.advance(until_tick)

    def _loop(self, until_tick: Tick) -> None:
        while self.meter.next_step_tick <= until_tick:
            self.meter.step(self.meter.next_step_tick)
