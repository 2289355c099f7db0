"""Collects what a meter does during one call, and writes its black box.

A meter's parts share one recorder: they say what they do as it happens, in order; the meter hands
the collected effects to its caller at the end of the call.
"""

from typing import Protocol

from emulator.firmware.effects import Effect, Noted, Show
from emulator.firmware.ticks import Tick
from protocols.link.records import Record, ScreenShown
from protocols.reasons import ScreenCode


class BlackBox(Protocol):
    """Where records are kept: `emulator.firmware.journal.Journal`, or nothing."""

    def append(self, at_tick: Tick, record: Record) -> None: ...


class Recorder:
    """Effects of the present call, and the screen as it stands.

    `keeps`: the memory must be written before these effects happen.
    """

    __slots__ = ("_box", "_effects", "code", "keeps", "text")

    def __init__(self, box: BlackBox | None = None) -> None:
        self._box = box
        # No list while there is nothing to put in it: most meters of a fleet are idle most of the time.
        self._effects: list[Effect] | None = None
        self.code = ScreenCode.NONE
        self.text = ""
        self.keeps = False

    def emit(self, effect: Effect) -> None:
        if self._effects is None:
            self._effects = []
        self._effects.append(effect)

    def note(self, at_tick: Tick, record: Record) -> None:
        """Write a record to the black box and tell the world of it."""
        if self._box is not None:
            self._box.append(at_tick, record)
        self.emit(Noted(at_tick, record))
        self.keeps = True

    def keep_first(self) -> None:
        """Have the memory written before the effects of this call, though the black box has not grown."""
        self.keeps = True

    def tell(self, at_tick: Tick, record: Record) -> None:
        """Tell the world without writing: what anyone could send without end must not flush the ring."""
        self.emit(Noted(at_tick, record))

    def show(self, at_tick: Tick, text: str, code: ScreenCode = ScreenCode.NONE) -> None:
        """Change the screen; showing what already stands there is no effect."""
        if (text, code) == (self.text, self.code):
            return
        self.text, self.code = text, code
        self.emit(Show(at_tick, text, code))
        self.note(at_tick, ScreenShown(text, code))

    def drain(self) -> tuple[Effect, ...]:
        """Hand out the effects collected so far."""
        if self._effects is None:
            return ()
        effects = tuple(self._effects)
        self._effects = None
        self.keeps = False
        return effects
