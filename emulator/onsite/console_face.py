"""The console of a running meter: each line is answered before the next one is read."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, assert_never

from emulator.faces.console.answers import OK, LineBuffer, answer, error
from emulator.faces.console.grammar import (
    LINE_BYTES_MAX,
    Act,
    ConsoleQuestion,
    DrawLoad,
    LastRecords,
    LoseClock,
    PressButton,
    SetClock,
    StepTime,
    SwitchMains,
    parse,
)
from emulator.faces.serving.lines import FaceLine, Listener
from emulator.firmware.journal import write_body
from emulator.onsite.installed import InstalledMeter
from emulator.scenario.model import Do, PressSpec, RtcLostSpec, SetClockSpec, SetLoadSpec, SetMainsSpec
from protocols.errors import InputError

_END: Final = b"\r\n"
# A script that is pasted at once fits in; whoever sends more does not look at the answers.
LINES_WAITING_MAX: Final = 4_096


class ConsoleFace:
    """All consoles of a meter. `catch_up` brings it to the present; `step` lets time pass, in ms, at once."""

    def __init__(
        self, meter: InstalledMeter, catch_up: Callable[[], None], step: Callable[[int], None]
    ) -> None:
        self._meter = meter
        self._catch_up = catch_up
        self._step = step

    def attach(self, line: FaceLine) -> Listener:
        """A console more."""
        return _Console(line, self.answer)

    def answer(self, text: str) -> tuple[str, ...]:
        """The lines that answer a line; what it asks for is done then."""
        try:
            command = parse(text)
        except InputError as refusal:
            return (error(str(refusal)),)
        self._catch_up()
        match command:
            case ConsoleQuestion():
                return (*answer(command, self._meter.view(), self._meter.spec.firmware), OK)
            case LastRecords():
                noted = list(self._meter.noted)[-command.count :]
                return (
                    *(f"{each.number} {write_body(each.tick, each.record).decode()}" for each in noted),
                    OK,
                )
            case StepTime():
                self._step(command.duration_ms)
            case SwitchMains(on=on) if on is self._meter.view().readout.mains_on:
                # Mains that come back are news to a meter; mains that never went are none.
                pass
            case _:
                self._meter.do(_do(command))
        return (OK,)


def _do(act: Act) -> Do:
    """What happens to the meter, as a scenario says it."""
    match act:
        case SetClock():
            return SetClockSpec(offset_ms=None, time_ms=act.time_ms)
        case LoseClock():
            return RtcLostSpec()
        case SwitchMains():
            return SetMainsSpec(act.on)
        case PressButton():
            return PressSpec(act.name)
        case DrawLoad():
            return SetLoadSpec(act.load_w)
        case StepTime():
            raise AssertionError("time passes in its caller")
        case _:
            assert_never(act)


class _Console:
    """One line, with what has come of it. Each line takes a turn of the loop: a step of 92 days is long."""

    def __init__(self, line: FaceLine, answer: Callable[[str], tuple[str, ...]]) -> None:
        self._line = line
        self._answer = answer
        self._buffer = LineBuffer()
        self._waiting: deque[str | None] = deque()
        self._next: asyncio.Handle | None = None

    def received(self, data: bytes) -> None:
        """Answer the next line that is whole; the others wait for their turn."""
        self._waiting.extend(self._buffer.take(data))
        if len(self._waiting) > LINES_WAITING_MAX:
            self._waiting.clear()
            self._say(
                (error(f"more than {LINES_WAITING_MAX} lines wait; allowed: an answer before the next"),)
            )
            self._line.hang_up()
        elif self._next is None:
            self._go_on()

    def lost(self) -> None:
        """What waits, and half a line, are forgotten with their console."""
        self._waiting.clear()
        if self._next is not None:
            self._next.cancel()

    def _go_on(self) -> None:
        self._next = None
        if not self._waiting:
            return
        text = self._waiting.popleft()
        too_long = f"a line of more than {LINE_BYTES_MAX} bytes; allowed: help lists what can be typed"
        self._say((error(too_long),) if text is None else self._answer(text))
        if self._waiting:
            self._next = asyncio.get_running_loop().call_soon(self._go_on)

    def _say(self, lines: tuple[str, ...]) -> None:
        self._line.send(b"".join(each.encode("ascii", errors="replace") + _END for each in lines))
