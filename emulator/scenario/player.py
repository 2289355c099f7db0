r"""Plays a scenario: gives every meter its events and time, and lists what happened (design §9).

A meter knows only its ticks; the player knows true time, and the meter's crystal maps one to the
other. Meters do not affect each other, so each is played from start to end by itself. The items of all
meters are then sorted: by true time, then by the meter's order in the file, then as they happened.

At one instant a household's own load comes first, then the events in the order of the file, then
the expectations. Before an expectation, and at the end, the meter does all that is due up to and
including that instant; before an event only what is due strictly before it (`firmware.meter`).

`decisions_sha256` is the SHA-256, in hex, of the UTF-8 text of all lines

    METER TRUE_S opened REASON\n

sorted as strings, one for each change of supply to `off` that is a cut (`expectation.is_cut`: any
cause but safety), of every meter. TRUE_S is the true instant in whole seconds since 1970, rounded
down. Two runs that make the same cuts in the same seconds have the same digest.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from heapq import merge
from operator import itemgetter
from typing import Final

from cardreader.iso7816.status import StatusError
from emulator.firmware.effects import Effect, RecordEmitted, SendToCard
from emulator.firmware.events import MainsOff, MainsOn, SetLoad, TicksLost
from emulator.firmware.meter import Meter
from emulator.firmware.ticks import FIRST_TICK, Tick
from emulator.scenario.cards import SlotContact, check_files
from emulator.scenario.delivery import Delivery, physical_event
from emulator.scenario.expectation import Comparison, Facts, compare, is_cut
from emulator.scenario.keyring import HomeKeys, Keyring
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
from emulator.world.crystal import Crystal
from emulator.world.loads import HouseholdLoad
from emulator.world.mains import Mains
from protocols.errors import DocumentError, InputError, RefusedError, UnreachableError
from protocols.instants import SECOND_MS, UtcMs
from protocols.link.records import Record, SupplyChanged
from protocols.reasons import Supply, SupplyReason

# How many of a meter's last items are shown with a failed expectation, besides its last change of supply.
LED_THERE_MAX: Final = 12

# Makes one meter as commissioned at the start, with a load (W), and the delivery of events to it.
MeterMaker = Callable[[MeterSpec, Scenario, Keyring, int], tuple[Meter, Delivery]]
# Receives every record of a black box: meter, tick, true instant, record.
RecordSink = Callable[[str, Tick, UtcMs, Record], None]
# Receives every meter in its state at the end, one after the other.
MeterSink = Callable[[MeterSpec, Meter], None]


@dataclass(frozen=True, slots=True)
class MeterOutcome:
    """What became of one meter: its cuts, each with true time (ms) and reason, and its supply at the end."""

    meter: str
    cuts: tuple[tuple[UtcMs, SupplyReason], ...]
    supply: Supply


@dataclass(frozen=True, slots=True)
class Played:
    """The result of a scenario. `failures` is in the order of `items`, `outcomes` in that of the meters."""

    items: tuple[Item, ...]
    failures: tuple[Failure, ...]
    decisions_sha256: str
    outcomes: tuple[MeterOutcome, ...]


def play(
    scenario: Scenario,
    make_meter: MeterMaker,
    *,
    trace: str | None = None,
    on_record: RecordSink | None = None,
    on_meter_played: MeterSink | None = None,
    home: HomeKeys | None = None,
) -> Played:
    """Play all meters of a scenario. The same scenario always gives the same result.

    With `trace`, `items` has only that meter's, but all of them; failures, decisions and outcomes still cover
    every meter. `home`: the keys of the home that the file names. Raises InputError for an event that no
    document can carry, and for a card that no kiosk serves.
    """
    check_files(scenario)
    keyring = Keyring(scenario.seed, scenario.end_ms, home)
    inputs = _inputs_by_meter(scenario)
    ordered: list[tuple[int, int, int, Item]] = []
    failures: list[tuple[int, int, int, Failure]] = []
    decisions: list[str] = []
    outcomes: list[MeterOutcome] = []
    for index, spec in enumerate(scenario.meters):
        load_w, load_changes = _loads(scenario, spec)
        meter, delivery = make_meter(spec, scenario, keyring, load_w)
        played = _MeterPlay(scenario, spec, meter, delivery, is_traced=spec.id == trace, on_record=on_record)
        played.run(merge(load_changes, inputs.get(spec.id, ()), key=itemgetter(0, 1)))
        for number, item in enumerate(played.items):
            if trace in (None, spec.id):
                ordered.append((item.true_ms, index, number, item))
        failures += [(each.item.true_ms, index, n, each) for n, each in enumerate(played.failures)]
        decisions += played.decisions
        outcomes.append(played.outcome())
        if on_meter_played is not None:
            on_meter_played(spec, meter)
    in_order = itemgetter(0, 1, 2)
    return Played(
        tuple(item for *_, item in sorted(ordered, key=in_order)),
        tuple(failure for *_, failure in sorted(failures, key=in_order)),
        digest_of_decisions(decisions),
        tuple(outcomes),
    )


def digest_of_decisions(lines: Iterable[str]) -> str:
    """The digest over the lines of decisions, in any order: see the head of this module."""
    return sha256("".join(sorted(lines)).encode()).hexdigest()


# An input of one meter: instant, rank at equal instants (load, event, expectation), and the input itself.
_Input = tuple[int, int, SetLoad | EventSpec | ExpectSpec]


def _inputs_by_meter(scenario: Scenario) -> dict[str, list[_Input]]:
    """Events and expectations of each meter, in playing order."""
    found: dict[str, list[_Input]] = {}
    for event in scenario.events:
        for meter in event.meters:
            found.setdefault(meter, []).append((event.at_ms, 1, event))
    for expect in scenario.expects:
        for meter in expect.meters:
            found.setdefault(meter, []).append((expect.at_ms, 2, expect))
    for inputs in found.values():
        inputs.sort(key=itemgetter(0, 1))  # stable: the order of the file at equal instants
    return found


def _loads(scenario: Scenario, spec: MeterSpec) -> tuple[int, Iterable[_Input]]:
    """The load at the start, and its changes if it is a household's."""
    if spec.load_w is not None:
        return spec.load_w, ()
    household = HouseholdLoad(scenario.seed, spec.id, spec.profile.zone)
    start_ms, end_ms = UtcMs(scenario.start_ms), UtcMs(scenario.end_ms)
    changes = household.changes(start_ms, end_ms)
    return household.load_w(start_ms), ((at_ms, 0, SetLoad(load_w)) for at_ms, load_w in changes)


