"""The console of a running meter: each line is answered before the next one is read."""

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
    """One line, with what of the next request has come."""

    def __init__(self, line: FaceLine, answer: Callable[[str], tuple[str, ...]]) -> None:
        self._line = line
        self._answer = answer
        self._buffer = LineBuffer()

    def received(self, data: bytes) -> None:
        """Answer each line that is whole."""
        for text in self._buffer.take(data):
            too_long = f"a line of more than {LINE_BYTES_MAX} bytes; allowed: help lists what can be typed"
            lines = (error(too_long),) if text is None else self._answer(text)
            self._line.send(b"".join(each.encode("ascii", errors="replace") + _END for each in lines))

    def lost(self) -> None:
        """Half a line is forgotten with its console."""
