"""One meter in its household, that runs on and shows itself. Pure but for the card that a scenario puts in.

True time is handed in. Between two calls the meter meets every instant at which its quarter of an hour ends
by its own clock, so that its averages are exact at any speed.
"""

from collections import deque
from collections.abc import Iterator
from heapq import merge
from operator import itemgetter
from typing import Final, NamedTuple

from emulator.faces import demand
from emulator.faces.load_profile import begin_profile, observe_quarter
from emulator.faces.view import EnteredDocument, FaceView, LoggedRecord
from emulator.firmware.effects import Ask
from emulator.firmware.events import AskTime, Document
from emulator.firmware.journal import read_body
from emulator.firmware.readout import Readout
from emulator.firmware.ticks import Tick
from emulator.scenario.cards import ChipCards
from emulator.scenario.commissioning import commission
from emulator.scenario.delivery import GuardedDelivery
from emulator.scenario.keyring import HomeKeys, Keyring
from emulator.scenario.meter_play import Input, MeterPlay, loads_of
from emulator.scenario.model import Do, MeterSpec, Scenario
from emulator.scenario.player import inputs_by_meter
from emulator.world.contactor import Contactor
from protocols.cutting.zones import load_zone
from protocols.instants import UtcMs
from protocols.limits import JOURNAL_ENTRIES_MAX
from protocols.link.records import ClaimHeard, OrderJudged, Record
from protocols.reasons import Source

# What the bench's console can be asked for; some weeks of a household.
RECORDS_KEPT: Final = 1_000
_LOOK_MS_MIN: Final = 2


class NotedRecord(NamedTuple):
    """A record of the black box as it was written: its number here, the meter's tick, the true instant."""

    number: int
    tick: Tick
    true_ms: UtcMs
    record: Record


