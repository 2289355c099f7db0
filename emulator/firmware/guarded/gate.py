"""The gate: one pure function in front of the contactor, and the only way to it (design §4.2).

Duty: given a cause and everything known, say whether the supply may be opened *at every instant*
that the clock holds possible. It opens only with positive evidence; in doubt the supply stays on.
The rules stand in their order in `_refusal`; the meter adds only the warning and the spread
(rule 6), which delay an opening and never permit one.

A `Question` is plain data (`protocols.link.question`): the black box holds it, a replay asks it again.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from protocols.link.question import Evidence, HoldSpan, Permission, Question
from protocols.reasons import Because, ClockStatus, SupplyReason
from protocols.spans import Window

# No window ends so late: a window that begins at an instant counts as begun by it.
_AFTER_EVERY_END: Final = 2**63


class Verdict(Struct, frozen=True, gc=False):
    """Whether the gate is open, and the first of its rules that decided."""

    open: bool
    reason: Because


def judge(asked: Question) -> Verdict:
    """Whether the cause may open the supply now. Total: an unknown cause has no evidence.

    Safety is never refused (design §4.2, rule 1). This firmware does not even ask: `ServicePoint` switches.
    """
    if asked.cause is SupplyReason.SAFETY:
        return Verdict(True, Because.SAFETY)
    refusal = _refusal(asked)
    return Verdict(True, Because.PERMITTED) if refusal is None else Verdict(False, refusal)


def window_at(windows: Sequence[Window], instant_ms: int) -> Window | None:
    """The window that contains an instant."""
    index = begun(windows, instant_ms) - 1
    return windows[index] if index >= 0 and instant_ms < windows[index].end_ms else None


def begun(windows: Sequence[Window], instant_ms: int) -> int:
    """How many of the windows have begun by an instant."""
    return bisect_right(windows, (instant_ms, _AFTER_EVERY_END))


def next_possible_ms(from_ms: int, permission: Permission, holds: Sequence[HoldSpan]) -> int | None:
    """The first instant from `from_ms` on inside a window and outside every hold; None: none known.

    It knows no clock, no release and no lease: `forecast` does.
    """
    instant_ms = from_ms
    while True:
        ends = [hold.until_ms for hold in holds if hold.from_ms <= instant_ms < hold.until_ms]
        if ends:
            instant_ms = max(ends)
            continue
        if window_at(permission.windows_ms, instant_ms) is not None:
            return instant_ms
        index = begun(permission.windows_ms, instant_ms)
        if index == len(permission.windows_ms):
            return None
        instant_ms = permission.windows_ms[index].start_ms


def with_near_windows(question: Question) -> Question:
    """The question with only the windows that matter to its verdict: the one it is in, and the next."""
    windows_ms = question.permission.windows_ms
    index = max(begun(windows_ms, question.interval.earliest_ms) - 1, 0)
    return replace(
        question, permission=replace(question.permission, windows_ms=windows_ms[index : index + 2])
    )


def _refusal(asked: Question) -> Because | None:
    """The first rule that says no, in the order of the design; None where none does."""
    interval, permission = asked.interval, asked.permission
    if interval.status is ClockStatus.DISPUTED:
        return Because.CLOCK_DISPUTED
    if interval.status is ClockStatus.LOST or interval.latest_ms is None:
        return Because.CLOCK_LOST
    earliest_ms, latest_ms = interval.earliest_ms, interval.latest_ms
    if asked.flags.release_holds or any(_intersects(hold, earliest_ms, latest_ms) for hold in asked.holds):
        return Because.HOLD
    window = window_at(permission.windows_ms, earliest_ms)
    if window is None or latest_ms >= window.end_ms:
        return Because.NO_WINDOW
    if permission.lease_ends_ms is None:
        return Because.NO_LEASE
    if latest_ms >= permission.lease_ends_ms:
        return Because.LEASE_ENDED
    if not permission.complete:
        return Because.REVISIONS_MISSING
    return None if _has_evidence(asked.cause, asked.evidence, earliest_ms, latest_ms) else Because.NO_EVIDENCE


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
