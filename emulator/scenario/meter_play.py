"""One meter of a scenario in its world: it is given events and time, and lists what happened (design §9).

`play` of the player runs it from start to end; a meter that runs on a bench takes its inputs one by one, as
their instants come (`take`), and what is done to it meanwhile at its present instant (`do`, `handle`).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cardreader.iso7816.status import StatusError
from emulator.firmware.effects import Effect, RecordEmitted, SendToCard, SetSupply
from emulator.firmware.events import Event, MainsOff, MainsOn, SetLoad, TicksLost
from emulator.firmware.meter import Meter
from emulator.firmware.ticks import FIRST_TICK, Tick
from emulator.scenario.cards import SlotContact
from emulator.scenario.delivery import Delivery, physical_event
from emulator.scenario.expectation import Comparison, Facts, compare, is_cut
from emulator.scenario.model import (
    CardInSpec,
    CardOutSpec,
    Do,
    EventSpec,
    ExpectSpec,
    KioskSpec,
    MeterSpec,
    RtcLostSpec,
    Scenario,
    SetLoadSpec,
    SetMainsSpec,
)
from emulator.scenario.trace import (
    DETAILS,
    INPUT,
    Failure,
    Item,
    comparison_fields,
    input_fields,
    record_event,
    record_fields,
)
from emulator.world.contactor import Contactor
from emulator.world.crystal import Crystal
from emulator.world.loads import HouseholdLoad
from emulator.world.mains import Mains
from protocols.errors import DocumentError, InputError, RefusedError, UnreachableError
from protocols.instants import SECOND_MS, UtcMs
from protocols.link.records import Record, SupplyChanged
from protocols.reasons import Supply, SupplyReason

# How many of a meter's last items are shown with a failed expectation, besides its last change of supply.
LED_THERE_MAX: Final = 12

# Receives every record of a black box: meter, tick, true instant, record.
RecordSink = Callable[[str, Tick, UtcMs, Record], None]
# An input of one meter: instant, rank at equal instants (load, event, expectation), and the input itself.
Input = tuple[int, int, SetLoad | EventSpec | ExpectSpec]


@dataclass(frozen=True, slots=True)
class MeterOutcome:
    """What became of one meter: its cuts, each with true time (ms) and reason, and its supply at the end."""

    meter: str
    cuts: tuple[tuple[UtcMs, SupplyReason], ...]
    supply: Supply


def loads_of(scenario: Scenario, spec: MeterSpec) -> tuple[int, Iterable[Input]]:
    """The load at the start, and its changes if it is a household's."""
    if spec.load_w is not None:
        return spec.load_w, ()
    household = HouseholdLoad(scenario.seed, spec.id, spec.profile.zone)
    start_ms, end_ms = UtcMs(scenario.start_ms), UtcMs(scenario.end_ms)
    changes = household.changes(start_ms, end_ms)
    return household.load_w(start_ms), ((at_ms, 0, SetLoad(load_w)) for at_ms, load_w in changes)


