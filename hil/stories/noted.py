"""Every capability with a notebook beside it: the one place where what a story does is written down."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cardreader.files.meter_state import MeterState
from emulator.faces.optical.messages import DataSet
from emulator.firmware.events import ButtonName
from emulator.scenario.model import KioskSpec, ProgrammedCutSpec, TopUpSpec, WitnessSpec
from emulator.scenario.writing import SignedSpec
from hil.capabilities import (
    Authorities,
    BenchError,
    CardReader,
    ClockFault,
    Console,
    Documents,
    Factory,
    KioskVisit,
    Load,
    MeterSlot,
    NewMeter,
    Optical,
    Orders,
    PaymentWays,
    Person,
    Power,
    ShortCircuit,
    SupplySensor,
    Timebase,
)
from hil.record.model import Lane
from hil.stories.notebook import Notebook
from hil.stories.verbs import told
from protocols.documents.envelope import document_digest
from protocols.documents.orders import Order, SignedTime
from protocols.instants import MINUTE_MS, SECOND_MS, UtcMs, iso_from_ms
from protocols.reasons import Source

# How often the sensor is looked at while time passes: this many times, and no more often than each second.
_LOOKS_MAX: Final = 96
# So much of a digest tells one document of a story from the others.
_DIGEST_CHARS: Final = 12
# So little passes at once. In steps of a second the rest of one would be waited for at the end, which a story
# that looks again and again for hours would wait for a thousand times.
_AT_ONCE_MS: Final = MINUTE_MS


class NotedTime:
    """`Timebase`; a timeline shows when supply changed meanwhile.

    A sensor that writes that down itself is asked afterwards; another one is looked at again and again.
    """

    def __init__(self, timebase: Timebase, look: Callable[[], None], *, is_recorded: bool) -> None:
        self._timebase = timebase
        self._look = look
        self._is_recorded = is_recorded

    def now_ms(self) -> UtcMs:
        """As `Timebase`."""
        return self._timebase.now_ms()

    def let_pass(self, duration_ms: int) -> None:
        """As `Timebase`."""
        if self._is_recorded or duration_ms <= _AT_ONCE_MS:
            self._timebase.let_pass(duration_ms)
            self._look()
            return
        end_ms = self.now_ms() + duration_ms
        every_ms = max(SECOND_MS, duration_ms // _LOOKS_MAX)
        # In whole seconds: a console steps no less, and what is left of one would be waited for each time.
        unit_ms = MINUTE_MS if every_ms > MINUTE_MS else SECOND_MS
        every_ms = -(-every_ms // unit_ms) * unit_ms
        while (left_ms := end_ms - self.now_ms()) > 0:
            self._timebase.let_pass(min(left_ms, every_ms))
            self._look()


class NotedPower:
    def __init__(self, power: Power, notebook: Notebook, on_switched: Callable[[bool], None]) -> None:
        self._power = power
        self._notebook = notebook
        self._on_switched = on_switched

    def switch(self, *, on: bool) -> None:
        """As `Power`."""
        self._power.switch(on=on)
        self._on_switched(on)
        self._notebook.moment(Lane.BENCH, "mains on" if on else "mains off", is_on=on)


class NotedSupply:
    def __init__(self, sensor: SupplySensor, notebook: Notebook) -> None:
        self._sensor = sensor
        self._notebook = notebook

    def is_supplied(self) -> bool:
        """As `SupplySensor`."""
        found = self._sensor.is_supplied()
        self._notebook.supply(is_supplied=found)
        return found


class NotedConsole:
    """`Console`. `wait`: until a meter that may be booting answers."""

    def __init__(self, console: Console, notebook: Notebook, wait: Callable[[], None]) -> None:
        self._console = console
        self._notebook = notebook
        self._wait = wait

    def ask(self, line: str) -> Mapping[str, tuple[str, ...]]:
        """As `Console`."""
        self._wait()
        self._notebook.console(">", line)
        try:
            answer = self._console.ask(line)
        except BenchError as error:
            self._notebook.console("!", str(error))
            raise
        for key, values in answer.items():
            for value in values:
                self._notebook.console("<", f"{key} {value}".rstrip())
        return answer


class NotedOptical:
    def __init__(self, optical: Optical, notebook: Notebook) -> None:
        self._optical = optical
        self._notebook = notebook

    def read_out(self) -> tuple[DataSet, ...]:
        """As `Optical`."""
        self._notebook.moment(Lane.BENCH, "optical port read out")
        return self._optical.read_out()

    def read(self, address: str) -> DataSet:
        """As `Optical`."""
        return self._optical.read(address)

    def write(self, data_set: DataSet) -> None:
        """As `Optical`."""
        self._notebook.moment(Lane.CLOCK, f"optical port: {data_set} written")
        self._optical.write(data_set)


class NotedSlot:
    def __init__(self, slot: MeterSlot, notebook: Notebook) -> None:
        self._slot = slot
        self._notebook = notebook

    def put_in(self, card: Path | None, pull_after_ms: int | None = None) -> None:
        """As `MeterSlot`."""
        self._slot.put_in(card, pull_after_ms)
        torn = "" if pull_after_ms is None else f", to be pulled out after {pull_after_ms} ms"
        self._notebook.moment(Lane.BENCH, f"card put in{torn}")

    def take_out(self) -> None:
        """As `MeterSlot`."""
        self._slot.take_out()
        self._notebook.moment(Lane.BENCH, "card taken out")


class NotedClockFault:
    def __init__(self, fault: ClockFault, notebook: Notebook) -> None:
        self._fault = fault
        self._notebook = notebook

    def set_date(self, time_ms: UtcMs) -> None:
        """As `ClockFault`."""
        self._notebook.moment(Lane.CLOCK, f"date set, unsigned: {iso_from_ms(time_ms)}")
        self._fault.set_date(time_ms)

    def lose_ticks(self) -> None:
        """As `ClockFault`."""
        self._notebook.moment(Lane.CLOCK, "cell taken out")
        self._fault.lose_ticks()


class NotedCardReader:
    def __init__(self, reader: CardReader, notebook: Notebook) -> None:
        self._reader = reader
        self._notebook = notebook

    def read(self) -> MeterState | None:
        """As `CardReader`."""
        state = self._reader.read()
        said = "nothing yet" if state is None else f"balance {state.balance_ueur} µEUR, supply {state.supply}"
        self._notebook.moment(Lane.BENCH, f"card read: {said}")
        return state


class NotedPerson:
    def __init__(self, person: Person, notebook: Notebook) -> None:
        self._person = person
        self._notebook = notebook

    def press(self, button: ButtonName) -> None:
        """As `Person`."""
        self._notebook.moment(Lane.BENCH, f"{button} pressed")
        self._person.press(button)


class NotedLoad:
    def __init__(self, load: Load, notebook: Notebook) -> None:
        self._load = load
        self._notebook = notebook

    def draw(self, load_w: int) -> None:
        """As `Load`."""
        self._notebook.moment(Lane.CREDIT, f"load {load_w} W")
        self._load.draw(load_w)


class NotedOrders:
    def __init__(self, orders: Orders, notebook: Notebook) -> None:
        self._orders = orders
        self._notebook = notebook

    def bring(self, do: SignedSpec) -> None:
        """As `Orders`."""
        self._notebook.moment(Lane.ORDERS, told(do))
        if isinstance(do, ProgrammedCutSpec):
            at_ms = do.not_before_ms if do.time_ms is None else do.time_ms
            if at_ms is not None:
                self._notebook.planned(UtcMs(at_ms), f"the planned hour of {do.id}")
        self._orders.bring(do)

    def withdraw(self) -> None:
        """As `Orders`."""
        self._orders.withdraw()


class NotedAuthorities:
    def __init__(self, authorities: Authorities, notebook: Notebook) -> None:
        self._authorities = authorities
        self._notebook = notebook

    def tell(self, do: WitnessSpec) -> None:
        """As `Authorities`."""
        self._notebook.moment(Lane.ORDERS, told(do))
        self._authorities.tell(do)


class NotedPaymentWays:
    def __init__(self, ways: PaymentWays, notebook: Notebook) -> None:
        self._ways = ways
        self._notebook = notebook

    def pay(self, do: TopUpSpec) -> None:
        """As `PaymentWays`."""
        self._notebook.moment(Lane.ORDERS, told(do))
        self._ways.pay(do)


class NotedKiosk:
    def __init__(self, kiosk: KioskVisit, notebook: Notebook) -> None:
        self._kiosk = kiosk
        self._notebook = notebook

    def act(self, do: KioskSpec) -> None:
        """As `KioskVisit`."""
        self._notebook.moment(Lane.ORDERS, told(do))
        self._kiosk.act(do)


class NotedShortCircuit:
    def __init__(self, circuit: ShortCircuit, notebook: Notebook) -> None:
        self._circuit = circuit
        self._notebook = notebook

    def make(self) -> None:
        """As `ShortCircuit`."""
        self._notebook.moment(Lane.BENCH, "short circuit")
        self._circuit.make()


class NotedDocuments:
    def __init__(self, documents: Documents, notebook: Notebook) -> None:
        self._documents = documents
        self._notebook = notebook

    def key_of(self, holder: str) -> str:
        """As `Documents`."""
        return self._documents.key_of(holder)

    def seal(self, what: Order | SignedTime, *holders: str) -> bytes:
        """As `Documents`."""
        data = self._documents.seal(what, *holders)
        signed = f"signed by {', '.join(holders) or 'nobody'}"
        self._notebook.moment(Lane.ORDERS, f"written: {_worded(what)}; {signed}")
        return data

    def bring(self, data: bytes) -> None:
        """As `Documents`."""
        self._notebook.moment(Lane.ORDERS, f"document {document_digest(data)[:_DIGEST_CHARS]} brought")
        self._documents.bring(data)

    def ask_time(self, source: Source) -> str:
        """As `Documents`."""
        nonce = self._documents.ask_time(source)
        self._notebook.moment(Lane.CLOCK, f"the meter asks {source} for the time")
        return nonce


class NotedFactory:
    def __init__(self, factory: Factory, notebook: Notebook, on_replaced: Callable[[], None]) -> None:
        self._factory = factory
        self._notebook = notebook
        self._on_replaced = on_replaced

    @property
    def first(self) -> NewMeter:
        """As `Factory`."""
        return self._factory.first

    @property
    def present(self) -> NewMeter:
        """As `Factory`."""
        return self._factory.present

    def commission(self, meter: NewMeter) -> None:
        """As `Factory`."""
        self._factory.commission(meter)
        self._on_replaced()
        spec = meter.spec
        faults = f", faults {', '.join(spec.faults)}" if spec.faults else ""
        kind = f"{spec.firmware}, {spec.profile.name}, {spec.profile.energy}{faults}"
        # It comes with its mains on.
        self._notebook.moment(Lane.BENCH, f"{spec.id} put onto the bench: {kind}", is_on=True)


def _worded(what: Order | SignedTime) -> str:
    """What a document is about, for a timeline."""
    if isinstance(what, Order):
        return f"{what.kind} {what.object}, revision {what.rev}"
    return f"the time {iso_from_ms(what.time_ms)}"
