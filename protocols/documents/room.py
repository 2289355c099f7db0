"""How much room one key's protection takes at a meter, and what follows beyond it (design §5, Room).

Each key has a quota of holds (`KindRule.quota`): the holds whose names come first in the order of their
characters. What it declares under any other name joins one object, the *catch-all* of the person who holds
the key: from the earliest begin to the latest end of all that went into it. So memory is bounded, nothing
that protects is refused, and which document came first does not matter. A lease names a catch-all by its
interval, and two people lift it with one document, as they lift any hold.

What one key has declared stays apart from what any other has, of the same person too: it can be taken away
whole (`voiding`), and what is left is what would stand had that key never signed.

The meter and the service that writes its leases do this alike, so both do it here. The empty name stands for
what an older firmware stored: it has no quota. An empty key stands for whichever key of the person. Pure.
"""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct

from protocols.documents.bodies import HoldBody
from protocols.documents.kind_rule import Joins, Kind
from protocols.documents.kinds import KINDS
from protocols.documents.merging import CATCH_ALL, NOTHING, Protection, gather, is_of, take_out
from protocols.documents.orders import Order, body_of, numbering_key
from protocols.documents.protecting import join_order
from protocols.limits import RELEASES_PER_KEY_MAX
from protocols.reasons import Refusal
from protocols.spans import Span

Table = Mapping[str, Protection]

_HOLD: Final = f"{KINDS[Kind.HOLD].prefix}/"
_RELEASE: Final = f"{KINDS[Kind.RELEASE].prefix}/"


class _Room(Struct, frozen=True):
    """The objects of which one key has so many at most; `gathered`: what is beyond joins a catch-all."""

    prefix: str
    objects_max: int
    gathered: bool


def catch_all_of(holder: str) -> str:
    """The object that gathers what this person declares beyond their quota."""
    return f"{CATCH_ALL}{holder}"


def join_in_table(table: Table, order: Order, holder: str, key: str = "") -> Table | Refusal:
    """The protection of all objects after this order of one of them; the same table if nothing changes.

    `holder` and `key`: whose quota it counts against. The kind is one of `protecting.PROTECTING` or `FLOORS`.
    """
    name, room = order.object, _room_of(order)
    if room is not None and name.startswith(CATCH_ALL):
        # Nobody declares a catch-all: a hold of such a name is beyond the quota of whoever signed it.
        return _gathered(table, _span_of(order), holder, key)
    held = table.get(name, NOTHING)
    joined = join_order(held, order, holder, key)
    if isinstance(joined, Refusal):
        return joined
    if joined == held:
        return table
    if room is None or not holder:
        return {**table, name: joined}
    names = _names_with(name, table, room, holder, key)
    if len(names) <= room.objects_max:
        return {**table, name: joined}
    last = max(names)
    if last == name:
        return _gathered(table, _span_of(order), holder, key) if room.gathered else table
    left, span = take_out(table[last], holder, key)
    table = {each: value for each, value in {**table, last: left, name: joined}.items() if value != NOTHING}
    return _gathered(table, span, holder, key) if room.gathered else table


def is_beyond(table: Table, order: Order, holder: str, key: str = "") -> bool:
    """Whether this key has as many objects as the quota allows, and this order is about one more."""
    room = _room_of(order)
    if room is None or not holder:
        return False
    return len(_names_with(order.object, table, room, holder, key)) > room.objects_max


def without_what_is_over(table: Table, holder: str, now_ms: int, key: str = "") -> Table:
    """Without the key's holds that ended at or before `now_ms`: they make room, and protect nobody."""
    over = [name for name, each in table.items() if _has_of(each, holder, key) and _is_over(each, now_ms)]
    return {name: each for name, each in table.items() if name not in over} if over else table


def _room_of(order: Order) -> _Room | None:
    """The room that this order takes; None for what is bounded otherwise, and for what two people lower."""
    rule = KINDS[order.kind]
    if rule.joins is Joins.INTERVAL and rule.quota is not None:
        return _Room(_HOLD, rule.quota, gathered=True)
    if rule.joins is Joins.REMEMBERED and numbering_key(order) is None:
        return _Room(_RELEASE, RELEASES_PER_KEY_MAX, gathered=False)
    return None


def _names_with(name: str, table: Table, room: _Room, holder: str, key: str) -> Collection[str]:
    """The name, and the objects in which this key has a revision above the floor, without the catch-alls.

    The name alone where the table is so short that nobody can be beyond a quota, as at most meters.
    """
    if len(table) < room.objects_max:
        return (name,)
    return {
        each
        for each, protection in table.items()
        if each.startswith(room.prefix)
        and not each.startswith(CATCH_ALL)
        and _has_of(protection, holder, key)
    } | {name}


def _has_of(protection: Protection, holder: str, key: str) -> bool:
    # A loop, since every order walks through all objects, and `any` makes a generator for each.
    for each in protection.above:  # noqa: SIM110
        if is_of(each, holder, key):
            return True
    return False


def _is_over(protection: Protection, now_ms: int) -> bool:
    """Whether what is in force ended at or before `now_ms`; what never was in force is not over."""
    held = protection.above if protection.floor is None else (protection.floor, *protection.above)
    ends_ms = [each.until_ms for each in held if each.from_ms < each.until_ms]
    return bool(ends_ms) and max(ends_ms) <= now_ms


def _span_of(order: Order) -> Span | None:
    body = body_of(order, HoldBody)
    return Span(body.from_ms, body.until_ms)


def _gathered(table: Table, span: Span | None, holder: str, key: str) -> Table:
    name = catch_all_of(holder)
    held = table.get(name, NOTHING)
    joined = held if span is None else gather(held, span, holder, key)
    return table if joined == held else {**table, name: joined}
