"""The bench as a story sees it: its capabilities, noted down, and what a story says of what it found.

`check` compares, `measure` puts a value between limits; both end a story that the meter fails. Supply is
judged by the sensor and by the meter's word: a meter whose word is not its contactor's fails.
"""

from dataclasses import replace
from typing import Final

from emulator.population.shipped import profile_named
from hil.binding import BoundBench
from hil.booting import wait_for_console
from hil.capabilities import (
    AccountReader,
    Authorities,
    BenchError,
    CardReader,
    ClockFault,
    Console,
    CustomerPort,
    Documents,
    Factory,
    JournalReader,
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
    SupplyRecorder,
    SupplySensor,
    Timebase,
)
from hil.drivers.console_answers import one
from hil.record.model import Lane, Measurement, StoryVerdict
from hil.stories.mains import MainsKnown
from hil.stories.notebook import Notebook
from hil.stories.noted import (
    NotedAuthorities,
    NotedCardReader,
    NotedClockFault,
    NotedConsole,
    NotedDocuments,
    NotedFactory,
    NotedKiosk,
    NotedLoad,
    NotedOptical,
    NotedOrders,
    NotedPaymentWays,
    NotedPerson,
    NotedPower,
    NotedShortCircuit,
    NotedSlot,
    NotedSupply,
    NotedTime,
)
from hil.stories.wishes import MeterWish, StoryFailedError
from protocols.instants import DAY_MS, SECOND_MS, UtcMs, iso_from_ms, ms_from_iso
from protocols.units import QUANTA_PER_EUR

# The states of a meter's contactor in which the household is supplied.
SUPPLIED: Final = ("on", "limited")
_HOUSEHOLD_MS: Final = 400 * DAY_MS
# How often a sensor is looked at that may need a while.
_POLL_MS: Final = 20
_SEEN: Final = {True: "supplied", False: "not supplied"}


