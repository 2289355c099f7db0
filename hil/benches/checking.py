"""Looks whether a bench is ready: each device is opened and asked something that changes nothing."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from typing import Final, NamedTuple

from hil.bench_spec import BenchSpec, ByConsole
from hil.benches.wiring import orders_of, reader_of
from hil.capabilities import BenchError, Console, Timebase
from hil.drivers.console_answers import one
from hil.drivers.modem_line import SupplyLine
from hil.drivers.optical_head import OpticalHead
from hil.drivers.p1_reader import P1Reader
from hil.drivers.serial_port import SerialPort
from hil.drivers.typed import TypedConsole
from hil.drivers.wall_time import WallTime
from hil.record.model import Calibration

# Without one of these lines, by their first words as `help` names them, it cannot do what the bench types.
_NEEDED_LINES: Final = {
    ByConsole.MAINS: {"mains"},
    ByConsole.CLOCK: {"clock"},
    ByConsole.BUTTONS: {"press"},
    ByConsole.LOAD: {"load"},
    ByConsole.TIME: {"step"},
    ByConsole.SUPPLY: {"supply", "supply:"},
    ByConsole.JOURNAL: {"journal"},
}
_IDENTITY: Final = ("meter", "firmware", "profile", "energy")


class DeviceFound(NamedTuple):
    """What was found of one device. `is_ready`: a story can use it."""

    device: str
    is_ready: bool
    text: str


def check_bench(spec: BenchSpec, today: date) -> Iterator[DeviceFound]:
    """Each device in turn; nothing is switched. The meter of a virtual bench is made at its run."""
    if spec.virtual is not None:
        yield DeviceFound("virtual", is_ready=True, text=f"{spec.virtual.firmware}, {spec.virtual.profile}")
    for device, look in _devices(spec):
        try:
            yield DeviceFound(device, is_ready=True, text=look(spec))
        except BenchError as error:
            yield DeviceFound(device, is_ready=False, text=str(error))
    for instrument in spec.instruments:
        yield _calibration(instrument, today)


def _devices(spec: BenchSpec) -> Iterator[tuple[str, Callable[[BenchSpec], str]]]:
    if spec.console is not None:
        yield "console", _console
    if spec.optical is not None:
        yield "optical", _optical
    if spec.customer_port is not None:
        yield "p1", _customer_port
    if spec.relay is not None:
        yield "relay", _relay
    if spec.supply_line is not None:
        yield "supply", _supply
    if spec.card_reader is not None:
        yield "reader", _reader
    if spec.orders is not None and spec.console is not None:
        yield "orders", _orders
    if spec.card_by_operator:
        yield "card", lambda _: "a person moves the card"


def _console(spec: BenchSpec) -> str:
    assert spec.console is not None
    with closing(SerialPort(spec.console, "console")) as port:
        console = TypedConsole(port, spec.console.port)
        answer, lines = console.ask("identity"), console.ask("help")
    found = ", ".join(one(answer, key) for key in _IDENTITY)
    missing = sorted(act for act in spec.by_console if not _NEEDED_LINES[act] & set(lines))
    if missing:
        raise BenchError(f"{found}: a console that does {', '.join(missing)} expected; `help` names none")
    return found


def _optical(spec: BenchSpec) -> str:
    assert spec.optical is not None
    with closing(OpticalHead(spec.optical)) as head:
        return f"{len(head.read_out())} values read out"


def _customer_port(spec: BenchSpec) -> str:
    assert spec.customer_port is not None
    with closing(SerialPort(spec.customer_port, "P1")) as port:
        telegram = P1Reader(port, spec.customer_port.port).telegram()
    return f"a telegram of {len(telegram)} characters"


def _relay(spec: BenchSpec) -> str:
    """The board answers nothing, so that no more can be seen than its port."""
    assert spec.relay is not None
    with closing(SerialPort(spec.relay.place, "relay")):
        return "its port opens; the board itself answers nothing"


def _reader(spec: BenchSpec) -> str:
    """Whose card lies in it now."""
    assert spec.card_reader is not None
    state = reader_of(spec.card_reader, lambda _sentence: None).read()
    return "a card that no meter has read yet" if state is None else f"the card of meter {state.meter}"


def _orders(spec: BenchSpec) -> str:
    assert spec.console is not None
    assert spec.orders is not None
    with (
        closing(SerialPort(spec.console, "console")) as line,
        closing(SerialPort(spec.orders.place, "DLMS")) as port,
    ):
        console = TypedConsole(line, spec.console.port)
        return orders_of(spec.orders, port, {Console: console, Timebase: WallTime()}).look()


def _supply(spec: BenchSpec) -> str:
    assert spec.supply_line is not None
    with closing(SupplyLine(spec.supply_line)) as line:
        return "supplied" if line.is_supplied() else "not supplied"


def _calibration(instrument: Calibration, today: date) -> DeviceFound:
    """ISO dates compare as texts."""
    is_valid = instrument.calibrated <= today.isoformat() <= instrument.valid_until
    span = f"calibrated {instrument.calibrated}, valid until {instrument.valid_until}"
    return DeviceFound(
        instrument.instrument, is_ready=is_valid, text=span if is_valid else f"{span}: not valid today"
    )
