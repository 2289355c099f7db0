"""Performs the effects of one meter on a link: they become receipts, events and a report. Pure.

The image is stored before any message that promises what it holds (design §3): `MeterStore.write` is called
at each `Persist`, which is the first effect of its call. The numbers of reports and readings are stored with
the image, so that none is used twice, not even after a power cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, assert_never

import msgspec

from emulator.firmware.effects import Ask, Effect, Persist, RecordEmitted
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.guarded.told import ask_word, holds_of, holds_word, receipt_of, report_of, totals_of
from emulator.firmware.journal import read_body
from emulator.firmware.ticks import Tick
from emulator.links.telling import Telling
from emulator.world.household import Household
from protocols.chain import Entry, Head
from protocols.documents.kind_rule import Kind
from protocols.instants import UtcMs
from protocols.limits import JOURNAL_ENTRIES_MAX
from protocols.link.messages import (
    Acked,
    MeterEvent,
    Reading,
    Report,
    Witness,
    write_report,
)
from protocols.link.proofs import Proof, Purpose, proof_of, with_mac
from protocols.link.records import (
    ClaimHeard,
    ClockChanged,
    CreditChanged,
    FaultShown,
    GateJudged,
    OrderJudged,
    Record,
    ScreenShown,
    SupplyChanged,
    WarningShown,
)
from protocols.link.topics import CARRIAGE, Channel, Place
from protocols.reasons import ClaimVerdict, Source

# Verdicts on claims in which nobody need take an interest: journalled, and no event.
_QUIET_VERDICTS: Final = frozenset({ClaimVerdict.AGREES, ClaimVerdict.NARROWED, ClaimVerdict.HELD})
# One source alone changes nothing (design §4.1), and is not reported.
_WITNESSES_MIN: Final = 2

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to the controller. `expiry_s` None: no expiry. `number`: of an event in the black box."""

    place: Place
    payload: bytes
    expiry_s: int | None
    number: int = 0


class StoredMeter(msgspec.Struct, frozen=True, array_like=True):
    """What the non-volatile memory holds of one meter: its image, and the numbers it used last.

    `confirmed`: the controller has the black box's events up to this number. `last_event`: the number of the
    last event; 0 in a memory of before.
    """

    image: bytes
    head: Head
    reported: int
    readings: int
    confirmed: int
    last_event: int = 0


class MeterStore(Protocol):
    """Stores meters. `entries`: what was journalled since the last write."""

    def write(self, meter: str, stored: StoredMeter, entries: Sequence[Entry]) -> None: ...


