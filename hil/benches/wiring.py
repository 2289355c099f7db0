"""Opens what a bench file has wired: each interface of `hil.capabilities` with the driver behind it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from cardreader.cli.options import office_key
from hil.bench_spec import BenchSpec, ByConsole, CardReaderSpec, OrdersSpec, SerialPlace
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
    Orders,
    Person,
    Power,
    SupplySensor,
    Timebase,
)
from hil.dlms.client import DlmsClient
from hil.drivers.card_reader import OfficeReader
from hil.drivers.dlms_orders import DlmsOrders
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
)
from hil.drivers.wall_time import WallTime
from hil.interrupts import InterruptGate
from hil.wire_log import WireLog
from protocols.errors import InputError

_TYPED: Final[Mapping[ByConsole, tuple[type, Callable[[TypedConsole], object]]]] = {
    ByConsole.MAINS: (Power, TypedPower),
    ByConsole.CLOCK: (ClockFault, TypedClockFault),
    ByConsole.BUTTONS: (Person, TypedPerson),
    ByConsole.LOAD: (Load, TypedLoad),
    ByConsole.TIME: (Timebase, TypedTime),
    ByConsole.SUPPLY: (SupplySensor, TypedSupply),  # and of the relay, where one switches the mains
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
    """Open a bench that is on a table: its mains are off from then on, and off again at the end.

    So a run that was killed leaves the mains on no longer than until the bench is opened next. `ask` shows an
    operator a sentence and waits. Raises BenchError.
    """
    with ExitStack() as opened:
        wiring = _Wiring(spec, ask, opened)
        wiring.open_mains()
        wiring.open_console()
        wiring.open_ports()
        wiring.open_card()
        wiring.open_orders()
        notes = (OWN_WORD,) if ByConsole.SUPPLY in spec.by_console else ()
        yield WiredBench(wiring.drivers, tuple(wiring.logs), notes)


class _Wiring:
    """Opens one device after the other; `opened` closes what is open."""

    def __init__(self, spec: BenchSpec, ask: Callable[[str], None], opened: ExitStack) -> None:
        self.drivers: dict[type, object] = {Timebase: WallTime()}
        self.logs: list[WireLog] = []
        self._spec = spec
        self._ask = ask
        self._opened = opened

    def open_mains(self) -> None:
        """The relay, before anything that may fail."""
        relay = self._spec.relay
        if relay is not None:
            port = self._port(relay.place, "relay")
            self._power(RelayPower(port, relay.mains_channel, energised_is_on=relay.energised_is_on))

    def open_console(self) -> None:
        """The console, and what is done by typing at it."""
        spec = self._spec
        if spec.console is None:
            return
        console = TypedConsole(self._port(spec.console, "console"), spec.console.port)
        self.drivers[Console] = console
        for act in sorted(spec.by_console):
            interface, driver = _TYPED[act]
            self.drivers[interface] = driver(console)
        if ByConsole.SUPPLY in spec.by_console:
            power = self.drivers.get(Power)
            relay = power if isinstance(power, RelayPower) else None
            self.drivers[SupplySensor] = TypedSupply(console, relay, spec.boot_ms)
        if ByConsole.MAINS in spec.by_console:
            self._power(TypedPower(console))

    def open_ports(self) -> None:
        """Optical head, customer port and sensor."""
        spec = self._spec
        if spec.optical is not None:
            head = OpticalHead(spec.optical)
            self._opened.callback(head.close)
            self.logs.append(head.log)
            self.drivers[Optical] = head
        if spec.customer_port is not None:
            p1 = self._port(spec.customer_port, "P1")
            self.drivers[CustomerPort] = P1Reader(p1, spec.customer_port.port)
        if spec.supply_line is not None:
            line = SupplyLine(spec.supply_line)
            self._opened.callback(line.close)
            self.drivers[SupplySensor] = line

    def open_card(self) -> None:
        """Who moves the card, and an office's reader of it."""
        if self._spec.card_by_operator:
            self.drivers[MeterSlot] = OperatorSlot(self._ask)
        if self._spec.card_reader is not None:
            reader = reader_of(self._spec.card_reader, self._ask)
            self.logs.append(reader.log)
            self.drivers[CardReader] = reader

    def open_orders(self) -> None:
        """The port through which signed orders come to the meter."""
        if self._spec.orders is not None:
            gateway = self._port(self._spec.orders.place, "DLMS")
            orders = orders_of(self._spec.orders, gateway, self.drivers)
            self.logs.append(orders.log)
            self.drivers[Orders] = orders

    def _port(self, place: SerialPlace, name: str) -> SerialPort:
        found = SerialPort(place, name)
        self._opened.callback(found.close)
        self.logs.append(found.log)
        return found

    def _power(self, power: Power) -> None:
        """Off now, and off at the end while its port is still open."""
        self.drivers[Power] = power
        self._opened.callback(_switch_off, power)
        _switch_off(power)


def _switch_off(power: Power) -> None:
    with InterruptGate():
        power.switch(on=False)


def orders_of(spec: OrdersSpec, port: SerialPort, drivers: Mapping[type, Any]) -> DlmsOrders:
    """Orders through a port, by a bench that has a console."""
    client = DlmsClient(port, spec.place.port, spec.password)
    return DlmsOrders(client, drivers[Console], drivers[Timebase], spec.seed)


def reader_of(spec: CardReaderSpec, ask: Callable[[str], None]) -> OfficeReader:
    """The reader of a bench, with its keys. Raises BenchError for a file that is no fleet's key."""
    try:
        office = office_key(Path(spec.fleet_key) if spec.fleet_key else None, spec.practice)
    except InputError as error:
        told = str(error).removeprefix("--fleet-key: ")
        raise BenchError(f"reader.fleet_key: {told}") from None
    return OfficeReader(spec.reader, office.key, ask)
