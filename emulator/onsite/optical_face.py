"""The optical port of a running meter: one reader at a time, at the speed of a real line."""

import asyncio
from collections.abc import Callable
from typing import Final

from emulator.faces.optical.characters import heard, said
from emulator.faces.optical.session import BringDate, Deed, OpticalSession, Phase, Say
from emulator.faces.serving.lines import FaceLine, Listener
from emulator.faces.view import FaceView
from protocols.instants import SECOND_MS, UtcMs

# A character has a start bit, eight bits and a stop bit.
_BITS: Final = 10
# What is said goes out in pieces of so long.
_PIECE_S: Final = 0.01


class OpticalFace:
    """The port. `view` gives what the meter shows now, `bring_date` brings it a date."""

    def __init__(
        self, password: str, view: Callable[[], FaceView], bring_date: Callable[[UtcMs], None]
    ) -> None:
        self._session = OpticalSession(password)
        self._view = view
        self._bring_date = bring_date
        self._line: FaceLine | None = None
        self._saying: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_busy = False
        self._outages = 0

    def attach(self, line: FaceLine) -> Listener | None:
        """A head is put on; a second one has no room."""
        if self._line is not None:
            return None
        self._line = line
        return self

    def received(self, data: bytes) -> None:
        """Bytes of the reader. While the meter speaks it hears nothing."""
        view = self._view()
        self.heed(view)
        if self._saying is not None or self._line is None or not view.readout.mains_on:
            return
        characters = heard(data, self._line.format, self._listening_baud())
        self._do(self._session.hear(characters, self._now_ms(), view))
        self._after()

    def lost(self) -> None:
        """The head is taken off."""
        self._line = None
        self._session.end()
        self.stop()

    def heed(self, view: FaceView) -> None:
        """Without mains the meter is dead. No session outlives an outage, however short it was."""
        if view.readout.mains_on and view.outages == self._outages:
            return
        self._outages = view.outages
        self.stop()
        self._session.end()
        self._after()

    def stop(self) -> None:
        """Say no more."""
        if self._saying is not None:
            self._saying.cancel()
            self._saying = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _listening_baud(self) -> int:
        """After a readout a reader may begin anew at the first speed, without a word before."""
        reader = None if self._line is None else self._line.format
        if (
            self._session.phase is Phase.READING_OUT
            and reader is not None
            and reader.baud != self._session.baud
        ):
            self._session.end()
        return self._session.baud

    def _do(self, deeds: tuple[Deed, ...]) -> None:
        for deed in deeds:
            match deed:
                case Say():
                    self._saying = asyncio.get_running_loop().create_task(self._say(deed))
                case BringDate():
                    self._bring_date(deed.time_ms)

    async def _say(self, say: Say) -> None:
        await asyncio.sleep(say.reaction_ms / SECOND_MS)
        size = max(1, int(say.baud / _BITS * _PIECE_S))
        for at in range(0, len(say.data), size):
            piece = say.data[at : at + size]
            # A character is there when its last bit is.
            await asyncio.sleep(len(piece) * _BITS / say.baud)
            if self._line is None:
                return
            if not self._view().readout.mains_on:
                # What is left is never said. Whoever heeds the mains next cancels this, which is over then.
                return
            self._line.send(said(piece, self._line.format, say.baud))
        self._saying = None
        self._session.said(self._now_ms())
        self._after()

    def _after(self) -> None:
        """Set the timer anew; a session that has ended lets the line rest."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        is_idle = self._session.phase is Phase.IDLE and self._saying is None
        if is_idle and self._is_busy and self._line is not None:
            self._line.rest()
        self._is_busy = not is_idle
        if self._session.due_ms is not None:
            left_s = max(self._session.due_ms - self._now_ms(), 0) / SECOND_MS
            self._timer = asyncio.get_running_loop().call_later(left_s, self._wait)

    def _wait(self) -> None:
        self._timer = None
        view = self._view()
        self.heed(view)
        self._do(self._session.wait(self._now_ms(), view))
        self._after()

    @staticmethod
    def _now_ms() -> int:
        return int(asyncio.get_running_loop().time() * SECOND_MS)