class ReportingMeter:
    """One guarded meter on a link. Its numbers of reports and readings only ever rise."""

    __slots__ = (
        "_kept",
        "_link",
        "_readings",
        "_reported",
        "_reported_next_possible_ms",
        "_reported_state",
        "_reported_witnesses",
        "_seen",
        "_store",
        "_written",
        "echo",
        "household",
        "telling",
    )

    def __init__(
        self, household: Household[GuardedMeter], link: str, store: MeterStore | None, first_number: int = 0
    ) -> None:
        self.household = household
        # The nonce of the controller's birth that the link has heard last.
        self.echo = ""
        self._link = link
        self._store = store
        self._reported = self._readings = first_number
        self._seen = self._written = household.meter.journal.head.number
        # What was in the black box when this meter was restored, the oldest first.
        self._kept: Sequence[Entry] = ()
        self.telling = Telling(self._seen, self._seen)
        self._reported_state = self.household.meter.glance
        self._reported_next_possible_ms: int | None = None
        self._reported_witnesses: frozenset[tuple[Source, bool]] = frozenset()

    def resume(self, stored: StoredMeter, entries: Sequence[Entry]) -> None:
        """Go on from what was stored. `entries`: what is left of the black box, the oldest first."""
        self._reported, self._readings = stored.reported, stored.readings
        self._kept = _last_run(entries, stored.head.number)
        # The number stored may be that of the event before: the last entries say more. Where they are lost,
        # nobody knows what they were, and nothing is claimed of them.
        last_event = next(
            (each.number for each in reversed(self._kept) if is_event(read_body(each.body).record)),
            stored.last_event if self._kept else stored.head.number,
        )
        self.telling = Telling(stored.confirmed, last_event)

    # -- what the meter did -------------------------------------------------------------------

    def perform(
        self,
        effects: Sequence[Effect],
        at_tick: Tick,
        now_ms: UtcMs,
        document: bytes = b"",
        *,
        online: bool,
    ) -> list[Outgoing]:
        """Perform a meter's effects: store its image, return the messages that follow; none if offline.

        `document` is the envelope that had these effects, if it was one: a receipt names its digest.
        """
        images = [effect.image for effect in effects if isinstance(effect, Persist)]
        if images:
            # Effects of several calls may come together. The last image is enough: no message has been
            # returned yet, and only that image agrees with the head of the black box.
            self._write(images[-1])
        number = self._first_journalled()
        if not online:
            self._note_events(number, effects)
            return []
        messages: list[Outgoing] = []
        changed = self.household.meter.glance != self._reported_state
        for effect in effects:
            match effect:
                case Ask():
                    messages.append(self._ask(effect))
                case RecordEmitted(is_journalled=False):
                    # A receipt, and an event, needs a number of the black box.
                    continue
                case RecordEmitted():
                    messages.extend(
                        self._messages_of(number, effect.at_tick, effect.record, document, now_ms)
                    )
                    changed = changed or self._is_news(effect.record, at_tick)
                    number += 1
                case _:
                    continue
        if changed:
            messages.append(self.report(at_tick))
        return messages

    def _is_news(self, record: Record, at_tick: Tick) -> bool:
        """Whether the head-end must read the meter back after it.

        A lease is renewed every day: it gets a receipt, and a report only if it moves the next possible cut.
        A date that agrees as the last one did gets neither. Else a whole fleet would report every day that
        nothing has changed.
        """
        match record:
            case OrderJudged(kind=Kind.LEASE):
                return self.household.meter.next_possible_ms(at_tick) != self._reported_next_possible_ms
            case ClaimHeard():
                return _vouching(self.household.meter.witnesses(at_tick)) != self._reported_witnesses
            case OrderJudged() | CreditChanged() | ClockChanged():
                return True
            case _:
                return False

    def report(self, at_tick: Tick) -> Outgoing:
        """The meter's state now, under the next number."""
        meter = self.household.meter
        self._reported += 1
        report = report_of(
            meter,
            at_tick,
            number=self._reported,
            way=self._link,
            totals=totals_of(meter),
            last_event=self.telling.last_event,
            oldest_entry=self.oldest_entry,
            echo=self.echo,
        )
        self._reported_state = meter.glance
        self._reported_next_possible_ms = report.next_possible_ms
        self._reported_witnesses = _vouching(report.witnesses)
        return self._sealed(Channel.REPORTED, report)

    def holds(self) -> bytes:
        """The word that says what the meter holds, under the next number of its reports."""
        self._reported += 1
        self.telling.greeted(self._reported)
        meter = self.household.meter
        return holds_word(meter.identity, holds_of(meter, self._reported, self.echo), self._link)

    def read(self, at_tick: Tick) -> bytes:
        """The word of the next reading of its register. The caller has advanced the meter to `at_tick`."""
        self._readings += 1
        self.save()
        readout = self.household.meter.readout(at_tick)
        reading = Reading(
            meter=self.household.id,
            number=self._readings,
            time_ms=readout.estimate_ms,
            energy_wh=readout.purse.energy_wh,
            balance_ueur=readout.purse.balance_ueur,
            supply=readout.glance.supply,
            epoch=self.household.meter.epoch,
        )
        key = self.household.meter.identity.key
        return with_mac(_encoder.encode(reading), Purpose.READING, self._link, key)

    def save(self) -> None:
        """Store the meter as it is."""
        if self._store is not None:
            self._write(self.household.meter.image())

    # -- the black box, handed over -----------------------------------------------------------

    @property
    def entries(self) -> list[Entry]:
        """What the black box holds, the oldest first and without a gap."""
        journal = self.household.meter.journal
        oldest = self.oldest_entry
        return [*(each for each in self._kept if each.number >= oldest), *journal.entries]

    @property
    def oldest_entry(self) -> int:
        """The number of the oldest entry that the black box holds; of the next one, where it holds none."""
        journal = self.household.meter.journal
        base = journal.base.number
        if not self._kept or self._kept[-1].number != base:
            return base + 1
        return max(self._kept[0].number, journal.head.number - JOURNAL_ENTRIES_MAX + 1)

    def hear_ack(self, acked: Acked, word: bytes) -> bool:
        """Take what the controller acknowledges; False for a word that is not authentic, or not a new one."""
        meter = self.household.meter
        proof = proof_of(word, Purpose.ACK, self._link, meter.identity.key)
        return proof is Proof.AUTHENTIC and self.telling.acknowledge(acked, meter.epoch)

    def untold(self, now_ms: UtcMs, most: int) -> list[Outgoing]:
        """The next messages of events that the controller does not have, the oldest first."""
        due = self.telling.due(self.entries, is_event, now_ms, most)
        return [self._event(number, after, each.tick, each.record) for number, after, each in due]

    # -- inside -------------------------------------------------------------------------------

    def _write(self, image: bytes) -> None:
        """Store the image; the number stored is one higher, since the report that follows will use it."""
        if self._store is None:
            return
        journal = self.household.meter.journal
        new = [entry for entry in journal.entries if entry.number > self._written]
        upto, last_event = self.telling.there.upto, self.telling.last_event
        stored = StoredMeter(image, journal.head, self._reported + 1, self._readings, upto, last_event)
        self._store.write(self.household.id, stored, new)
        self._written = journal.head.number

    def _first_journalled(self) -> int:
        """The number that the black box has given to the first record since this was asked last."""
        first, self._seen = self._seen + 1, self.household.meter.journal.head.number
        return first

    def _note_events(self, number: int, effects: Sequence[Effect]) -> None:
        """Remember the number of the last event among these effects; the first record has `number`."""
        for effect in effects:
            if not isinstance(effect, RecordEmitted) or not effect.is_journalled:
                continue
            if is_event(effect.record):
                self.telling.happened(number)
            number += 1

    def _messages_of(
        self, number: int, tick: Tick, record: Record, document: bytes, now_ms: UtcMs
    ) -> list[Outgoing]:
        if isinstance(record, OrderJudged):
            receipt = receipt_of(self.household.meter, number, record, document)
            return [] if receipt is None else [self._sealed(Channel.RECEIPTS, receipt)]
        if not is_event(record):
            return []
        after = self.telling.happened(number, now_ms)
        return [self._event(number, after, tick, record)]

    def _event(self, number: int, after: int, tick: Tick, record: Record) -> Outgoing:
        event = MeterEvent(
            meter=self.household.id,
            number=number,
            after=after,
            time_ms=self.household.meter.estimate_ms(tick),
            record=msgspec.Raw(_encoder.encode(record)),
            epoch=self.household.meter.epoch,
        )
        return self._sealed(Channel.EVENTS, event, number)

    def _ask(self, effect: Ask) -> Outgoing:
        place = Place(Channel.TIME_ASK, link=self._link, meter=self.household.id)
        word = ask_word(self.household.meter, effect.source, effect.nonce, self._link)
        return Outgoing(place, word, CARRIAGE[Channel.TIME_ASK].expiry_s)

    def _sealed(self, channel: Channel, report: Report, number: int = 0) -> Outgoing:
        place = Place(channel, link=self._link, meter=self.household.id)
        payload = write_report(report, self.household.meter.identity.key)
        return Outgoing(place, payload, CARRIAGE[channel].expiry_s, number)


def _vouching(heard: Sequence[Witness]) -> frozenset[tuple[Source, bool]]:
    """Each source with whether it agrees; empty while there are too few witnesses to count."""
    return frozenset((each.source, each.agrees) for each in heard if len(heard) >= _WITNESSES_MIN)


def _last_run(entries: Sequence[Entry], head: int) -> Sequence[Entry]:
    """The entries without a gap that end at `head`, as many as the black box holds; none for another end."""
    first = len(entries)
    while first and entries[first - 1].number == head - (len(entries) - first):
        first -= 1
    return entries[first:][-JOURNAL_ENTRIES_MAX:]


def is_event(record: Record) -> bool:
    """Whether a record is published as an event. Orders get receipts instead; screens concern nobody else."""
    match record:
        case ClaimHeard():
            return record.verdict not in _QUIET_VERDICTS
        case (
            SupplyChanged() | ClockChanged() | WarningShown() | CreditChanged() | GateJudged() | FaultShown()
        ):
            return True
        case OrderJudged() | ScreenShown():
            return False
        case _:
            assert_never(record)
