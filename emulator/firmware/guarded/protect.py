"""What an accepted order does to the protection of a meter: holds, flags and releases (design §5).

Like the deeds in `obey`, each takes an admitted order and returns what it did, or a refusal that leaves
the memory as it was. An order takes the room of each key that signed it (`protocols.documents.room`); what
two people lower takes room only where nothing of one person is left above the floor.
"""

from collections.abc import Mapping

from emulator.firmware.guarded.clock import earliest_ms
from emulator.firmware.guarded.holds import forget_hours, hold_for
from emulator.firmware.guarded.intake import Admitted
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.guarded.sharing import shared, shared_table, without
from emulator.firmware.ticks import Tick
from protocols.documents.bodies import FlagBody, ReleaseBody, VoidBody
from protocols.documents.merging import NOTHING, Protection, holds_rev, in_force
from protocols.documents.orders import Order, body_of, numbering_key, presented_until_ms, short_keyid
from protocols.documents.roles import Root, SignedBy
from protocols.documents.room import is_beyond, join_in_table, without_what_is_over
from protocols.documents.voiding import as_hold, is_well_formed, take_away
from protocols.instants import HOUR_MS
from protocols.limits import OBJECTS_MAX, RELEASE_KEYS_MAX, VOIDED_KEYS_MAX
from protocols.reasons import ClockStatus, Did, Refusal


def protect(admitted: Admitted, memory: Memory, tick: Tick) -> Did | Refusal:
    """Join what one person declares. It is never refused for lack of room."""
    table = memory.protections
    for signer in admitted.signers:
        joined = _joined(memory, table, admitted.order, signer, tick)
        if isinstance(joined, Refusal):
            return joined
        table = joined
    return _keep(memory, table)


def set_flag(admitted: Admitted, memory: Memory, tick: Tick) -> Did | Refusal:
    """Join a flag, whose object is named after it."""
    if admitted.order.object != f"flag/{body_of(admitted.order, FlagBody).name}":
        return Refusal.MALFORMED
    return protect(admitted, memory, tick)


def release(admitted: Admitted, memory: Memory, tick: Tick) -> Did | Refusal:
    """Remember a release, and hold for its hours of ticks.

    EXPIRED for one that a clerk has dated and that is surely over; it uses up no number. A clock that is not
    trusted is sure of nothing, so no wrong date by itself stands between a household and its supply.
    """
    order, before = admitted.order, memory.protections
    numbered = numbering_key(order)
    if numbered is None and holds_rev(memory.protections.get(order.object, NOTHING), order.rev):
        return Did.REPEATED
    kept = protect(admitted, memory, tick)
    if isinstance(kept, Refusal) or (numbered is not None and kept is Did.REPEATED):
        return kept
    ends_ms = presented_until_ms(order)
    is_sure = memory.clock.status is ClockStatus.TRUSTED
    if ends_ms is not None and is_sure and earliest_ms(memory.clock, tick) >= ends_ms:
        memory.protections = before
        return Refusal.EXPIRED
    if numbered is not None:
        _forget_keys(memory, admitted.root)
    hours_ms = body_of(order, ReleaseBody).hours * HOUR_MS
    keyids = [numbered] if numbered is not None else [signer.keyid for signer in admitted.signers]
    for keyid in keyids:
        hold_for(memory, hours_ms, tick, short_keyid(keyid))
    return Did.RELEASED


def void(admitted: Admitted, memory: Memory, tick: Tick) -> Did | Refusal:
    """Take away what one key has protected, remember the key, and declare again what the void keeps.

    TOO_MANY where as many keys are voided as a root has, and this root lists all of them.
    """
    order, body = admitted.order, body_of(admitted.order, VoidBody)
    keeper = next((signer for signer in admitted.signers if signer.keyid == body.keeper), None)
    if not is_well_formed(order, body, [signer.keyid for signer in admitted.signers]):
        return Refusal.MALFORMED
    voided = _voided_with(memory.voided, short_keyid(body.key), admitted.root)
    if isinstance(voided, Refusal):
        return voided
    before = memory.voided, memory.release_ends_at, memory.release_date
    table = take_away(memory.protections, body.key, body.holder)
    for kept in body.keeps if keeper is not None else ():
        joined = _joined(memory, table, as_hold(order, kept), keeper, tick)
        # Refused is only what two people have lifted since: it stays lifted.
        table = table if isinstance(joined, Refusal) else joined
    kept_table = _keep(memory, table)
    memory.voided = voided
    forget_hours(memory, short_keyid(body.key))
    after = memory.voided, memory.release_ends_at, memory.release_date
    return Did.STORED if before != after else kept_table


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


def _joined(
    memory: Memory, table: Mapping[str, Protection], order: Order, signer: SignedBy | None, tick: Tick
) -> Mapping[str, Protection] | Refusal:
    """The table after an order of this signer, whose holds that are over make room where it needs some."""
    holder, key = ("", "") if signer is None else (signer.holder, short_keyid(signer.keyid))
    if memory.clock.status is ClockStatus.TRUSTED and is_beyond(table, order, holder, key):
        table = without_what_is_over(table, holder, earliest_ms(memory.clock, tick), key)
    return join_in_table(table, order, holder, key)


def _voided_with(voided: tuple[str, ...], key: str, root: Root) -> tuple[str, ...] | Refusal:
    """The voided keys with one more. Of too many, one goes that the root does not list: it counts no more."""
    together = tuple(sorted({*voided, key}))
    if len(together) <= VOIDED_KEYS_MAX:
        return together
    listed = {short_keyid(keyid) for keyid in root.keys}
    gone = next((each for each in together if each not in listed and each != key), None)
    return Refusal.TOO_MANY if gone is None else tuple(each for each in together if each != gone)


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
