"""The gate: one pure function in front of the contactor, and the only way to it (design §4.2).

Duty: given a cause and everything known, say whether the supply may be opened *at every instant*
that the clock holds possible. It opens only with positive evidence; in doubt the supply stays on.
The rules stand in their order in `may_open`; the meter adds only the warning and the spread
(rule 6), which delay an opening and never permit one.

A `Question` is plain data (`protocols.link.question`): the black box holds it, a replay asks it again.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from protocols.link.question import Evidence, Flags, HoldSpan, Interval, Permission, Question
from protocols.reasons import Because, ClockStatus, SupplyReason

# No window ends so late: a window that begins at an instant counts as begun by it.
_AFTER_EVERY_END: Final = 2**63


class Verdict(Struct, frozen=True, gc=False):
    """`next_possible_ms`: the first instant at which calendar and holds, as known, would permit."""

    open: bool
    reason: Because
    next_possible_ms: int | None


def may_open(
    cause: SupplyReason,
    interval: Interval,
    permission: Permission,
    holds: Sequence[HoldSpan],
    evidence: Evidence,
    flags: Flags,
) -> Verdict:
    """Whether `cause` may open the supply now. Total: an unknown cause has no evidence."""
    if cause is SupplyReason.SAFETY:
        return Verdict(open=True, reason=Because.SAFETY, next_possible_ms=interval.earliest_ms)
    reason = _refusal(cause, interval, permission, holds, evidence, flags)
    if reason is None:
        return Verdict(open=True, reason=Because.PERMITTED, next_possible_ms=interval.earliest_ms)
    return Verdict(False, reason, next_possible_ms(interval.earliest_ms, permission, holds))


def judge(question: Question) -> Verdict:
    """`may_open` of a question as one value."""
    return may_open(
        question.cause,
        question.interval,
        question.permission,
        question.holds,
        question.evidence,
        question.flags,
    )


def window_at(windows_ms: Sequence[tuple[int, int]], instant_ms: int) -> tuple[int, int] | None:
    """The window that contains an instant."""
    place = begun(windows_ms, instant_ms) - 1
    return windows_ms[place] if place >= 0 and instant_ms < windows_ms[place][1] else None


def begun(windows_ms: Sequence[tuple[int, int]], instant_ms: int) -> int:
    """How many of the windows have begun by an instant."""
    return bisect_right(windows_ms, (instant_ms, _AFTER_EVERY_END))


def join_touching(windows_ms: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Windows that touch or overlap are one: an interval across their seam lies inside."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(windows_ms):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def next_possible_ms(from_ms: int, permission: Permission, holds: Sequence[HoldSpan]) -> int | None:
    """The first instant from `from_ms` on inside a window and outside every hold; None: none known.

    Leases are renewed from day to day, so their end is no bound for a forecast.
    """
    instant_ms = from_ms
    while True:
        ends = [hold.until_ms for hold in holds if hold.from_ms <= instant_ms < hold.until_ms]
        if ends:
            instant_ms = max(ends)
            continue
        if window_at(permission.windows_ms, instant_ms) is not None:
            return instant_ms
        place = begun(permission.windows_ms, instant_ms)
        if place == len(permission.windows_ms):
            return None
        instant_ms = permission.windows_ms[place][0]


def with_near_windows(question: Question) -> Question:
    """The question with only the windows that matter to its verdict: the one it is in, and the next."""
    windows_ms = question.permission.windows_ms
    place = max(begun(windows_ms, question.interval.earliest_ms) - 1, 0)
    return replace(
        question, permission=replace(question.permission, windows_ms=windows_ms[place : place + 2])
    )


def with_present_holds(then: Question, holds: tuple[HoldSpan, ...], *, cancelled: bool) -> Question:
    """The question of an opening, asked again with the holds and cancellations known now."""
    return replace(then, holds=holds, evidence=replace(then.evidence, cancelled=cancelled))


def _refusal(
    cause: SupplyReason,
    interval: Interval,
    permission: Permission,
    holds: Sequence[HoldSpan],
    evidence: Evidence,
    flags: Flags,
) -> Because | None:
    """The first rule that says no, in the order of the design; None where none does."""
    if interval.status is ClockStatus.DISPUTED:
        return Because.CLOCK_DISPUTED
    if interval.status is ClockStatus.LOST or interval.latest_ms is None:
        return Because.CLOCK_LOST
    earliest_ms, latest_ms = interval.earliest_ms, interval.latest_ms
    if flags.release_holds or any(_intersects(hold, earliest_ms, latest_ms) for hold in holds):
        return Because.HOLD
    window = window_at(permission.windows_ms, earliest_ms)
    if window is None or latest_ms >= window[1]:
        return Because.NO_WINDOW
    if permission.lease_ends_ms is None:
        return Because.NO_LEASE
    if latest_ms >= permission.lease_ends_ms:
        return Because.LEASE_ENDED
    if not permission.complete:
        return Because.REVISIONS_MISSING
    return None if _has_evidence(cause, evidence, earliest_ms, latest_ms) else Because.NO_EVIDENCE


def _intersects(hold: HoldSpan, earliest_ms: int, latest_ms: int) -> bool:
    """Whether the half-open hold and the closed interval share an instant."""
    return hold.from_ms <= latest_ms and earliest_ms < hold.until_ms


def _has_evidence(cause: SupplyReason, evidence: Evidence, earliest_ms: int, latest_ms: int) -> bool:
    if cause is SupplyReason.CREDIT:
        return evidence.nothing_left
    if cause is SupplyReason.CUT_ORDER:
        inside = evidence.order_from_ms <= earliest_ms and latest_ms < evidence.order_until_ms
        return inside and not evidence.cancelled
    return cause is SupplyReason.LIMITER and evidence.limiter_ordered
