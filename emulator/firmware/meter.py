"""The interface of every firmware. The player and the links use both firmwares through it.

`handle(event, at_tick)` applies one input at `at_tick`: everything due strictly before `at_tick` happens
first, what is due at `at_tick` itself waits for `advance`, so that inputs at a tick come before actions
due at that tick. `advance(until_tick)` lets everything due up to and including `until_tick` happen. Inside,
a meter acts on whole seconds of its crystal; `next_due_tick` names the next one at which it would act.
Ticks never go back. A caller reads a meter by `glance`, `readout` and `entries_after` alone, never by its
attributes.
"""

from typing import Protocol

from emulator.firmware.effects import Effect
from emulator.firmware.events import Event
from emulator.firmware.readout import Glance, Readout
from emulator.firmware.ticks import Tick
from protocols.chain import Entry


class Meter(Protocol):
    """A firmware: pure, driven by its caller."""

    @property
    def glance(self) -> Glance: ...

    def handle(self, event: Event, at_tick: Tick) -> tuple[Effect, ...]: ...

    def advance(self, until_tick: Tick) -> tuple[Effect, ...]: ...

    def next_due_tick(self) -> Tick: ...

    def readout(self, at_tick: Tick) -> Readout: ...

    def entries_after(self, number: int, /) -> tuple[Entry, ...]:
        """What is left of its black box beyond an entry. A card meter has none."""
        ...