class InstalledMeter:
    """The meter of a scenario, at the instant to which it has run."""

    def __init__(
        self,
        scenario: Scenario,
        spec: MeterSpec,
        home: HomeKeys | None = None,
        *,
        with_demand: bool = True,
    ) -> None:
        """As commissioned at the scenario's start. Raises InputError as the player does.

        `with_demand`: whether quarters are averaged, which takes most of the time that days take.
        """
        load_w, load_changes = loads_of(scenario, spec)
        keyring = Keyring(scenario.seed, scenario.end_ms, home)
        meter, delivery = commission(spec, scenario, keyring, load_w)
        self.spec = spec
        self._delivery = delivery
        self.noted: deque[NotedRecord] = deque(maxlen=RECORDS_KEPT)
        self._play = MeterPlay(scenario, spec, meter, delivery, is_traced=False, on_record=self._note)
        events = inputs_by_meter(scenario).get(spec.id, ())
        self._inputs: Iterator[Input] = merge(load_changes, events, key=itemgetter(0, 1))
        self._next: Input | None = next(self._inputs, None)
        self._zone = load_zone(spec.profile.zone)
        self._numbers = 0
        # What it shows at the instant to which it has run: of each change there is one, and many look at it.
        self._readout = readout = meter.readout(self._play.tick)
        self._has_demand = with_demand
        self._demand = demand.begin(readout.estimate_ms, readout.purse.energy_mj, self._zone)
        self._load_profile = begin_profile(readout.estimate_ms)
        self._log: tuple[LoggedRecord, ...] = ()
        self._entered: EnteredDocument | None = None

    @property
    def now_ms(self) -> UtcMs:
        """The true instant to which it has run."""
        return self._play.now_ms

    @property
    def contactor(self) -> Contactor:
        """What stands between the mains and the household."""
        return self._play.contactor

    def advance(self, true_ms: UtcMs) -> None:
        """Let everything happen until a true instant; one that has passed changes nothing."""
        # A clock that stands still never reaches the end of its quarter, and is not waited for.
        shown_ms = None
        while (
            self._has_demand
            and (due_ms := self._quarter_ends_ms()) <= true_ms
            and shown_ms != self._readout.estimate_ms
        ):
            shown_ms = self._readout.estimate_ms
            self._run_to(due_ms)
            self._observe()
        self._run_to(true_ms)
        self._observe()
        self._play.forget_items()

    def do(self, do: Do) -> None:
        """What somebody does to it now."""
        self._play.do(do)
        self._observe()

    def bring_unsigned(self, data: bytes) -> None:
        """Somebody asks for what takes signatures, and brings none: the firmware judges and logs it."""
        self._play.handle(Document(data))
        self._observe()

    def ask_time(self, source: Source) -> str:
        """It asks a source for the time: the nonce of its question. Empty: it has none to ask with."""
        asks = [each for each in self._play.handle(AskTime(source)) if isinstance(each, Ask)]
        self._observe()
        return asks[0].nonce if asks else ""

    def bring_document(self, data: bytes) -> None:
        """A document comes by the token gateway: the firmware judges it, whoever brings it."""
        number = self._numbers
        self._play.handle(Document(data))
        self._observe()
        told = [each.record for each in self.noted if each.number > number]
        verdicts = [each for each in told if isinstance(each, OrderJudged | ClaimHeard)]
        shown = self._readout
        self._entered = EnteredDocument(
            data, shown.estimate_ms, shown.glance.clock, verdicts[0] if verdicts else None
        )

    def view(self) -> FaceView:
        """What it shows now."""
        return FaceView(
            self.spec.id,
            self.spec.profile,
            self._readout,
            self._demand,
            self._load_profile,
            self._log,
            self._entered,
            self._play.outages,
        )

    def chip_cards(self) -> ChipCards | None:
        """The cards that it reads and writes; None: a meter of 2020 has no chip cards."""
        return self._delivery.cards if isinstance(self._delivery, GuardedDelivery) else None

    def close(self) -> None:
        """Take out the card that may be in its slot."""
        self._play.close()

    def _run_to(self, true_ms: UtcMs) -> None:
        while self._next is not None and self._next[0] <= true_ms:
            at_ms, _, what = self._next
            self._play.take(UtcMs(at_ms), what)
            self._next = next(self._inputs, None)
        if true_ms < self._play.now_ms:
            return
        if self._play.stands_still:
            # What is due at a tick waits for what comes at that tick, and no tick passes now.
            self._play.go_to(true_ms)
        else:
            self._play.advance(true_ms)

    def _quarter_ends_ms(self) -> UtcMs:
        """When its clock will show the end of its quarter; no sooner than a slow crystal counts one more."""
        left_ms = demand.ends_ms(self._demand) - self._readout.estimate_ms
        return UtcMs(self._play.now_ms + max(left_ms, _LOOK_MS_MIN))

    def _observe(self) -> None:
        self._readout = readout = self._play.meter.readout(self._play.tick)
        if self._has_demand:
            self._average(readout)
        self._read_log(readout)

    def _average(self, readout: Readout) -> None:
        shown_ms, purse = readout.estimate_ms, readout.purse
        self._demand = demand.observe(self._demand, shown_ms, purse.energy_mj, self._zone)
        self._load_profile = observe_quarter(
            self._load_profile, shown_ms, purse.energy_wh, readout.glance.clock, mains_on=readout.mains_on
        )

    def _read_log(self, readout: Readout) -> None:
        """What its black box has more than when it was last read, dated by its clock as it is now."""
        number = self._log[-1].number if self._log else 0
        if readout.journal_number == number:
            return
        for entry in self._play.meter.entries_after(number):
            logged = read_body(entry.body)
            at_ms = UtcMs(readout.estimate_ms - (self._play.tick - logged.tick))
            new = LoggedRecord(entry.number, at_ms, readout.glance.clock, logged.record, entry.body)
            self._log = (*self._log, new)[-JOURNAL_ENTRIES_MAX:]

    def _note(self, _meter: str, tick: Tick, true_ms: UtcMs, record: Record) -> None:
        self._numbers += 1
        self.noted.append(NotedRecord(self._numbers, tick, true_ms, record))
