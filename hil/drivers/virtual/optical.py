"""The optical port of a virtual bench: our reader's dialogue with the meter's session, byte for byte."""

from collections.abc import Callable, Generator
from typing import Final, TypeVar

from emulator.faces.optical.messages import FIRST_BAUD, DataSet
from emulator.faces.optical.session import DEFAULT_PASSWORD, BringDate, Deed, OpticalSession, Say
from emulator.scenario.model import SetClockSpec
from hil.capabilities import BenchError
from hil.drivers.virtual.installed import VirtualMeter
from hil.optical.dialogue import OpticalError, Programming, Receive, Send, Speed, Step, read_out
from hil.wire_log import WireLog

R = TypeVar("R")
# A character has ten bits at mode C: what is said takes its time on the line.
_BITS: Final = 10_000


class VirtualOptical:
    """`Optical`. The line takes time of its own, in which the meter's does not pass."""

    def __init__(self, meter: VirtualMeter) -> None:
        self.log = WireLog("optical")
        self._meter = meter
        self._session = OpticalSession()
        self._line_ms = 0
        self._baud = FIRST_BAUD
        self._coming = b""

    def read_out(self) -> tuple[DataSet, ...]:
        """As `Optical`."""
        return self._run(read_out)

    def read(self, address: str) -> DataSet:
        """As `Optical`."""
        return self._programmed(lambda mode: mode.read(address))

    def write(self, data_set: DataSet) -> None:
        """As `Optical`."""
        self._programmed(lambda mode: mode.write(data_set))

    def _programmed(self, act: Callable[[Programming], Generator[Step, bytes, R]]) -> R:
        def whole() -> Generator[Step, bytes, R]:
            mode = Programming()
            yield from mode.open(DEFAULT_PASSWORD)
            result = yield from act(mode)
            yield from mode.close()
            return result

        return self._run(whole)

    def _run(self, begin: Callable[[], Generator[Step, bytes, R]]) -> R:
        dialogue = begin()
        heard: bytes | None = None
        try:
            while True:
                step = next(dialogue) if heard is None else dialogue.send(heard)
                heard = self._do(step)
        except StopIteration as end:
            result: R = end.value
            return result
        except OpticalError as error:
            self._session.end()
            raise BenchError(f"optical port: {error}") from None

    def _do(self, step: Step) -> bytes | None:
        match step:
            case Send(data=data, pause_ms=pause_ms):
                self._line_ms += pause_ms + len(data) * _BITS // self._baud
                self.log.sent(data)
                self._hear(data)
            case Speed(baud=baud, pause_ms=pause_ms):
                self._line_ms += pause_ms
                self._baud = baud
            case Receive(timeout_ms=timeout_ms):
                return self._receive(timeout_ms)
        return None

    def _hear(self, data: bytes) -> None:
        view = self._meter.view()
        if not view.readout.mains_on:
            self._session.end()
        elif self._baud == self._session.baud:
            self._obey(self._session.hear(data, self._line_ms, view))

    def _receive(self, timeout_ms: int) -> bytes:
        if not self._coming:
            self._line_ms += timeout_ms
            if self._meter.view().readout.mains_on:
                self._obey(self._session.wait(self._line_ms, self._meter.view()))
        came, self._coming = self._coming, b""
        return came

    def _obey(self, deeds: tuple[Deed, ...]) -> None:
        for deed in deeds:
            match deed:
                case Say():
                    self._say(deed)
                case BringDate():
                    self._meter.do(SetClockSpec(offset_ms=None, time_ms=deed.time_ms))

    def _say(self, say: Say) -> None:
        self._line_ms += say.reaction_ms + len(say.data) * _BITS // say.baud
        self._session.said(self._line_ms)
        self.log.received(say.data)
        self._coming += say.data
