"""What two people set of a meter: its payment mode and its groups, as dated versions (design §4.3).

A version comes into force when its date has surely come and the clock is trusted; from then on it stays in
force, whatever the clock does, until a later version does. A roll-back is a later version with the values of
one that the meter still holds.
"""

from typing import Final

from msgspec.structs import replace

from emulator.firmware.guarded.clock import earliest_ms
from emulator.firmware.guarded.interval import tick_lower_reaches
from emulator.firmware.guarded.memory import Memory, Parameters, ParameterSet
from emulator.firmware.guarded.sharing import shared
from emulator.firmware.ticks import NEVER, Tick
from protocols.documents.bodies import ParametersBody
from protocols.instants import UtcMs
from protocols.limits import INSTANT_MS_MIN, PARAMETER_SETS_MAX
from protocols.reasons import ClockStatus

# The version of a meter's commissioning: no order has it.
_AS_COMMISSIONED: Final = 0


def is_held(memory: Memory, body: ParametersBody, version: int) -> bool:
    """Whether the meter holds this very version."""
    found = _set_of(_held(memory), body, version)
    return found is not None and found in _held(memory).sets


def store(memory: Memory, body: ParametersBody, version: int) -> bool:
    """Store a version until its date; False where it goes back to one that the meter does not hold.

    Of more than it keeps, the lowest goes that is neither in force nor the commissioning.
    """
    held = _held(memory)
    new = _set_of(held, body, version)
    if new is None:
        return False
    sets = (*held.sets, new)
    if len(sets) > PARAMETER_SETS_MAX:
        kept = (_AS_COMMISSIONED, held.in_force, version)
        lowest = next(each for each in sets if each.version not in kept)
        sets = tuple(each for each in sets if each is not lowest)
    memory.parameters = shared(replace(held, sets=sets))
    return True


def switch(memory: Memory, tick: Tick) -> bool:
    """Put the highest version in force whose date has surely come; True if it is another than before."""
    held = memory.parameters
    if held is None or memory.clock.status is not ClockStatus.TRUSTED:
        return False
    low_ms = earliest_ms(memory.clock, tick)
    come = [each for each in held.sets if each.version > held.in_force and each.from_ms <= low_ms]
    if not come:
        return False
    memory.parameters = shared(replace(held, in_force=come[-1].version, groups=come[-1].groups))
    memory.credit.mode = come[-1].mode
    return True


def due_tick(memory: Memory) -> Tick:
    """The next tick at which `switch` has something to do; NEVER while the clock is not trusted."""
    held = memory.parameters
    if held is None or memory.clock.status is not ClockStatus.TRUSTED:
        return NEVER
    waiting = [each.from_ms for each in held.sets if each.version > held.in_force]
    if not waiting:
        return NEVER
    return tick_lower_reaches(memory.clock.earliest, UtcMs(min(waiting)), memory.clock.ppm)


def _held(memory: Memory) -> Parameters:
    if memory.parameters is not None:
        return memory.parameters
    commissioned = ParameterSet(_AS_COMMISSIONED, INSTANT_MS_MIN, memory.credit.mode, None)
    return Parameters((commissioned,), _AS_COMMISSIONED, None)


def _set_of(held: Parameters, body: ParametersBody, version: int) -> ParameterSet | None:
    """A version with its values: those of another, or its own, and what it leaves out as commissioned."""
    by_version = {each.version: each for each in held.sets}
    if body.back_to is not None:
        model = by_version.get(body.back_to)
        return None if model is None else replace(model, version=version, from_ms=body.from_ms)
    mode = by_version[_AS_COMMISSIONED].mode if body.mode is None else body.mode
    return ParameterSet(version, body.from_ms, mode, body.groups)
