"""Which meters a plan will not cut, and what has become of a planned cut at one meter. Pure.

A plan is compared with the orders in force before it is signed: it is not wrong to plan a cut that a
moratorium forbids, but whoever signs must not believe that it will happen.

A meter's report makes every delivery *effective*. For a cut this says that the meter will obey, hours or days
before anything happens: so a cut is read as *planned* until the meter has told of it, or until it can come no
more. The delivery's own state stays what `orders.life` says.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum, unique

from msgspec.structs import replace

from controller.orders.life import HELD_DELIVERIES, DeliveryState
from controller.orders.standing import Standing, hindrances_of
from protocols.cutting.hindrances import Hindrance, NotCut, Obstacle
from protocols.instants import MINUTE_MS
from protocols.link.question import Evidence
from protocols.link.records import GateJudged, Record
from protocols.reasons import SupplyReason
from protocols.spans import Span, Window


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


def not_cut(
    standings: Mapping[str, Standing], interval: Span, windows: Sequence[Window] | None = None
) -> tuple[NotCut, ...]:
    """The meters that will not be cut inside `interval`, by reason, those with the most meters first.

    `windows`: those of a calendar that is to be set; None: each meter's calendar in force, and its lease. A
    meter with several reasons is counted under each.
    """
    found: dict[Hindrance, list[str]] = {}
    for meter, standing in standings.items():
        mine = hindrances_of(standing, interval, standing.windows if windows is None else windows)
        if not mine and windows is None and not standing.leased:
            mine = (Hindrance(why=Obstacle.NO_LEASE),)
        if not mine and standing.is_protected:
            mine = (Hindrance(why=Obstacle.PROTECTED, object="flag/protected"),)
        for hindrance in mine:
            found.setdefault(_for_all(hindrance), []).append(meter)
    groups = [NotCut(hindrance=why, meters=tuple(sorted(meters))) for why, meters in found.items()]
    return tuple(sorted(groups, key=lambda each: (-len(each.meters), each.hindrance.why, each.meters)))


def _for_all(hindrance: Hindrance) -> Hindrance:
    """The same for each meter: each counts the hours of a release from when it stored it, to the second."""
    if hindrance.why is not Obstacle.RELEASE or hindrance.until_ms is None:
        return hindrance
    minutes = -(-hindrance.until_ms // MINUTE_MS)
    return replace(hindrance, object="", until_ms=minutes * MINUTE_MS)
