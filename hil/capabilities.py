"""What a bench can do with its meter: an interface of a few methods each (design §8).

A story names the interfaces that it needs, a bench binds each to a driver, and neither knows the other.
Instants are UTC milliseconds; those of the bench come from its own reference clock, never from the meter.

Every method may raise `BenchError`: what was expected of the bench or of the meter's wire, and what came. The
story in which that happens ends as an error, the bench returns to its safe state, and the report is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cardreader.files.meter_state import MeterState
from emulator.faces.optical.messages import DataSet
from emulator.firmware.events import ButtonName
from emulator.scenario.model import KioskSpec, MeterSpec, TopUpSpec, WitnessSpec
from emulator.scenario.writing import SignedSpec
from emulator.world.contactor import SupplySeen
from protocols.documents.accounts import Account
from protocols.documents.orders import Order, SignedTime
from protocols.errors import UnreachableError
from protocols.instants import UtcMs
from protocols.link.records import Record
from protocols.reasons import Source


class BenchError(UnreachableError):
    """The bench or a wire did not do its part: what was expected, and what came."""


class Timebase(Protocol):
    """The bench's reference clock, and how its time passes: at once if it is virtual, else by waiting."""

    def now_ms(self) -> UtcMs:
        """True time."""

    def let_pass(self, duration_ms: int) -> None:
        """Let so much time pass, with all that is due in it."""


class Power(Protocol):
    """The mains on the meter's supply side."""

    def switch(self, *, on: bool) -> None:
        """Give the mains, or take them away. What is so already is nothing new."""


class SupplySensor(Protocol):
    """Sees whether the household has electricity or gas. It stands behind the contactor and asks no meter."""

    def is_supplied(self) -> bool:
        """Whether the household is supplied now."""


class SupplyRecorder(Protocol):
    """A sensor that writes down when the supply came and went."""

    def take_changes(self) -> tuple[SupplySeen, ...]:
        """What it has seen since it was asked last, oldest first."""


class Console(Protocol):
    """The factory's port of a meter (docs/console.md)."""

    def ask(self, line: str) -> Mapping[str, tuple[str, ...]]:
        """The answer to a line: each key with its values, in the order in which they came.

        Raises BenchError where the meter answers an error, not at all, or not in its grammar.
        """


class Optical(Protocol):
    """The optical port: IEC 62056-21, mode C."""

    def read_out(self) -> tuple[DataSet, ...]:
        """Everything that the meter reads out."""

    def read(self, address: str) -> DataSet:
        """One value, in the programming mode."""

    def write(self, data_set: DataSet) -> None:
        """Write one value, in the programming mode. Raises BenchError where the meter does not take it."""


class CustomerPort(Protocol):
    """P1."""

    def telegram(self) -> str:
        """The next whole telegram whose checksum holds. Raises BenchError where none comes in time."""


class MeterSlot(Protocol):
    """The slot of the meter: a person, or a machine that moves a card."""

    def put_in(self, card: Path | None, pull_after_ms: int | None = None) -> None:
        """Put a card in: the meter's own (None), or that of a file. `pull_after_ms`: tear it out then."""

    def take_out(self) -> None:
        """Take the card out. An empty slot stays so."""


class CardReader(Protocol):
    """The reader of an office, for the card that the meter has written."""

    def read(self) -> MeterState | None:
        """What the meter has said on its card, opened with a kiosk's keys; None: no meter has read it yet.

        Raises BenchError where there is no card, or none that these keys open.
        """


class ClockFault(Protocol):
    """What goes wrong with the clock of a meter."""

    def set_date(self, time_ms: UtcMs) -> None:
        """A date that nobody has signed reaches the meter."""

    def lose_ticks(self) -> None:
        """The cell is taken out: the meter's count of time is lost."""


class Person(Protocol):
    """A finger at the meter."""

    def press(self, button: ButtonName) -> None:
        """Press a button once."""


class Load(Protocol):
    """What the household draws. More than a limiter lets through trips it, as a breaker is tripped."""

    def draw(self, load_w: int) -> None:
        """Draw so much from now on, W."""


class ShortCircuit(Protocol):
    """More current, for a moment, than any breaker lets through."""

    def make(self) -> None:
        """Make it once."""


class Orders(Protocol):
    """What people sign: verbs of design §9, as documents, by whatever way the bench has.

    A payment is brought as any document is, whatever its channel: `PaymentWays` keeps to the channel.
    """

    def bring(self, do: SignedSpec) -> None:
        """Sign it now and bring it to the meter, which judges it: a refusal is no error of the bench."""

    def withdraw(self) -> None:
        """Take back what this bench has brought and what still holds: holds, flags and cuts."""


class Authorities(Protocol):
    """The authorities that sign what time it is, and answer what the meter itself has asked."""

    def tell(self, do: WitnessSpec) -> None:
        """One of them says it now."""


class PaymentWays(Protocol):
    """Payments by each way that there is: network, card, code."""

    def pay(self, do: TopUpSpec) -> None:
        """Pay now, by the way that is named."""


class KioskVisit(Protocol):
    """A kiosk, and a walk to it with the meter's card."""

    def act(self, do: KioskSpec) -> None:
        """The card is put into the kiosk, and carries away what is done there."""


class Documents(Protocol):
    """Documents as a story words and signs them, right or wrong, and a way for their bytes to the meter."""

    def key_of(self, holder: str) -> str:
        """The keyid of somebody's key."""

    def seal(self, what: Order | SignedTime, *holders: str) -> bytes:
        """Signed by these people and authorities; a name that no root knows has a key that counts nowhere.

        Raises BenchError for what no document can carry.
        """

    def bring(self, data: bytes) -> None:
        """Bring these bytes to the meter as a network does, once more or for the first time."""

    def ask_time(self, source: Source) -> str:
        """Have the meter ask an authority for the time: the nonce that an answer names."""


class AccountReader(Protocol):
    """The account that a meter keeps: what went into its purse and out of it, to the quantum."""

    def account(self) -> Account:
        """As it stands now."""


class JournalReader(Protocol):
    """The meter's journal."""

    def records(self) -> tuple[tuple[int, Record], ...]:
        """The records that it still has, each with its tick in ms, oldest first."""


@dataclass(frozen=True, slots=True)
class NewMeter:
    """A meter as it is wanted from a factory: its clock right at `start_ms`, supply on, no order known.

    `household_until_ms`: of a household's own load (a `spec` without a load), until when it changes. Without
    a customer port it averages no quarters, and months pass in no time.
    """

    spec: MeterSpec
    start_ms: UtcMs
    household_until_ms: UtcMs
    seed: int = 0
    has_customer_port: bool = True


class Factory(Protocol):
    """Puts another meter onto the bench, at any instant of true time. No bench of metal has it."""

    @property
    def first(self) -> NewMeter:
        """The meter that is to be tested, as it was put onto the bench at first."""

    @property
    def present(self) -> NewMeter:
        """The meter that is on the bench now, as it was commissioned."""

    def commission(self, meter: NewMeter) -> None:
        """The meter takes the place of the one that was there; time goes on from its start."""
