"""What has become of a planned cut at one meter. Pure.

A meter's report makes every delivery *effective*. For a cut this says that the meter will obey, hours or days
before anything happens: so a cut is read as *planned* until the meter has told of it, or until it can come no
more. The delivery's own state stays what `orders.life` says.
"""

from enum import StrEnum, unique

from controller.orders.life import HELD_DELIVERIES, DeliveryState
from protocols.link.question import Evidence
from protocols.link.records import GateJudged, Record
from protocols.reasons import SupplyReason
from protocols.spans import Span


@unique
class CutReading(StrEnum):
    """How the delivery of a cut order is read.

    `planned`: the meter will obey; `cut`: it has told that it did; `over`: the interval has ended, and it has
    told of no cut; `superseded`: it holds a later order in place of this one, or its cancellation.
    """

    PLANNED = "planned"
    CUT = "cut"
    OVER = "over"
    SUPERSEDED = "superseded"


def carried_out(record: Record, interval: Span) -> bool:
    """Whether a meter opened by the cut order of this interval: its verdict holds the order's interval."""
    if not isinstance(record, GateJudged) or not record.open:
        return False
    question = record.question
    ordered = Evidence(order_from_ms=interval.from_ms, order_until_ms=interval.until_ms)
    return question.cause is SupplyReason.CUT_ORDER and question.evidence == ordered


def reading_of(
    state: DeliveryState, interval: Span, now_ms: int, *, has_cut: bool, is_replaced: bool
) -> CutReading | None:
    """How the delivery of a cut order is read; None: by its state, since the meter does not have the order.

    `has_cut`: the meter has told that it opened by this order; `is_replaced`: it holds a later revision, or
    the cancellation.
    """
    if has_cut:
        return CutReading.CUT
    if state not in HELD_DELIVERIES:
        return None
    if is_replaced:
        return CutReading.SUPERSEDED
    if now_ms >= interval.until_ms:
        return CutReading.OVER
    return CutReading.PLANNED if state is DeliveryState.EFFECTIVE else None