class _MeterPlay:
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
        self._meter = meter
        self._delivery = delivery
        self._now_ms = self._shown_ms = UtcMs(scenario.start_ms)
        self._tick = FIRST_TICK
        self._crystal = Crystal(spec.drift_ppm, self._now_ms)
        self._mains = Mains(self._crystal)
        self._has_own_load = spec.load_w is None
        self._cuts: list[tuple[UtcMs, SupplyReason]] = []
        self._is_traced = is_traced
        self._on_record = on_record
        self._latest: deque[Item] = deque(maxlen=LED_THERE_MAX)
        self._last_switched: Item | None = None
        # The card in the meter's slot.
        self._contact: SlotContact | None = None

    def run(self, inputs: Iterable[_Input]) -> None:
        """Play everything. A card that is still in the slot at the end is taken out, unseen by the meter."""
        try:
            self._run(inputs)
        finally:
            if self._contact is not None:
                self._contact.out()

    def _run(self, inputs: Iterable[_Input]) -> None:
        for at_ms, _, what in inputs:
            self._go_to(UtcMs(at_ms))
            match what:
                case EventSpec():
                    self._play_event(what)
                case ExpectSpec():
                    self._absorb(self._meter.advance(self._tick))
                    self._check(what)
                case SetLoad():
                    if self._has_own_load:
                        self._absorb(self._meter.handle(what, self._tick))
        self._go_to(UtcMs(self._scenario.end_ms))
        self._absorb(self._meter.advance(self._tick))

    def outcome(self) -> MeterOutcome:
        """What became of the meter, once it has run."""
        return MeterOutcome(self._spec.id, tuple(self._cuts), self._meter.readout(self._tick).glance.supply)

    def _go_to(self, true_ms: UtcMs) -> None:
        """Go on to an instant; what the card in the slot does until then happens first."""
        while self._contact is not None and (due_ms := self._contact.due_ms) is not None:
            if due_ms > true_ms:
                break
            self._set_now(due_ms)
            for event in self._contact.happen():
                effects = self._meter.handle(event, self._tick)
                self._delivery.hear(effects)
                self._absorb(effects)
        self._set_now(true_ms)

    def _set_now(self, true_ms: UtcMs) -> None:
        self._now_ms = true_ms
        self._tick = self._crystal.tick_at(true_ms)

    def _play_event(self, event: EventSpec) -> None:
        """Play an event. Its own item comes after those of what the meter still had to do before it."""
        fields = input_fields(event.do)
        input_item = fields and Item(self._now_ms, self._spec.id, INPUT, fields)
        try:
            for effect in self._effects_of(event.do):
                if input_item and effect.at_tick >= self._tick:
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
            self._mains.lose_cell(self._now_ms)
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
            yield from self._meter.handle(event, self._tick)
        else:
            yield from self._delivery.deliver(do, self._now_ms, self._tick)

    def _put_card_in(self, do: CardInSpec) -> Iterator[Effect]:
        self._contact = self._delivery.put_in(do, self._now_ms)
        for event in self._contact.begin():
            yield from self._meter.handle(event, self._tick)

    def _take_card_out(self) -> Iterator[Effect]:
        if self._contact is None:
            return
        events, self._contact = self._contact.out(), None
        for event in events:
            yield from self._meter.handle(event, self._tick)

    def _switch_mains(self, *, on: bool) -> Iterator[Effect]:
        if not on:
            self._mains.switch_off(self._now_ms)
            yield from self._meter.handle(MainsOff(), self._tick)
            return
        had_stood_still = self._mains.switch_on(self._now_ms)
        if had_stood_still:
            # First, because a meter that starts checks the oscillator-stop flag before anything else.
            yield from self._meter.handle(TicksLost(), self._tick)
        yield from self._meter.handle(MainsOn(), self._tick)

    def _absorb(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, SendToCard) and self._contact is not None:
                self._contact.send(effect.command, self._now_ms)
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
        if at_tick < self._tick:
            self._shown_ms = max(self._shown_ms, min(self._crystal.true_at(at_tick), self._now_ms))
        else:
            self._shown_ms = self._now_ms
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
        return Item(self._now_ms, self._spec.id, "expect", comparison_fields(comparison))

    def _facts(self) -> Facts:
        readout = self._meter.readout(self._tick)
        glance = readout.glance
        return Facts(
            supply=glance.supply,
            balance_q=readout.purse.balance_q,
            clock=glance.clock,
            code=glance.code,
            cuts=len(self._cuts),
            reason=glance.reason,
        )
