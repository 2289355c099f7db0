"""The meter of a virtual bench: emulated, in virtual time, replaced by another where a story wants one."""

from pathlib import Path
from typing import Final

from cardreader.iso7816.status import StatusError
from emulator.faces.view import FaceView
from emulator.onsite.installed import InstalledMeter, NotedRecord
from emulator.scenario.model import CardOutSpec, Do, EventSpec, OvercurrentSpec, Scenario, SetLoadSpec
from emulator.world.contactor import SupplySeen
from hil.capabilities import BenchError, NewMeter
from protocols.errors import DocumentError, InputError, RefusedError, UnreachableError
from protocols.instants import SECOND_MS, UtcMs
from protocols.limits import INSTANT_MS_MAX
from protocols.reasons import Supply

# How long a breaker stands an overload; a real one some seconds.
_TRIP_MS: Final = SECOND_MS


class VirtualMeter:
    """One meter at a time. What is done to it may raise BenchError, as its interface says."""

    def __init__(self, first: NewMeter) -> None:
        self.first = self.present = first
        self._meter = _installed(first)
        self._load_w = 0

    @property
    def now_ms(self) -> UtcMs:
        """True time."""
        return self._meter.now_ms

    @property
    def is_supplied(self) -> bool:
        """As the contactor stands, whatever the meter says."""
        return self._meter.contactor.is_supplied

    def take_changes(self) -> tuple[SupplySeen, ...]:
        """As `SupplyRecorder`."""
        return self._meter.contactor.take_changes()

    @property
    def has_customer_port(self) -> bool:
        """Whether its customer port is there, and its quarters are averaged."""
        return self.present.has_customer_port

    @property
    def noted(self) -> tuple[NotedRecord, ...]:
        """The last records of its black box."""
        return tuple(self._meter.noted)

    @property
    def installed(self) -> InstalledMeter:
        """The meter, for those who speak to one of its faces."""
        return self._meter

    def commission(self, meter: NewMeter) -> None:
        """Another meter. The card of the one before is taken out of its slot. Raises BenchError."""
        self._meter.close()
        self.present = meter
        self._meter = _installed(meter)
        self._load_w = 0

    def let_pass(self, duration_ms: int) -> None:
        """Run on, at once. Raises BenchError beyond the last instant that a document may name."""
        until_ms = self._meter.now_ms + duration_ms
        if duration_ms < 0 or until_ms > INSTANT_MS_MAX:
            raise BenchError(f"time: from 0 ms to the end of all dates expected; found: {duration_ms} ms")
        if duration_ms and self._is_overloaded:
            self._meter.advance(UtcMs(min(self._meter.now_ms + _TRIP_MS, until_ms)))
            self.do(OvercurrentSpec())
        self._meter.advance(UtcMs(until_ms))

    def draw(self, load_w: int) -> None:
        """The household draws so much from now on."""
        self._load_w = load_w
        self.do(SetLoadSpec(load_w))

    @property
    def _is_overloaded(self) -> bool:
        """Whether more is drawn than the limiter lets through: then its own breaker trips in a moment."""
        view = self.view()
        is_limited = view.readout.glance.supply is Supply.LIMITED
        return is_limited and self._load_w > view.profile.limiter_w

    def do(self, do: Do) -> None:
        """What somebody does to it now. Raises BenchError for what no document or card can carry."""
        try:
            self._meter.do(do)
        except (DocumentError, InputError, RefusedError, StatusError, UnreachableError) as error:
            raise BenchError(
                f"{self.present.spec.id}: {type(do).__name__} expected to reach it; {error}"
            ) from None

    def view(self) -> FaceView:
        """What its faces show now."""
        return self._meter.view()

    def close(self) -> None:
        """Take the card out."""
        self._meter.close()


def _installed(meter: NewMeter) -> InstalledMeter:
    spec = meter.spec
    end_ms = UtcMs(max(meter.household_until_ms, meter.start_ms))
    # A meter in whose story cards are has the keys of cards. At the end: not under a card that is put in.
    no_card = EventSpec(end_ms, 0, (spec.id,), CardOutSpec())
    scenario = Scenario(
        file=str(Path.cwd() / "virtual bench"),
        name=spec.id,
        start_ms=meter.start_ms,
        end_ms=end_ms,
        seed=meter.seed,
        meters=(spec,),
        events=(no_card,),
        expects=(),
    )
    return InstalledMeter(scenario, spec, with_demand=meter.has_customer_port)