class StoryBench:
    """A bench while one story is told on it. A capability that it has not raises BenchError."""

    def __init__(self, bound: BoundBench, notebook: Notebook) -> None:
        self._bound = bound
        self._notebook = notebook
        self._mains = MainsKnown(bound.boot_ms)
        is_recorded = SupplyRecorder in bound.drivers
        self.time: Timebase = NotedTime(bound.driver(Timebase), self._look, is_recorded=is_recorded)

    @property
    def firmware(self) -> str:
        """What the meter on it is said to run."""
        return self._bound.dut.firmware

    @property
    def power(self) -> Power:
        def switched(on: bool) -> None:  # noqa: FBT001 # a callback's one value
            self._mains.switched(self.now_ms, on=on)

        return NotedPower(self._bound.driver(Power), self._notebook, switched)

    @property
    def sensor(self) -> SupplySensor:
        return NotedSupply(self._bound.driver(SupplySensor), self._notebook)

    @property
    def console(self) -> Console:
        return NotedConsole(self._bound.driver(Console), self._notebook, self._wait_for_boot)

    @property
    def optical(self) -> Optical:
        return NotedOptical(self._bound.driver(Optical), self._notebook)

    @property
    def customer_port(self) -> CustomerPort:
        found: CustomerPort = self._bound.driver(CustomerPort)
        return found

    @property
    def slot(self) -> MeterSlot:
        return NotedSlot(self._bound.driver(MeterSlot), self._notebook)

    @property
    def card_reader(self) -> CardReader:
        return NotedCardReader(self._bound.driver(CardReader), self._notebook)

    @property
    def clock_fault(self) -> ClockFault:
        return NotedClockFault(self._bound.driver(ClockFault), self._notebook)

    @property
    def person(self) -> Person:
        return NotedPerson(self._bound.driver(Person), self._notebook)

    @property
    def load(self) -> Load:
        return NotedLoad(self._bound.driver(Load), self._notebook)

    @property
    def orders(self) -> Orders:
        return NotedOrders(self._bound.driver(Orders), self._notebook)

    @property
    def authorities(self) -> Authorities:
        return NotedAuthorities(self._bound.driver(Authorities), self._notebook)

    @property
    def payment_ways(self) -> PaymentWays:
        return NotedPaymentWays(self._bound.driver(PaymentWays), self._notebook)

    @property
    def kiosk(self) -> KioskVisit:
        return NotedKiosk(self._bound.driver(KioskVisit), self._notebook)

    @property
    def short_circuit(self) -> ShortCircuit:
        return NotedShortCircuit(self._bound.driver(ShortCircuit), self._notebook)

    @property
    def documents(self) -> Documents:
        return NotedDocuments(self._bound.driver(Documents), self._notebook)

    @property
    def accounts(self) -> AccountReader:
        found: AccountReader = self._bound.driver(AccountReader)
        return found

    @property
    def journal(self) -> JournalReader:
        found: JournalReader = self._bound.driver(JournalReader)
        return found

    @property
    def factory(self) -> Factory:
        return NotedFactory(self._bound.driver(Factory), self._notebook, self._mains.replaced)

    @property
    def now_ms(self) -> UtcMs:
        """True time."""
        return self.time.now_ms()

    @property
    def mains_on(self) -> bool | None:
        """How the mains were switched last, whatever the meter says; None: not yet."""
        return self._mains.is_on

    def has(self, capability: type) -> bool:
        """Whether the bench has a driver for it."""
        return capability in self._bound.drivers

    def wait_until(self, instant_ms: int) -> None:
        """Let time pass until an instant. Raises BenchError for one that has passed."""
        if instant_ms < self.now_ms:
            raise BenchError(f"time: an instant to come expected; found: {self.now_ms - instant_ms} ms ago")
        self.time.let_pass(instant_ms - self.now_ms)

    def word(self, line: str, key: str) -> str:
        """One value of the console's answer to a line. Raises BenchError where it is not there once."""
        return one(self.console.ask(line), key, f"console, {line}")

    def check(self, what: str, expected: object, found: object) -> None:
        """Note what was found. Raises StoryFailedError where it is not what is expected."""
        self._notebook.moment(Lane.CHECK, f"{what}: {found}", is_on=expected == found)
        if expected != found:
            raise StoryFailedError(f"{what}: {expected} expected; found: {found}")

    def measure(
        self, name: str, value: int, unit: str, low: int | None, high: int | None, margin: int = 0
    ) -> None:
        """Note a value with its limits. Raises StoryFailedError outside of them."""
        measurement = Measurement(name, value, unit, low, high, margin)
        # Judged first: what is no number is a mistake of the story, and must not be on record.
        verdict = measurement.verdict
        self._notebook.measurements.append(measurement)
        if verdict is StoryVerdict.FAILED:
            limits = f"{'any' if low is None else low} to {'any' if high is None else high} {unit}"
            raise StoryFailedError(f"{name}: {limits} expected; found: {value} {unit}")

    def check_supply(self, word: str, why: str, *, has_mains: bool = True) -> None:
        """The contactor by its sensor, and the meter's word `on`, `limited`, `armed` or `off`.

        `has_mains`: whether there is something that a closed contactor can let through.
        """
        is_expected = word in SUPPLIED and has_mains
        is_seen = is_expected if self.settles(is_supplied=is_expected) else not is_expected
        found = self.word("supply", "supply")
        self.check(f"{why}: household, by the sensor", _SEEN[is_expected], _SEEN[is_seen])
        self.check(f"{why}: supply, by the meter's word", word, found)

    def settles(self, *, is_supplied: bool) -> bool:
        """Whether the sensor sees that, at once or within the time that this bench gives it to settle.

        A meter that the mains have just woken has the time to boot besides. Raises BenchError where the
        sensor says nothing until then.
        """
        until_ms = self.now_ms + self._bound.settle_ms
        if is_supplied and self._mains.boots_until_ms is not None:
            until_ms = self._mains.boots_until_ms + self._bound.settle_ms
        while True:
            trouble = None
            try:
                if self.sensor.is_supplied() is is_supplied:
                    return True
            except BenchError as error:
                trouble = error
            left_ms = until_ms - self.now_ms
            if left_ms <= 0:
                if trouble is not None:
                    raise trouble
                return False
            self._bound.timebase.let_pass(min(_POLL_MS, left_ms))

    def wait_for_supply(self, *, is_on: bool, within_ms: int, every_ms: int = SECOND_MS) -> int | None:
        """How long it took until the sensor saw it, in ms; None: it did not within that time."""
        began_ms = self.now_ms
        while self.sensor.is_supplied() is not is_on:
            if self.now_ms - began_ms >= within_ms:
                return None
            self.time.let_pass(min(every_ms, within_ms - (self.now_ms - began_ms)))
        return self.now_ms - began_ms

    def expect_supply(self, why: str, *, is_on: bool, within_ms: int, every_ms: int = SECOND_MS) -> int:
        """Wait until the sensor sees it; how long that took, in ms.

        Raises StoryFailedError where it does not come: since when it was waited for, and what was seen.
        """
        wanted, other = ("supplied", "not supplied") if is_on else ("not supplied", "supplied")
        began_ms = self.now_ms
        took_ms = self.wait_for_supply(is_on=is_on, within_ms=within_ms, every_ms=every_ms)
        if took_ms is None:
            found = f"{other} until {iso_from_ms(self.now_ms)}"
            self._notebook.moment(Lane.CHECK, f"{why}: {found}", is_on=False)
            limit = f"within {within_ms // SECOND_MS} s of {iso_from_ms(began_ms)}"
            raise StoryFailedError(f"{why}: {wanted} {limit} expected; found: {found}")
        self._notebook.moment(Lane.CHECK, f"{why}: {wanted} after {took_ms // SECOND_MS} s", is_on=True)
        return took_ms

    def put_meter(self, wish: MeterWish) -> None:
        """The meter that a story wants. Raises BenchError on a bench without a factory."""
        first = self.factory.first
        spec = first.spec
        energy = wish.energy or spec.profile.energy
        profile = spec.profile
        if wish.profile is not None or energy is not profile.energy:
            profile = profile_named(wish.profile or profile.name, energy)
        balance_q = int(wish.balance_eur * QUANTA_PER_EUR)
        start_ms = ms_from_iso(wish.start)
        wanted = replace(
            spec, profile=profile, balance_q=balance_q, load_w=wish.load_w, drift_ppm=wish.drift_ppm
        )
        until_ms = UtcMs(start_ms + _HOUSEHOLD_MS)
        self.factory.commission(NewMeter(wanted, start_ms, until_ms, first.seed))

    def _wait_for_boot(self) -> None:
        if self._mains.boots_until_ms is not None:
            wait_for_console(self._bound.driver(Console), self._bound.timebase, self._mains.boots_until_ms)
            self._mains.answered()

    def _look(self) -> None:
        if SupplyRecorder in self._bound.drivers:
            for seen in self._bound.driver(SupplyRecorder).take_changes():
                self._notebook.supply(is_supplied=seen.is_supplied, at_ms=seen.at_ms)
        if SupplySensor in self._bound.drivers:
            self.sensor.is_supplied()
