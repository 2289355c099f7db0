"""The drivers of a virtual bench, one for each interface of `hil.capabilities`. Pure but for card files."""

from collections.abc import Mapping
from pathlib import Path

from cardreader.files.meter_state import MeterState
from emulator.faces.console.answers import OK
from emulator.faces.p1.telegram import telegram_of
from emulator.firmware.events import ButtonName
from emulator.onsite.console_face import ConsoleFace
from emulator.scenario.model import (
    CardInSpec,
    CardOutSpec,
    OvercurrentSpec,
    PressSpec,
    RtcLostSpec,
    SetClockSpec,
    SetMainsSpec,
)
from hil.capabilities import BenchError
from hil.drivers.card_reader import LOG_NAME, state_on
from hil.drivers.console_answers import values_by_key
from hil.drivers.p1_reader import take_telegram
from hil.drivers.virtual.installed import VirtualMeter
from hil.wire_log import WireLog
from protocols.errors import quoted
from protocols.instants import UtcMs
from protocols.link.records import Record


class VirtualTime:
    """`Timebase`: time is as late as it was let pass."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def now_ms(self) -> UtcMs:
        """As `Timebase`."""
        return self._meter.now_ms

    def let_pass(self, duration_ms: int) -> None:
        """As `Timebase`, at once."""
        self._meter.let_pass(duration_ms)


class VirtualPower:
    """`Power`."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def switch(self, *, on: bool) -> None:
        """As `Power`."""
        if self._meter.view().readout.mains_on is not on:
            self._meter.do(SetMainsSpec(on))


class VirtualSupply:
    """`SupplySensor`: the emulated contactor, which knows nothing of the meter's screen."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def is_supplied(self) -> bool:
        """As `SupplySensor`."""
        return self._meter.is_supplied


class VirtualConsole:
    """`Console`: the meter's own console, without a wire."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def ask(self, line: str) -> Mapping[str, tuple[str, ...]]:
        """As `Console`."""
        face = ConsoleFace(self._meter.installed, lambda: None, self._meter.let_pass)
        *lines, last = face.answer(line)
        if last != OK:
            raise BenchError(f"console, {quoted(line)}: ok expected; found: {last}")
        return values_by_key(lines)


class VirtualCustomerPort:
    """`CustomerPort`. Without mains the port is dead, as the meter is."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def telegram(self) -> str:
        """As `CustomerPort`."""
        if not self._meter.has_customer_port:
            raise BenchError("P1: a telegram expected; found: this meter was made without a customer port")
        view = self._meter.view()
        if not view.readout.mains_on:
            raise BenchError("P1: a telegram expected; found: nothing, the mains are off")
        found = take_telegram(telegram_of(view))
        if found is None or found[0] is None:
            raise BenchError("P1: a whole telegram expected; found: one with a wrong checksum")
        return found[0]


class VirtualSlot:
    """`MeterSlot`."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def put_in(self, card: Path | None, pull_after_ms: int | None = None) -> None:
        """As `MeterSlot`."""
        self._meter.do(CardInSpec("" if card is None else str(card.absolute()), pull_after_ms))

    def take_out(self) -> None:
        """As `MeterSlot`."""
        self._meter.do(CardOutSpec())


class VirtualCardReader:
    """`CardReader`: the meter's own card, which is in no slot meanwhile."""

    def __init__(self, meter: VirtualMeter) -> None:
        self.log = WireLog(LOG_NAME)
        self._meter = meter

    def read(self) -> MeterState | None:
        """As `CardReader`."""
        cards = self._meter.installed.chip_cards()
        if cards is None:
            raise BenchError("reader: a chip card expected; found: a card of 2020")
        return state_on(*cards.at_an_office(), self.log)


class VirtualClockFault:
    """`ClockFault`."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def set_date(self, time_ms: UtcMs) -> None:
        """As `ClockFault`."""
        self._meter.do(SetClockSpec(offset_ms=None, time_ms=time_ms))

    def lose_ticks(self) -> None:
        """As `ClockFault`."""
        self._meter.do(RtcLostSpec())


class VirtualPerson:
    """`Person`."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def press(self, button: ButtonName) -> None:
        """As `Person`."""
        self._meter.do(PressSpec(button))


class VirtualLoad:
    """`Load`."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def draw(self, load_w: int) -> None:
        """As `Load`."""
        self._meter.draw(load_w)


class VirtualShortCircuit:
    """`ShortCircuit`."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def make(self) -> None:
        """As `ShortCircuit`."""
        self._meter.do(OvercurrentSpec())


class VirtualJournal:
    """`JournalReader`: the last records of the black box."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def records(self) -> tuple[tuple[int, Record], ...]:
        """As `JournalReader`."""
        return tuple((int(each.tick), each.record) for each in self._meter.noted)
