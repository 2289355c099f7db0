"""`why METER`: a cut, or its absence, explained from what the meter itself recorded (design §6). Pure.

The meter's verdicts carry everything that its gate was given: an explanation reads it and guesses
nothing. What the controller knows beyond that (orders that the meter does not have) is said apart,
since the meter could not know.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from controller.orders.life import ActiveOrder
from controller.orders.standing import standing_of
from controller.why.forecast import next_cut, orders_that_bear
from protocols.link.explanation import (
    ClockDoubted,
    CutRefused,
    EarlierEntries,
    Explanation,
    LastChange,
    LastReport,
    MissingEntries,
    NoChange,
    Opened,
    OpenedForSafety,
    Unreadable,
    VerdictMissing,
    Vouched,
    WrongDate,
)
from protocols.link.messages import Witness
from protocols.link.question import HoldSpan, Question
from protocols.link.records import ClaimHeard, ClockChanged, GateJudged, Record, SupplyChanged, read_record
from protocols.reasons import Because, ClockStatus, Supply


class EventFact(Struct, frozen=True, kw_only=True):
    """One record of the meter's black box. `record` is its JSON."""

    number: int
    time_ms: int
    record: str


class MeterFact(Struct, frozen=True, kw_only=True):
    """The meter's last report. None: it has never reported.

    `witnesses`: the sources of its time, the latest first.
    """

    id: str
    supply: str | None
    supply_reason: str | None
    clock: str | None
    next_possible_ms: int | None
    reported_ms: int | None
    witnesses: tuple[Witness, ...] = ()


class _Entry(Struct, frozen=True):
    number: int
    time_ms: int
    record: Record


def explain(
    meter: MeterFact,
    events: Sequence[EventFact],
    orders: Sequence[ActiveOrder],
    now_ms: int,
    earlier: int = 0,
    missing: MissingEntries | None = None,
) -> list[Explanation]:
    """Why the meter is in its present state; the state first.

    `events` are sorted by number; `earlier`: how many older ones are stored, and not among them. `missing`:
    what the store lacks of them.
    """
    read = [(fact, read_record(fact.record)) for fact in events]
    entries = [_Entry(fact.number, fact.time_ms, record) for fact, record in read if record is not None]
    unread = tuple(fact.number for fact, record in read if record is None)
    found: list[Explanation] = [_last_report(meter)]
    if unread:
        found.append(Unreadable(unread))
    if earlier:
        found.append(EarlierEntries(earlier))
    if missing is not None and (missing.asked or missing.lost):
        found.append(missing)
    found += _last_change(entries)
    found += _last_refusal(entries)
    found += map(Vouched, meter.witnesses)
    found += _wrong_dates(entries)
    found += _clock(entries)
    standing = standing_of(orders, now_ms)
    found += orders_that_bear(orders, standing, now_ms)
    found += next_cut(orders, standing, (meter.next_possible_ms, meter.reported_ms), now_ms)
    return found


def _last_report(meter: MeterFact) -> LastReport:
    return LastReport(
        meter=meter.id,
        supply=meter.supply,
        supply_reason=meter.supply_reason,
        clock=meter.clock,
        reported_ms=meter.reported_ms,
    )


def _last_change(entries: Sequence[_Entry]) -> Iterator[Explanation]:
    for entry in reversed(entries):
        change = entry.record
        if isinstance(change, SupplyChanged):
            yield LastChange(
                number=entry.number,
                time_ms=entry.time_ms,
                before=change.before,
                after=change.after,
                reason=change.reason,
            )
            if change.after is Supply.OFF:
                yield _opening(_verdict_before(entries, entry.number))
            return
    yield NoChange()


def _verdict_before(entries: Sequence[_Entry], number: int) -> GateJudged | None:
    earlier = (entry.record for entry in reversed(entries) if entry.number < number)
    return next((record for record in earlier if isinstance(record, GateJudged)), None)


def _opening(verdict: GateJudged | None) -> Explanation:
    if verdict is None or not verdict.open:
        return VerdictMissing()
    if verdict.reason is Because.SAFETY:
        return OpenedForSafety()
    question = verdict.question
    earliest_ms = question.interval.earliest_ms
    windows = (each for each in question.permission.windows_ms if each.start_ms <= earliest_ms < each.end_ms)
    return Opened(
        interval=question.interval,
        window=next(windows, None),
        lease_ends_ms=question.permission.lease_ends_ms,
        known=tuple(hold.name for hold in question.holds),
        met=tuple(hold.name for hold in _met(question)),
    )


def _last_refusal(entries: Sequence[_Entry]) -> Iterator[Explanation]:
    for entry in reversed(entries):
        verdict = entry.record
        if isinstance(verdict, GateJudged) and not verdict.open:
            yield CutRefused(
                number=entry.number,
                time_ms=entry.time_ms,
                cause=verdict.question.cause,
                reason=verdict.reason,
                held=_met(verdict.question),
            )
            return


def _wrong_dates(entries: Sequence[_Entry]) -> Iterator[Explanation]:
    """Of each source, by name, the last date that differed."""
    last: dict[str, WrongDate] = {}
    for entry in entries:
        claim = entry.record
        if isinstance(claim, ClaimHeard) and claim.offset_ms:
            last[claim.source] = WrongDate(
                number=entry.number, source=claim.source, offset_ms=claim.offset_ms, verdict=claim.verdict
            )
    return iter([last[source] for source in sorted(last)])


def _clock(entries: Sequence[_Entry]) -> Iterator[Explanation]:
    for entry in reversed(entries):
        if isinstance(entry.record, ClockChanged):
            if entry.record.status is not ClockStatus.TRUSTED:
                yield ClockDoubted(entry.number, entry.record.status)
            return


def _met(question: Question) -> tuple[HoldSpan, ...]:
    """The holds that overlap the interval."""
    earliest_ms, latest_ms = question.interval.earliest_ms, question.interval.latest_ms
    return tuple(
        hold
        for hold in question.holds
        if earliest_ms < hold.until_ms and (latest_ms is None or hold.from_ms <= latest_ms)
    )
