"""The oracle of a card meter: its main loop run every second, as the chip would, instead of jumping."""

from emulator.firmware.effects import Effect
from emulator.firmware.events import Event
from emulator.firmware.legacy.meter import LegacyMeter


class PerSecond:
    """Drives a meter second by second; what it does must be what the meter does by itself."""

    def __init__(self, meter: LegacyMeter) -> None:
        self.meter = meter

    def handle(self, event: Event, at: int) -> tuple[Effect, ...]:
        self._loop(at - 1)
        return self.meter.handle(event, at)

    def advance(self, until: int) -> tuple[Effect, ...]:
        self._loop(until)
        return self.meter.advance(until)

    def _loop(self, until: int) -> None:
        while self.meter.next_step_at <= until:
            self.meter.step(self.meter.next_step_at)
