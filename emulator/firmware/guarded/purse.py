"""What happens to the credit as time passes: it runs low, it runs out, emergency credit starts."""

from typing import Final

from emulator.firmware.credit import (
    Emergency,
    can_start_emergency,
    close_used_up_emergency,
    empty_tick,
    falls_to_tick,
    has_nothing_left,
)
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.profile import EmergencyStart
from emulator.firmware.service_point import ServicePoint
from emulator.firmware.ticks import NEVER, Tick
from protocols.reasons import CreditCause, PaymentMode

_IN_USE: Final = Emergency.IN_USE
_ON_CREDIT: Final = PaymentMode.CREDIT


def is_empty(point: ServicePoint) -> bool:
    """Whether balance and emergency credit in use are both used up."""
    return has_nothing_left(point.credit)


def step(point: ServicePoint, memory: Memory, at_tick: Tick) -> None:
    """Close emergency credit that is used up, start it where the profile says so, warn of low credit."""
    credit = point.credit
    if close_used_up_emergency(credit):
        point.journal_credit(CreditCause.EMERGENCY_USED_UP, at_tick)
    if _starts_by_itself(point):
        point.begin_emergency(at_tick)
    low = _is_low(point)
    if low and not memory.low_credit_told:
        point.journal_credit(CreditCause.LOW, at_tick)
        point.recorder.show(at_tick, "low credit")
    memory.low_credit_told = low


def due_tick(point: ServicePoint, memory: Memory) -> int:
    """The next tick at which `step` would change something."""
    credit = point.credit
    low_q = point.profile.low_credit_q
    # `_is_low` without its call: this is asked after every input.
    low = credit.balance_q <= low_q and credit.mode is not _ON_CREDIT
    if memory.low_credit_told != low or _starts_by_itself(point):
        return credit.settled_at
    if credit.emergency is _IN_USE:
        return empty_tick(credit)
    if credit.mode is _ON_CREDIT:
        return NEVER
    if credit.balance_q > 0:
        return falls_to_tick(credit, 0 if memory.low_credit_told or low_q < 0 else low_q)
    return NEVER if memory.low_credit_told else falls_to_tick(credit, low_q)


def _is_low(point: ServicePoint) -> bool:
    """Whether the household is told that its credit runs low; on credit there is none to run low."""
    credit = point.credit
    return credit.balance_q <= point.profile.low_credit_q and credit.mode is not _ON_CREDIT


def _starts_by_itself(point: ServicePoint) -> bool:
    if point.credit.balance_q > 0 or not can_start_emergency(point.credit):
        return False
    return point.profile.emergency_start is EmergencyStart.AUTOMATIC
