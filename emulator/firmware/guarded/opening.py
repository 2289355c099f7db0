"""The last opening, judged again after every input but a load (design §4.2).

A meter that finds that it cut wrongly restores the supply by itself. A cut was wrong in two cases: a hold or
a cancellation that arrived late forbids at least one instant at which it may have happened; or the clock is
now disputed, and no two witnesses have confirmed it since the cut. Lost ticks, leases and new calendars
restore nothing, since they say nothing about that instant.
"""

from msgspec.structs import replace

from emulator.firmware.guarded.clock import last_agreed
from emulator.firmware.guarded.gate import judge
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.service_point import ServicePoint
from protocols.link.question import HoldSpan, Question
from protocols.reasons import Because, ClockStatus, Supply, SupplyReason


def reason_to_restore(memory: Memory, holds: tuple[HoldSpan, ...]) -> SupplyReason | None:
    """Why the last opening was wrong by what is known now; None where it stands, or there is none."""
    opening = memory.opening
    if opening is None:
        return None
    clock = memory.clock
    if clock.status is ClockStatus.DISPUTED and (opening.epoch, opening.tick) > last_agreed(clock):
        return SupplyReason.CLOCK
    cancelled = opening.object in memory.tombstones
    verdict = judge(_asked_again(opening.question, holds, cancelled=cancelled))
    if verdict.open:
        return None
    return SupplyReason.HOLD if verdict.reason is Because.HOLD else SupplyReason.CUT_ORDER


def is_undone_by_credit(memory: Memory, point: ServicePoint) -> bool:
    """Whether an empty purse led to the last opening, so that credit undoes it."""
    if memory.opening is None:
        # Images of version 0.1 forgot the opening where a trip came on top of it.
        return point.supply is Supply.OFF and point.reason is SupplyReason.CREDIT
    return memory.opening.question.cause is SupplyReason.CREDIT


def is_undone_by_limiter_off(memory: Memory) -> bool:
    """Whether a limiter order led to the last opening, so that the order which ends it undoes it."""
    return memory.opening is not None and memory.opening.question.cause is SupplyReason.LIMITER


def _asked_again(then: Question, holds: tuple[HoldSpan, ...], *, cancelled: bool) -> Question:
    """The question of an opening, asked again with the holds and cancellations known now."""
    return replace(then, holds=holds, evidence=replace(then.evidence, cancelled=cancelled))
