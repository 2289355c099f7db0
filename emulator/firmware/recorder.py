"""Collects the effects of one call of a meter, and appends records to its black box.

All parts of a meter share one recorder. Each part emits its effects in the order in which it acts; at the
end of the call the meter returns the collected effects to its caller.
"""

from typing import Protocol

from emulator.firmware.effects import Effect, RecordEmitted, Show
from emulator.firmware.ticks import Tick
from protocols.link.records import Record, ScreenShown
from protocols.reasons import ScreenCode


class BlackBox(Protocol):
    """Where records are journalled: `emulator.firmware.journal.Journal`, or nowhere."""

    def append(self, at_tick: Tick, record: Record) -> None: ...


class Recorder:
    """The effects of the present call, and what the screen shows.

    `must_persist`: the image must be written before these effects are performed.
    """

    __slots__ = ("_box", "_effects", "code", "must_persist", "text")

    def __init__(self, box: BlackBox | None = None) -> None:
        self._box = box
        # No list while there is nothing to put in it: most meters of a fleet are idle most of the time.
        self._effects: list[Effect] | None = None
        self.code = ScreenCode.NONE
        self.text = ""
        self.must_persist = False

    def emit(self, effect: Effect) -> None:
        if self._effects is None:
            self._effects = []
        self._effects.append(effect)

    def journal(self, at_tick: Tick, record: Record) -> None:
        """Append a record to the black box, and emit it."""
        if self._box is not None:
            self._box.append(at_tick, record)
        self.emit(RecordEmitted(at_tick, record))
        self.must_persist = True

    def persist_first(self) -> None:
        """Have the image written before the effects of this call, although no record is journalled."""
        self.must_persist = True

    def emit_record(self, at_tick: Tick, record: Record) -> None:
        """Emit a record without journalling it: what anyone can send without end must not flush the ring."""
        self.emit(RecordEmitted(at_tick, record, is_journalled=False))

    def show(self, at_tick: Tick, text: str, code: ScreenCode = ScreenCode.NONE) -> None:
        """Change the screen. A text and code that it shows already are no effect."""
        if (text, code) == (self.text, self.code):
            return
        self.text, self.code = text, code
        self.emit(Show(at_tick, text, code))
        self.journal(at_tick, ScreenShown(text, code))

    def drain(self) -> tuple[Effect, ...]:
        """Return the effects collected so far, and begin anew."""
        if self._effects is None:
            return ()
        effects = tuple(self._effects)
        self._effects = None
        self.must_persist = False
        return effects
