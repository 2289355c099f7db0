"""Why a meter cut, or did not: sentences for each part of an explanation (design §6)."""

from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo

from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS
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
from protocols.reasons import Because
from protocols.words.en.forecast import forecast_in_words
from protocols.words.en.times import local

# Why a gate stays shut. Holds in the verdict's question are named; without one, a release's hours forbade it.
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

_FIXED: Final[dict[type[Explanation], str]] = {
    NoChange: "Its black box has told of no change of the supply.",
    VerdictMissing: "Its verdict has not come in: why its gate opened is not known yet.",
    OpenedForSafety: "It opened for safety, which no hold forbids.",
}

# An offset counts as whole if it differs by a twentieth of its unit at most: answers are seconds old.
_NEAR: Final = 20


def explanation_in_words(found: Iterable[Explanation], zone: ZoneInfo) -> list[str]:
    """The sentences of an explanation, in its order, with instants in UTC and in local time."""
    writer = _Writer(zone)
    return [sentence for each in found for sentence in writer.sentences(each)]


class _Writer:
    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def sentences(self, found: Explanation) -> list[str]:
        match found:
            case LastReport():
                return [self._report(found)]
            case Unreadable() | EarlierEntries():
                return [_left_out(found)]
            case MissingEntries():
                return _missing(found)
            case NoChange() | VerdictMissing() | OpenedForSafety():
                return [_FIXED[type(found)]]
            case LastChange():
                return [self._change(found)]
            case Opened():
                return self._opened(found)
            case CutRefused():
                return [self._refused(found)]
            case Vouched():
                return [self._vouched(found)]
            case WrongDate():
                finding = f"the meter's finding: {_spaced(found.verdict)}"
                told = f"{found.source} told it a date {_offset(found.offset_ms)}"
                return [f"Entry {found.number}: {told}; {finding}."]
            case ClockDoubted():
                doubt = f"its clock is {found.status}; until it is trusted, it cuts nobody"
                return [f"Entry {found.number}: {doubt}."]
            case _:
                return [forecast_in_words(found, self._zone)]

    def _at(self, instant_ms: int) -> str:
        return local(instant_ms, self._zone)

    def _change(self, found: LastChange) -> str:
        changed = f"supply from {found.before} to {found.after} by {_spaced(found.reason)}"
        if found.before == found.after:
            changed = f"supply stays {found.after}, now by {_spaced(found.reason)}"
        return f"Entry {found.number}: {changed}, at {self._at(found.time_ms)} by its own estimate."

    def _report(self, found: LastReport) -> str:
        if found.supply is None or found.reported_ms is None:
            return f"{found.meter} has never reported: its state is unknown."
        because = "" if found.supply_reason in {None, "none"} else f", by {_spaced(found.supply_reason)}"
        said = f"{found.meter} said at {self._at(found.reported_ms)}"
        return f"{said} that its supply is {found.supply}{because}, and its clock {found.clock}."

    def _opened(self, found: Opened) -> list[str]:
        interval = found.interval
        latest = "unbounded" if interval.latest_ms is None else self._at(interval.latest_ms)
        believed = f"true time between {self._at(interval.earliest_ms)} and {latest}"
        sentences = [f"Its gate was open: clock {interval.status}, {believed} as it believed."]
        if found.window is not None:
            window = found.window
            sentences.append(f"The window was {self._at(window.start_ms)} to {self._at(window.end_ms)}.")
        if found.lease_ends_ms is not None:
            sentences.append(f"Its lease ran until {self._at(found.lease_ends_ms)}.")
        if found.met:
            sentences.append(f"THIS OPENING WAS WRONG: {', '.join(found.met)} forbade it.")
        else:
            sentences.append(f"Holds it knew of: {', '.join(found.known) or 'none'}; none met that time.")
        return sentences

    def _refused(self, found: CutRefused) -> str:
        why = WHY_SHUT.get(found.reason, found.reason.value)
        if found.reason is Because.HOLD and found.held:
            names = ", ".join(f"{hold.name} until {self._at(hold.until_ms)}" for hold in found.held)
            why = f"a hold forbids it: {names}"
        considered = f"a cut for {_spaced(found.cause)} was considered at {self._at(found.time_ms)}"
        return f"Entry {found.number}: {considered} and refused: {why}."

    def _vouched(self, found: Vouched) -> str:
        witness = found.witness
        told = f"{'' if witness.fresh else 'at the earliest '}a date {_offset(witness.offset_ms)}"
        judged = "it agrees with" if witness.agrees else "IT CONTRADICTS"
        return (
            f"Witness {witness.source}, at {self._at(witness.heard_ms)} by the meter's estimate: {told}; "
            f"{judged} what the meter believes."
        )


def _left_out(found: Unreadable | EarlierEntries) -> str:
    if isinstance(found, EarlierEntries):
        return f"Not considered: the {found.count} oldest entries of its black box."
    numbers = ", ".join(map(str, found.numbers))
    return f"Not readable by this version, and not considered: entry {numbers}."


def _missing(found: MissingEntries) -> list[str]:
    sentences = []
    if found.asked:
        sentences.append(f"{_spans(found.asked)} of its black box are missing; the meter is asked for them.")
    if found.lost:
        why = "it does not hold them any more"
        sentences.append(f"{_spans(found.lost)} of its black box are lost: {why}.")
    return sentences


def _spans(spans: Iterable[tuple[int, int]]) -> str:
    return "Entries " + ", ".join(
        f"{first} to {last}" if first < last else f"{first}" for first, last in spans
    )


def _spaced(name: str | None) -> str:
    return (name or "unknown").replace("_", " ")


def _offset(offset_ms: int) -> str:
    """`24 h ahead of its own clock`, in the largest unit in which it is (nearly) a whole number."""
    if offset_ms == 0:
        return "equal to its own clock"
    size_ms = abs(offset_ms)
    side = "ahead of" if offset_ms > 0 else "behind"
    for unit_ms, name in ((HOUR_MS, "h"), (MINUTE_MS, "min"), (SECOND_MS, "s")):
        whole = (size_ms + unit_ms // 2) // unit_ms
        if whole and abs(size_ms - whole * unit_ms) * _NEAR <= unit_ms:
            return f"{whole} {name} {side} its own clock"
    return f"{size_ms} ms {side} its own clock"
