"""Opens what a bench file has wired: each interface of `hil.capabilities` with the driver behind it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from cardreader.cli.options import office_key
from hil.benches.model import BenchSpec, ByConsole, CardReaderSpec, SerialPlace
from hil.capabilities import (
    BenchError,
    CardReader,
    ClockFault,
    Console,
    CustomerPort,
    JournalReader,
    Load,
    MeterSlot,
    Optical,
    Person,
    Power,
    SupplySensor,
    Timebase,
)
from hil.drivers.card_reader import OfficeReader
from hil.drivers.lcus import RelayPower
from hil.drivers.modem_line import SupplyLine
from hil.drivers.operator_slot import OperatorSlot
from hil.drivers.optical_head import OpticalHead
from hil.drivers.p1_reader import P1Reader
from hil.drivers.serial_port import SerialPort
from hil.drivers.typed import (
    TypedClockFault,
    TypedConsole,
    TypedJournal,
    TypedLoad,
    TypedPerson,
    TypedPower,
    TypedSupply,
    TypedTime,
    WallTime,
)
from hil.drivers.wire_log import WireLog
from protocols.errors import InputError

_TYPED: Final[Mapping[ByConsole, tuple[type, Callable[[TypedConsole], object]]]] = {
    ByConsole.MAINS: (Power, TypedPower),
    ByConsole.CLOCK: (ClockFault, TypedClockFault),
    ByConsole.BUTTONS: (Person, TypedPerson),
    ByConsole.LOAD: (Load, TypedLoad),
    ByConsole.TIME: (Timebase, TypedTime),
    ByConsole.SUPPLY: (SupplySensor, TypedSupply),
    ByConsole.JOURNAL: (JournalReader, TypedJournal),
}
OWN_WORD: Final = "The supply was read from the meter's own word: a contactor that sticks is not seen."


class WiredBench(NamedTuple):
    """What is there, by interface; the wires' logs; and what a report must say of the bench."""

    drivers: Mapping[type, object]
    logs: tuple[WireLog, ...]
    notes: tuple[str, ...]


@contextmanager
def wired(spec: BenchSpec, ask: Callable[[str], None]) -> Iterator[WiredBench]:
    """Open a bench that is on a table. `ask` shows an operator a sentence and waits. Raises BenchError."""
    drivers: dict[type, object] = {Timebase: WallTime()}
    logs: list[WireLog] = []
    with ExitStack() as opened:

        def port(place: SerialPlace, name: str) -> SerialPort:
            found = SerialPort(place, name)
            opened.callback(found.close)
            logs.append(found.log)
            return found

        if spec.console is not None:
            console = TypedConsole(port(spec.console, "console"), spec.console.port)
            drivers[Console] = console
            for act in sorted(spec.by_console):
                interface, driver = _TYPED[act]
                drivers[interface] = driver(console)
        if spec.optical is not None:
            head = OpticalHead(spec.optical)
            opened.callback(head.close)
            drivers[Optical] = head
        if spec.customer_port is not None:
            p1 = port(spec.customer_port, "P1")
            drivers[CustomerPort] = P1Reader(p1, spec.customer_port.port)
        if spec.relay is not None:
            relay = port(spec.relay.place, "relay")
            drivers[Power] = RelayPower(
                relay, spec.relay.mains_channel, energised_is_on=spec.relay.energised_is_on
            )
        if spec.supply_line is not None:
            line = SupplyLine(spec.supply_line)
            opened.callback(line.close)
            drivers[SupplySensor] = line
        if spec.card_by_operator:
            drivers[MeterSlot] = OperatorSlot(ask)
        if spec.card_reader is not None:
            reader = reader_of(spec.card_reader, ask)
            logs.append(reader.log)
            drivers[CardReader] = reader
        notes = (OWN_WORD,) if ByConsole.SUPPLY in spec.by_console else ()
        yield WiredBench(drivers, tuple(logs), notes)


def reader_of(spec: CardReaderSpec, ask: Callable[[str], None]) -> OfficeReader:
    """The reader of a bench, with its keys. Raises BenchError for a file that is no fleet's key."""
    try:
        office = office_key(Path(spec.fleet_key) if spec.fleet_key else None, spec.practice)
    except InputError as error:
        told = str(error).removeprefix("--fleet-key: ")
        raise BenchError(f"reader.fleet_key: {told}") from None
    return OfficeReader(spec.reader, office.key, ask)
