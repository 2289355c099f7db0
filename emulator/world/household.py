"""One meter with its surroundings: the crystal that counts its ticks, and the load of its household. Pure.

Maps true time to the meter's ticks, and brings each change of load as an input. It does not know what the
meter believes of time.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from emulator.firmware.effects import Effect
from emulator.firmware.events import Event, SetLoad
from emulator.firmware.meter import Meter
from emulator.firmware.ticks import FIRST_TICK, Tick, step_at_or_after
from emulator.world.crystal import Crystal
from emulator.world.loads import QUARTER_MS
from protocols.instants import UtcMs

Load = Callable[[UtcMs], int]
M_co = TypeVar("M_co", bound=Meter, covariant=True)


class Household(Generic[M_co]):
    """A meter of any firmware. `began_tick`: what the counter read when the crystal's count began.

    `load` gives the W drawn at a true instant; it is asked every `load_every_ms`, and what has changed is
    drawn from the next whole second of the crystal on, since the meter's main loop runs there.
    """

    __slots__ = (
        "_crystal",
        "_drawn_w",
        "_load",
        "_load_due_ms",
        "_load_every_ms",
        "_load_ms",
        "_load_tick",
        "began_tick",
        "id",
        "meter",
    )

    def __init__(
        self,
        name: str,
        meter: M_co,
        crystal: Crystal,
        load: Load,
        *,
        from_ms: UtcMs,
        began_tick: Tick = FIRST_TICK,
        load_every_ms: int = QUARTER_MS,
    ) -> None:
        self.id = name
        self.meter = meter
        self.began_tick = began_tick
        self._crystal = crystal
        self._load = load
        self._load_every_ms = load_every_ms
        self._drawn_w = load(from_ms)
        self._load_ms = UtcMs(from_ms // load_every_ms * load_every_ms)
        self._load_due_ms, self._load_tick = self._load_ms, FIRST_TICK
        self._wait_for_load()

    def tick_at(self, true_ms: UtcMs) -> Tick:
        """What the meter's counter reads at a true instant."""
        return Tick(self.began_tick + self._crystal.tick_at(true_ms))

    def true_at(self, tick: Tick) -> UtcMs:
        """The first true millisecond at which the counter reads `tick`."""
        return self._crystal.true_at(Tick(max(tick - self.began_tick, 0)))

    def handle(self, event: Event, true_ms: UtcMs) -> tuple[Effect, ...]:
        """Bring one input at a true instant; loads that changed before it come first."""
        return self._bring_loads(true_ms) + self.meter.handle(event, self.tick_at(true_ms))

    def advance(self, true_ms: UtcMs) -> tuple[Effect, ...]:
        """Let everything due up to and including a true instant happen."""
        return self._bring_loads(true_ms) + self.meter.advance(self.tick_at(true_ms))

    def next_due_ms(self) -> UtcMs:
        """The next true instant at which the meter or the household does something."""
        return min(self._load_due_ms, self.true_at(self.meter.next_due_tick()))

    def _bring_loads(self, until_ms: UtcMs) -> tuple[Effect, ...]:
        effects: tuple[Effect, ...] = ()
        while self._load_due_ms <= until_ms:
            load_w = self._load(self._load_ms)
            if load_w != self._drawn_w:
                self._drawn_w = load_w
                effects += self.meter.handle(SetLoad(load_w), self._load_tick)
            self._wait_for_load()
        return effects

    def _wait_for_load(self) -> None:
        self._load_ms = UtcMs(self._load_ms + self._load_every_ms)
        self._load_tick = step_at_or_after(self.tick_at(self._load_ms))
        self._load_due_ms = self.true_at(self._load_tick)