class MeterPlay:
    """One meter in its world, from start to end."""

    def __init__(
        self,
        scenario: Scenario,
        spec: MeterSpec,
        meter: Meter,
        delivery: Delivery,
        *,
        is_traced: bool,
        on_record: RecordSink | None,
    ) -> None:
        self.items: list[Item] = []
        self.failures: list[Failure] = []
        self.decisions: list[str] = []
        self._scenario = scenario
        self._spec = spec
        self.meter = meter
        self._delivery = delivery
        self.now_ms = self._shown_ms = UtcMs(scenario.start_ms)
        self.tick = FIRST_TICK
        self._crystal = Crystal(spec.drift_ppm, self.now_ms)
        self._mains = Mains(self._crystal)
        # How often the mains have gone.
        self.outages = 0
        self.contactor = Contactor(spec.profile.energy)
        self._has_own_load = spec.load_w is None
        self._cuts: list[tuple[UtcMs, SupplyReason]] = []
        self._is_traced = is_traced
        self._on_record = on_record
        self._latest: deque[Item] = deque(maxlen=LED_THERE_MAX)
        self._last_switched: Item | None = None
        # The card in the meter's slot.
        self._contact: SlotContact | None = None

    def run(self, inputs: Iterable[Input]) -> None:
        """Play everything. A card that is still in the slot at the end is taken out, unseen by the meter."""
        try:
            self._run(inputs)
        finally:
            self.close()

    def close(self) -> None:
        """Take out the card that is in the slot, unseen by the meter."""
        if self._contact is not None:
            self._contact.out()

    def _run(self, inputs: Iterable[Input]) -> None:
        for at_ms, _, what in inputs:
            self.take(UtcMs(at_ms), what)
        self.advance(UtcMs(self._scenario.end_ms))

    def take(self, at_ms: UtcMs, what: SetLoad | EventSpec | ExpectSpec) -> None:
        """Go on to an instant, and give the meter what comes then."""
        self.go_to(at_ms)
        match what:
            case EventSpec():
                self._play_event(what)
            case ExpectSpec():
                self._absorb(self.meter.advance(self.tick))
                self._check(what)
            case SetLoad():
                if self._has_own_load:
                    self._absorb(self.meter.handle(what, self.tick))

    def advance(self, true_ms: UtcMs) -> None:
        """Go on to an instant, and do all that is due until then."""
        self.go_to(true_ms)
        self._absorb(self.meter.advance(self.tick))

    def do(self, do: Do) -> None:
        """What somebody does to the meter at its present instant, beside the scenario. Not for documents."""
        self._absorb(self._effects_of(do))

    def handle(self, event: Event) -> tuple[Effect, ...]:
        """What reaches the meter at its present instant, beside the scenario, as its firmware sees it.

        Returns what the meter did at once; all of it has its effect in the world by then.
        """
        effects = tuple(self.meter.handle(event, self.tick))
        self._absorb(effects)
        return effects

    @property
    def stands_still(self) -> bool:
        """Whether the meter's time stands: its cell and its mains are gone."""
        return self._crystal.stands_still

    def forget_items(self) -> None:
        """Forget what is listed, for a meter that runs for days."""
        self.items.clear()
        self.decisions.clear()

    def outcome(self) -> MeterOutcome:
        """What became of the meter, once it has run."""
        return MeterOutcome(self._spec.id, tuple(self._cuts), self.meter.readout(self.tick).glance.supply)

    def go_to(self, true_ms: UtcMs) -> None:
        """Go on to an instant; what the card in the slot does until then happens first."""
        while self._contact is not None and (due_ms := self._contact.due_ms) is not None:
            if due_ms > true_ms:
                break
            self._set_now(due_ms)
            for event in self._contact.happen():
                effects = self.meter.handle(event, self.tick)
                self._delivery.hear(effects)
                self._absorb(effects)
        self._set_now(true_ms)

    def _set_now(self, true_ms: UtcMs) -> None:
        self.now_ms = true_ms
        self.tick = self._crystal.tick_at(true_ms)

    def _play_event(self, event: EventSpec) -> None:
        """Play an event. Its own item comes after those of what the meter still had to do before it."""
        fields = input_fields(event.do)
        input_item = fields and Item(self.now_ms, self._spec.id, INPUT, fields)
        try:
            for effect in self._effects_of(event.do):
                if input_item and effect.at_tick >= self.tick:
                    self._add(input_item)
                    input_item = None
                self._absorb((effect,))
        except DocumentError as error:
            where = f"{self._scenario.file}: events[{event.index}]"
            raise InputError(f"{where}: no document can carry this to {self._spec.id}: {error}") from None
        except (RefusedError, StatusError, UnreachableError) as error:
            where = f"{self._scenario.file}: events[{event.index}]"
            raise InputError(f"{where}: no kiosk serves this card of {self._spec.id}: {error}") from None
        if input_item:
            self._add(input_item)

    def _effects_of(self, do: Do) -> Iterator[Effect]:
        if isinstance(do, SetMainsSpec):
            yield from self._switch_mains(on=do.on)
            return
        if isinstance(do, RtcLostSpec):
            self._mains.lose_cell(self.now_ms)
        elif isinstance(do, SetLoadSpec):
            self._has_own_load = False
        event = physical_event(do)
        if isinstance(do, CardInSpec | CardOutSpec | KioskSpec):
            # Whoever goes to a kiosk takes the card along.
            yield from self._take_card_out()
        if isinstance(do, CardInSpec):
            yield from self._put_card_in(do)
        elif isinstance(do, CardOutSpec):
            return
        elif event is not None:
            yield from self.meter.handle(event, self.tick)
        else:
            yield from self._delivery.deliver(do, self.now_ms, self.tick)

    def _put_card_in(self, do: CardInSpec) -> Iterator[Effect]:
        self._contact = self._delivery.put_in(do, self.now_ms)
        for event in self._contact.begin():
            yield from self.meter.handle(event, self.tick)

    def _take_card_out(self) -> Iterator[Effect]:
        if self._contact is None:
            return
        events, self._contact = self._contact.out(), None
        for event in events:
            yield from self.meter.handle(event, self.tick)

    def _switch_mains(self, *, on: bool) -> Iterator[Effect]:
        self.contactor.switch_mains(on=on, true_ms=self.now_ms)
        if not on:
            self.outages += 1
            self._mains.switch_off(self.now_ms)
            yield from self.meter.handle(MainsOff(), self.tick)
            return
        had_stood_still = self._mains.switch_on(self.now_ms)
        if had_stood_still:
            # First, because a meter that starts checks the oscillator-stop flag before anything else.
            yield from self.meter.handle(TicksLost(), self.tick)
        yield from self.meter.handle(MainsOn(), self.tick)

    def _absorb(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, SendToCard) and self._contact is not None:
                self._contact.send(effect.command, self.now_ms)
            elif isinstance(effect, SetSupply):
                self.contactor.drive(effect.after, self._true_ms_of(effect.at_tick))
            if not isinstance(effect, RecordEmitted):
                continue
            true_ms = self._true_ms_of(effect.at_tick)
            record = effect.record
            if self._on_record is not None:
                self._on_record(self._spec.id, effect.at_tick, true_ms, record)
            if isinstance(record, SupplyChanged) and is_cut(record.after, record.reason):
                self._cuts.append((true_ms, record.reason))
                second = true_ms // SECOND_MS
                self.decisions.append(f"{self._spec.id} {second} opened {record.reason.value}\n")
            self._add(Item(true_ms, self._spec.id, record_event(record), record_fields(record)))

    def _true_ms_of(self, at_tick: Tick) -> UtcMs:
        """When it happened: now, for what happened at this very tick; never before the last item."""
        if at_tick < self.tick:
            self._shown_ms = max(self._shown_ms, min(self._crystal.true_at(at_tick), self.now_ms))
        else:
            self._shown_ms = self.now_ms
        return self._shown_ms

    def _add(self, item: Item) -> None:
        """Remember an item for failures, and list it unless it is a detail of a meter that is not traced."""
        self._latest.append(item)
        if item.event == "supply":
            self._last_switched = item
        if self._is_traced or item.event not in DETAILS:
            self.items.append(item)

    def _check(self, expect: ExpectSpec) -> None:
        facts = self._facts()
        for key, expected in expect.wanted:
            comparison = compare(key, expected, facts)
            item = self._comparison_item(comparison)
            self.items.append(item)
            if not comparison.ok:
                self.failures.append(Failure(expect.index, item, self._led_there()))

    def _led_there(self) -> tuple[Item, ...]:
        """The items before a failure: the last ones, and before them the last change of supply."""
        latest = tuple(self._latest)
        if self._last_switched is None or self._last_switched in latest:
            return latest
        return (self._last_switched, *latest)

    def _comparison_item(self, comparison: Comparison) -> Item:
        return Item(self.now_ms, self._spec.id, "expect", comparison_fields(comparison))

    def _facts(self) -> Facts:
        readout = self.meter.readout(self.tick)
        glance = readout.glance
        return Facts(
            supply=glance.supply,
            balance_q=readout.purse.balance_q,
            clock=glance.clock,
            code=glance.code,
            cuts=len(self._cuts),
            reason=glance.reason,
        )
