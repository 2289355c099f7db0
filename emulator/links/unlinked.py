"""Meters without a link: the card meters of 2020. They run, and publish nothing. Pure."""

from collections.abc import Callable, Iterable

from emulator.firmware.effects import Effect
from emulator.firmware.events import Event
from emulator.firmware.meter import Meter
from emulator.links.agenda import Agenda
from emulator.world.household import Household
from protocols.instants import UtcMs

# (meter, what it did): effects carry ticks; `Household.true_at` says when that was.
Observer = Callable[[Household[Meter], tuple[Effect, ...]], None]


class UnlinkedMeters:
    """Many meters on one agenda. `observe` sees all they do, in order of true time."""

    def __init__(self, households: Iterable[Household[Meter]], observe: Observer) -> None:
        self.households = {household.id: household for household in households}
        self._observe = observe
        self._agenda: Agenda[str] = Agenda()
        for household in self.households.values():
            self._agenda.put(household.id, household.next_due_ms())

    def apply(self, meter: str, event: Event, true_ms: UtcMs) -> tuple[Effect, ...]:
        """Something happens to one meter: a card, a button, the mains."""
        self.advance(UtcMs(true_ms - 1))
        household = self.households[meter]
        effects = household.handle(event, true_ms)
        self._agenda.put(meter, household.next_due_ms())
        if effects:
            self._observe(household, effects)
        return effects

    def advance(self, true_ms: UtcMs) -> None:
        """Let everything due up to and including a true instant happen."""
        while (due := self._agenda.pop_due(true_ms)) is not None:
            due_ms, meter = due
            household = self.households[meter]
            effects = household.advance(due_ms)
            self._agenda.put(meter, household.next_due_ms())
            if effects:
                self._observe(household, effects)

    def next_due_ms(self) -> UtcMs | None:
        """The next true instant at which one of them does something; None for no meters."""
        return self._agenda.next_due_ms()
