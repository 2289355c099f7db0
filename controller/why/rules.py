"""`why METER`: a cut, or its absence, explained in sentences from what the meter itself recorded (design §6).

The meter's verdicts carry everything that its gate was given. So the sentences do not guess: they read.
What the controller knows beyond (orders that the meter does not have) is said apart, since the meter could
not know.
"""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from controller.orders.life import HELD_DELIVERIES, ActiveOrder
from protocols.cutting.zones import local_in_words
from protocols.documents.bodies import HoldBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import body_of
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS, iso_from_ms
from protocols.link.messages import Witness
from protocols.link.question import HoldSpan, Interval
from protocols.link.records import ClaimHeard, ClockChanged, GateJudged, Record, SupplyChanged, read_record
from protocols.reasons import Because, ClockStatus, Supply


class EventFact(Struct, frozen=True, kw_only=True):
    """One record of the meter's black box. `record` is its JSON."""

    number: int
    time_ms: int
    record: str


class MeterFact(Struct, frozen=True, kw_only=True):
    """The meter's last word. None: it has never said. `witnesses`: who told it the time, latest first."""

    id: str
    supply: str | None
    supply_reason: str | None
    clock: str | None
    next_possible_ms: int | None
    reported_ms: int | None
    witnesses: tuple[Witness, ...] = ()


# An offset is called whole where it is off by a twentieth of its unit at most: answers are seconds old.
_NEAR: Final = 20

# Why a gate stays shut, in words. Holds are named from the verdict's own question; where it has none that
# meets its interval, a release held.
WHY_SHUT: Final = {
    Because.CLOCK_LOST: "the meter did not know the time: no cut with a lost clock",
    Because.CLOCK_DISPUTED: "two dates contradicted each other: no cut with a disputed clock",
    Because.HOLD: "the hours of a release run",
    Because.NO_WINDOW: "it was outside every cut window",
    Because.NO_LEASE: "no lease kept its calendar alive",
    Because.LEASE_ENDED: "its lease had ended",
    Because.REVISIONS_MISSING: "it lacked an order that its lease names",
    Because.NO_EVIDENCE: "the cause had no evidence: credit left, or an order cancelled",
}


def explain(
    meter: MeterFact,
    events: Sequence[EventFact],
    standing: Sequence[ActiveOrder],
    now_ms: int,
    zone: ZoneInfo,
) -> list[str]:
    """Why the meter is as it is, in sentences, the state first. `events` in the order of their numbers."""
    say = _Narrator(zone)
    read = [(fact, read_record(fact.record)) for fact in events]
    records = [(fact, record) for fact, record in read if record is not None]
    sentences = [say.state(meter)]
    sentences += say.unread([fact for fact, record in read if record is None])
    sentences += say.last_change(records)
    sentences += say.last_refusal(records)
    sentences += say.vouched(meter.witnesses)
    sentences += say.wrong_dates(records)
    sentences += say.protection(standing, now_ms)
    if meter.next_possible_ms is not None:
        sentences.append(
            f"The next instant at which a cut would be possible: {say.at(meter.next_possible_ms)}."
        )
    elif meter.supply is not None:
        sentences.append("As far as it knows, no cut is possible: no window is ahead.")
    return sentences


