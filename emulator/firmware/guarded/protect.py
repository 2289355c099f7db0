"""What an accepted order does to the protection of a meter: holds, flags and releases (design §5).

Like the deeds in `obey`, each takes an admitted order and returns what it did, or a refusal that leaves
the memory as it was. One person's orders take that person's room (`protocols.documents.room`); what two
people lower takes room only where nothing of one person is left above the floor.
"""

from collections.abc import Mapping

from emulator.firmware.guarded.clock import earliest_ms
from emulator.firmware.guarded.holds import hold_for
from emulator.firmware.guarded.intake import Admitted
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.guarded.sharing import shared, shared_table, without
from emulator.firmware.ticks import Tick
from protocols.documents.bodies import FlagBody, ReleaseBody
from protocols.documents.merging import NOTHING, Protection, holds_rev, in_force
from protocols.documents.orders import body_of, numbering_key
from protocols.documents.roles import Root
from protocols.documents.room import is_beyond, join_in_table, without_what_is_over
from protocols.instants import HOUR_MS
from protocols.limits import OBJECTS_MAX, RELEASE_KEYS_MAX
from protocols.reasons import ClockStatus, Did, Refusal


def protect(admitted: Admitted, memory: Memory, tick: Tick) -> Did | Refusal:
    """Join what one person declares. It is never refused for lack of room."""
    table = memory.protections
    if memory.clock.status is ClockStatus.TRUSTED and is_beyond(table, admitted.order, admitted.holder):
        table = without_what_is_over(table, admitted.holder, earliest_ms(memory.clock, tick))
    return _keep(memory, join_in_table(table, admitted.order, admitted.holder))


def set_flag(admitted: Admitted, memory: Memory, tick: Tick) -> Did | Refusal:
    """Join a flag, whose object is named after it."""
    if admitted.order.object != f"flag/{body_of(admitted.order, FlagBody).name}":
        return Refusal.MALFORMED
    return protect(admitted, memory, tick)


def release(admitted: Admitted, memory: Memory, tick: Tick) -> Did | Refusal:
    """Remember a release, and hold for its hours of ticks."""
    order = admitted.order
    numbered = numbering_key(order) is not None
    if not numbered and holds_rev(memory.protections.get(order.object, NOTHING), order.rev):
        return Did.REPEATED
    kept = protect(admitted, memory, tick)
    if isinstance(kept, Refusal) or (numbered and kept is Did.REPEATED):
        return kept
    if numbered:
        _forget_keys(memory, admitted.root)
    hold_for(memory, body_of(order, ReleaseBody).hours * HOUR_MS, tick)
    return Did.RELEASED


def lower(admitted: Admitted, memory: Memory, tick: Tick) -> Did | Refusal:
    """Put a floor under an object. Of more floors than there is room for, the first one goes that is over.

    TOO_MANY where all of them are still in force: then nobody loses protection that two people left.
    """
    before = memory.protections
    kept = _keep(memory, join_in_table(before, admitted.order, ""))
    floors = [name for name, each in memory.protections.items() if _is_floor_alone(each)]
    if kept is not Did.STORED or len(floors) <= OBJECTS_MAX:
        return kept
    low_ms = earliest_ms(memory.clock, tick)
    others = [name for name in floors if name != admitted.order.object]
    idle = [name for name in others if _is_idle(memory.protections[name], low_ms)]
    memory.protections = shared_table(without(memory.protections, idle[0])) if idle else before
    return kept if idle else Refusal.TOO_MANY


def _keep(memory: Memory, joined: Mapping[str, Protection] | Refusal) -> Did | Refusal:
    if isinstance(joined, Refusal):
        return joined
    if joined == memory.protections:
        return Did.REPEATED
    before = memory.protections
    memory.protections = shared_table(
        {name: each if before.get(name) is each else shared(each) for name, each in joined.items()}
    )
    return Did.STORED


def _forget_keys(memory: Memory, root: Root) -> None:
    """Of more keys than a meter keeps the numbers of, the first that the root does not list goes."""
    numbered = [name for name in memory.protections if _is_numbered(name)]
    gone = [name for name in numbered if name.partition("/")[2] not in root.keys]
    if len(numbered) > RELEASE_KEYS_MAX:
        memory.protections = shared_table(without(memory.protections, *gone[:1]))


def _is_numbered(name: str) -> bool:
    return name.startswith("release/") and len(name) == len("release/") + 64


def _is_floor_alone(protection: Protection) -> bool:
    return protection.floor is not None and not protection.above


def _is_idle(protection: Protection, low_ms: int) -> bool:
    force = in_force(protection)
    return force is None or force.until_ms <= low_ms
