"""The customer port of a running meter: each second a telegram, to every reader at once."""

from collections.abc import Callable
from dataclasses import dataclass

from emulator.faces.p1.faults import TelegramFault, damaged
from emulator.faces.p1.telegram import telegram_of
from emulator.faces.serving.lines import FaceLine, Listener
from emulator.faces.view import FaceView


@dataclass(frozen=True, slots=True)
class P1Choice:
    """How the port behaves. `with_amounts`: the household agrees that its credit is named.

    `fault`: what is wrong with every `fault_every`-th telegram; None: nothing.
    """

    with_amounts: bool = False
    fault: TelegramFault | None = None
    fault_every: int = 1


class P1Face:
    """All readers of the port."""

    def __init__(self, choice: P1Choice) -> None:
        self._choice = choice
        self._lines: set[FaceLine] = set()
        self._sent = 0

    def attach(self, line: FaceLine) -> Listener:
        """A reader more."""
        self._lines.add(line)
        return _Reader(lambda: self._lines.discard(line))

    def send(self, view: FaceView) -> None:
        """Send the telegram of this second. Without mains the port is dead, as the meter is."""
        if not self._lines or not view.readout.mains_on:
            return
        self._sent += 1
        telegram = telegram_of(view, with_amounts=self._choice.with_amounts)
        if self._choice.fault is not None and self._sent % self._choice.fault_every == 0:
            telegram = damaged(telegram, self._choice.fault, self._sent)
        for line in tuple(self._lines):
            line.send(telegram, latest=True)


class _Reader:
    """A reader says nothing: the port has no receive line. What it sends is dropped."""

    def __init__(self, on_lost: Callable[[], None]) -> None:
        self._on_lost = on_lost

    def received(self, data: bytes) -> None:
        """Drop it."""

    def lost(self) -> None:
        """It gets no more telegrams."""
        self._on_lost()