class _Narrator:
    """Puts records into words, with instants in UTC and in local time."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def at(self, instant_ms: int) -> str:
        return f"{iso_from_ms(instant_ms)} ({local_in_words(instant_ms, self._zone)})"

    def state(self, meter: MeterFact) -> str:
        if meter.supply is None or meter.reported_ms is None:
            return f"{meter.id} has never reported: its state is unknown."
        because = "" if meter.supply_reason in {None, "none"} else f", by {_words(meter.supply_reason)}"
        return (
            f"{meter.id} said at {self.at(meter.reported_ms)} that its supply is {meter.supply}{because}, "
            f"and its clock {meter.clock}."
        )

    def unread(self, events: Sequence[EventFact]) -> list[str]:
        """What a newer firmware wrote may be the last change: it is not passed over in silence."""
        numbers = ", ".join(str(each.number) for each in events)
        return [f"Not readable by this version, and not considered: entry {numbers}."] if events else []

    def last_change(self, records: Sequence[tuple[EventFact, Record]]) -> list[str]:
        changes = [(fact, record) for fact, record in records if isinstance(record, SupplyChanged)]
        if not changes:
            return ["Its black box has told of no change of the supply."]
        fact, change = changes[-1]
        changed = f"supply from {change.before} to {change.after} by {_words(change.reason)}"
        said = [f"Entry {fact.number}: {changed}, at {self.at(fact.time_ms)} by its own estimate."]
        if change.after is not Supply.OFF:
            return said
        verdict = next(
            (
                record
                for other, record in reversed(records)
                if other.number < fact.number and isinstance(record, GateJudged)
            ),
            None,
        )
        if verdict is None or not verdict.open:
            return [*said, "Its verdict has not come in: why its gate opened is not known yet."]
        return said + self._opening(verdict)

    def last_refusal(self, records: Sequence[tuple[EventFact, Record]]) -> list[str]:
        shut = [(fact, rec) for fact, rec in records if isinstance(rec, GateJudged) and not rec.open]
        if not shut:
            return []
        fact, verdict = shut[-1]
        question = verdict.question
        why = WHY_SHUT.get(verdict.reason, verdict.reason.value)
        held = [hold for hold in question.holds if _meets(hold, question.interval)]
        if verdict.reason is Because.HOLD and held:
            names = ", ".join(f"{hold.name} until {self.at(hold.until_ms)}" for hold in held)
            why = f"a hold forbids it: {names}"
        considered = f"a cut for {_words(question.cause)} was considered at {self.at(fact.time_ms)}"
        return [f"Entry {fact.number}: {considered} and refused: {why}."]

    def vouched(self, witnesses: Sequence[Witness]) -> list[str]:
        """Who told it the time, as of its last report: one source alone could not have moved its clock."""
        said = []
        for each in witnesses:
            told = f"{'' if each.fresh else 'at the earliest '}a date {_offset(each.offset_ms)}"
            judged = "it agrees with" if each.agrees else "IT CONTRADICTS"
            said.append(
                f"Witness {each.source}, at {self.at(each.heard_ms)} by the meter's estimate: {told}; "
                f"{judged} what the meter believes."
            )
        return said

    def wrong_dates(self, records: Sequence[tuple[EventFact, Record]]) -> list[str]:
        wrong = [(fact, rec) for fact, rec in records if isinstance(rec, ClaimHeard) and rec.offset_ms]
        said = []
        for source in sorted({record.source for _, record in wrong}):
            fact, claim = [each for each in wrong if each[1].source == source][-1]
            assert claim.offset_ms is not None
            finding = f"the meter's finding: {_words(claim.verdict)}"
            said.append(
                f"Entry {fact.number}: {source} told it a date {_offset(claim.offset_ms)}; {finding}."
            )
        clocks = [(fact, rec) for fact, rec in records if isinstance(rec, ClockChanged)]
        if clocks and clocks[-1][1].status is not ClockStatus.TRUSTED:
            fact, clock = clocks[-1]
            said.append(
                f"Entry {fact.number}: its clock is {clock.status}; until it is trusted, it cuts nobody."
            )
        return said

    def protection(self, standing: Sequence[ActiveOrder], now_ms: int) -> list[str]:
        said = []
        for each in standing:
            if each.order.kind is not Kind.HOLD:
                continue
            hold = body_of(each.order, HoldBody)
            if not hold.from_ms <= now_ms < hold.until_ms:
                continue
            has = (
                "the meter has it"
                if each.state in HELD_DELIVERIES
                else f"the meter has not confirmed it ({each.state})"
            )
            name = f"{each.order.object} (revision {each.order.rev})"
            said.append(f"{name} forbids cuts until {self.at(hold.until_ms)}: {has}.")
        return said

    def _opening(self, verdict: GateJudged) -> list[str]:
        question = verdict.question
        interval = question.interval
        if verdict.reason is Because.SAFETY:
            return ["It opened for safety, which no hold forbids."]
        latest = "unbounded" if interval.latest_ms is None else self.at(interval.latest_ms)
        believed = f"true time between {self.at(interval.earliest_ms)} and {latest}"
        said = [f"Its gate was open: clock {interval.status}, {believed} as it believed."]
        said += [
            f"The window was {self.at(window.start_ms)} to {self.at(window.end_ms)}."
            for window in question.permission.windows_ms
            if window.start_ms <= interval.earliest_ms < window.end_ms
        ]
        if question.permission.lease_ends_ms is not None:
            said.append(f"Its lease ran until {self.at(question.permission.lease_ends_ms)}.")
        met = [hold.name for hold in question.holds if _meets(hold, interval)]
        known = ", ".join(hold.name for hold in question.holds) or "none"
        said.append(
            f"THIS OPENING WAS WRONG: {', '.join(met)} forbade it."
            if met
            else f"Holds it knew of: {known}; none met that time."
        )
        return said


def _meets(hold: HoldSpan, interval: Interval) -> bool:
    return interval.earliest_ms < hold.until_ms and (
        interval.latest_ms is None or hold.from_ms <= interval.latest_ms
    )


def _words(name: str | None) -> str:
    return (name or "unknown").replace("_", " ")


def _offset(offset_ms: int) -> str:
    """`24 h ahead of its own clock`, in the largest unit that it is a whole number of, near enough."""
    if offset_ms == 0:
        return "equal to its own clock"
    size_ms = abs(offset_ms)
    side = "ahead of" if offset_ms > 0 else "behind"
    for unit_ms, name in ((HOUR_MS, "h"), (MINUTE_MS, "min"), (SECOND_MS, "s")):
        whole = (size_ms + unit_ms // 2) // unit_ms
        if whole and abs(size_ms - whole * unit_ms) * _NEAR <= unit_ms:
            return f"{whole} {name} {side} its own clock"
    return f"{size_ms} ms {side} its own clock"
