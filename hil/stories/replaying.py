"""Judges a verdict of the black box once more, by design §4.2 and without the firmware's own code. Pure.

A defect in the gate would come out alike if the gate itself were asked again. So each rule stands here by
itself, none before the other: a gate that was shut must name one that does not hold, an open one breaks none.
"""

from protocols.link.question import Question
from protocols.link.records import GateJudged
from protocols.reasons import Because, ClockStatus, SupplyReason


def misjudged(judged: GateJudged) -> str:
    """What is wrong with a verdict of the gate, in a few words; empty: nothing."""
    broken = broken_rules(judged.question)
    if judged.open:
        return "" if not broken else f"open, against {', '.join(sorted(broken))}"
    return "" if judged.reason in broken else f"shut for {judged.reason}, which does not stand in the way"


def broken_rules(asked: Question) -> frozenset[Because]:
    """The rules that a cut would break at any instant that it may be. Safety breaks none."""
    if asked.cause is SupplyReason.SAFETY:
        return frozenset()
    unsure = {ClockStatus.DISPUTED: Because.CLOCK_DISPUTED, ClockStatus.LOST: Because.CLOCK_LOST}
    latest_ms = asked.interval.latest_ms
    if asked.interval.status in unsure or latest_ms is None:
        return frozenset({unsure.get(asked.interval.status, Because.CLOCK_LOST)})
    found = set()
    first_ms, last_ms = asked.interval.earliest_ms, latest_ms
    if asked.flags.release_holds or any(
        not (last_ms < hold.from_ms or hold.until_ms <= first_ms) for hold in asked.holds
    ):
        found.add(Because.HOLD)
    permission = asked.permission
    if not any(each.start_ms <= first_ms and last_ms < each.end_ms for each in permission.windows_ms):
        found.add(Because.NO_WINDOW)
    if permission.lease_ends_ms is None:
        found.add(Because.NO_LEASE)
    elif permission.lease_ends_ms <= last_ms:
        found.add(Because.LEASE_ENDED)
    if not permission.complete:
        found.add(Because.REVISIONS_MISSING)
    if not _is_proved(asked, first_ms, last_ms):
        found.add(Because.NO_EVIDENCE)
    return frozenset(found)


def _is_proved(asked: Question, first_ms: int, last_ms: int) -> bool:
    """Rule 5: an empty purse, a limiter that was ordered, or an order whose span holds every instant."""
    proof = asked.evidence
    match asked.cause:
        case SupplyReason.CREDIT:
            return proof.nothing_left
        case SupplyReason.LIMITER:
            return proof.limiter_ordered
        case SupplyReason.CUT_ORDER:
            return proof.order_from_ms <= first_ms and last_ms < proof.order_until_ms and not proof.cancelled
        case _:
            return False
