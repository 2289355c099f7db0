"""What an accepted order does to the memory: one function per kind (design §5).

Each takes an admitted order and returns what it did or a refusal that
leaves the memory as it was. Supply is not touched here: the meter looks at the outcome.
"""

from collections.abc import Callable
from typing import Final

from emulator.firmware.guarded import debts, own_keys, parameters, registers
from emulator.firmware.guarded.clock import begin_epoch, earliest_ms, latest_ms
from emulator.firmware.guarded.holds import survive_lost_ticks
from emulator.firmware.guarded.intake import Admitted
from emulator.firmware.guarded.memory import Calendar, CutOrder, CutSeen, HarmRevs, Lease, Memory
from emulator.firmware.guarded.paying import begin_allowances, pay
from emulator.firmware.guarded.protect import lower, protect, release, set_flag, void
from emulator.firmware.guarded.sharing import shared, shared_packed, shared_table, without
from emulator.firmware.ticks import Tick
from protocols.documents.bodies import (
    CancelCutBody,
    CutCalendarBody,
    DebtBody,
    DeferralBody,
    KeysBody,
    LeaseBody,
    LimiterBody,
    ParametersBody,
    RebaseBody,
    RefundBody,
    TariffBody,
)
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order, body_of, digest_of
from protocols.limits import (
    CUT_ORDERS_MAX,
    REVISIONS_MAX,
    TOMBSTONES_MAX,
)
from protocols.reasons import Did, Refusal
from protocols.spans import merge_windows
from protocols.units import QUANTA_PER_UEUR

# Calendars under different names that one meter stores; a lease keeps one of them alive.
_CALENDARS_MAX: Final = 4
_NEVER_SEEN: Final = CutSeen(0, 0)


def obey(admitted: Admitted, memory: Memory, tick: Tick) -> Did | Refusal:
    """Carry an admitted order out in the memory."""
    of_people = _OF_PEOPLE.get(admitted.order.kind)
    if of_people is not None:
        return of_people(admitted, memory, tick)
    return _DEEDS[admitted.order.kind](admitted.order, memory, tick)


def _emergency(order: Order, memory: Memory, _tick: Tick) -> Did | Refusal:
    if order.rev in memory.emergency_revs:
        return Did.REPEATED
    memory.emergency_revs = (*memory.emergency_revs, order.rev)[-REVISIONS_MAX:]
    return Did.EMERGENCY


def _cancel_cut(order: Order, memory: Memory, tick: Tick) -> Did | Refusal:
    """Leave a tombstone, so that the cancel wins whichever comes first.

    Where the oldest tombstone must make room, every cut order issued before it counts as cancelled, but none
    issued after the meter stored it: a date in the document reaches no further than the meter's `latest`.
    """
    name = body_of(order, CancelCutBody).cut
    memory.cut_orders = without(memory.cut_orders, name)
    if name in memory.tombstones:
        return Did.REPEATED
    memory.tombstones = {**memory.tombstones, name: _at_most_latest(order.issued_at_ms, memory, tick)}
    if len(memory.tombstones) > TOMBSTONES_MAX:
        oldest = min(memory.tombstones, key=lambda key: (memory.tombstones[key], key))
        horizon_ms = _at_most_latest(memory.tombstones[oldest], memory, tick)
        memory.cuts_cancelled_until_ms = max(memory.cuts_cancelled_until_ms, horizon_ms)
        memory.tombstones = without(memory.tombstones, oldest)
    return Did.STORED


def _cut_order(order: Order, memory: Memory, tick: Tick) -> Did | Refusal:
    memory.cuts_cancelled_until_ms = _at_most_latest(memory.cuts_cancelled_until_ms, memory, tick)
    if order.object in memory.tombstones or order.issued_at_ms <= memory.cuts_cancelled_until_ms:
        return Refusal.CANCELLED
    _forget_past_cut_orders(memory, tick)
    seen = memory.cuts_seen.get(order.object, _NEVER_SEEN)
    if order.rev <= seen.rev:
        return _again(same=_is_cut_held(order, seen, memory))
    if seen is _NEVER_SEEN and len(memory.cuts_seen) >= CUT_ORDERS_MAX:
        return Refusal.TOO_MANY
    memory.cuts_seen = {**memory.cuts_seen, order.object: CutSeen(order.rev, order.not_after_ms)}
    stored = CutOrder(order.rev, order.not_before_ms, order.not_after_ms)
    memory.cut_orders = {**memory.cut_orders, order.object: stored}
    # A warning is about the cut of one revision: this one is another cut, and gets a warning of its own.
    memory.warned = without(memory.warned, order.object)
    return Did.STORED


def _cut_calendar(order: Order, memory: Memory, _tick: Tick) -> Did | Refusal:
    held = memory.calendars.get(order.object)
    if _is_seen(order, memory):
        same = held is not None and (held.rev, held.digest) == (order.rev, digest_of(order))
        return _again(same=same)
    if order.object not in memory.calendars and len(memory.calendars) >= _CALENDARS_MAX:
        return Refusal.TOO_MANY
    _mark_harm_seen(order, memory)
    windows_ms = merge_windows(body_of(order, CutCalendarBody).windows)
    calendar = shared(Calendar(order.rev, digest_of(order), windows_ms))
    memory.calendars = shared_table({**memory.calendars, order.object: calendar})
    return Did.STORED


def _lease(order: Order, memory: Memory, _tick: Tick) -> Did | Refusal:
    body = body_of(order, LeaseBody)
    lease = Lease(
        order.rev, body.calendar, body.calendar_rev, body.calendar_digest, order.not_after_ms, body.names
    )
    if memory.lease is not None and order.rev <= memory.lease.rev:
        return _again(same=lease == memory.lease)
    memory.lease = shared(lease)
    return Did.STORED


def _limiter(order: Order, memory: Memory, _tick: Tick) -> Did | Refusal:
    engaged = body_of(order, LimiterBody).engaged
    if _is_seen(order, memory):
        return _again(same=_is_latest(order, memory) and engaged == memory.limiter_ordered)
    _mark_harm_seen(order, memory)
    memory.limiter_ordered = engaged
    return Did.STORED


def _tariff(order: Order, memory: Memory, _tick: Tick) -> Did | Refusal:
    tariff = body_of(order, TariffBody)
    if _is_seen(order, memory):
        return _again(same=_is_latest(order, memory) and registers.is_in_force(memory, tariff))
    if not registers.has_room(memory, tariff):
        return Refusal.TOO_MANY
    _mark_harm_seen(order, memory)
    return Did.TARIFF


def _deferral(order: Order, memory: Memory, tick: Tick) -> Did | Refusal:
    body = body_of(order, DeferralBody)
    if _is_seen(order, memory):
        held = memory.deferrals.get(order.object)
        same = held is not None and (held.from_ms, held.until_ms) == (body.from_ms, body.until_ms)
        return _again(same=_is_latest(order, memory) and same)
    if not registers.defer(memory, order.object, body, tick):
        return Refusal.TOO_MANY
    _mark_harm_seen(order, memory)
    return Did.STORED


def _debt(order: Order, memory: Memory, tick: Tick) -> Did | Refusal:
    body = body_of(order, DebtBody)
    if _is_seen(order, memory):
        return _again(same=_is_latest(order, memory) and debts.is_in_force(memory, body))
    if not debts.has_room(memory.credit, body):
        return Refusal.OUT_OF_RANGE
    _mark_harm_seen(order, memory)
    debts.begin(memory, body, tick)
    return Did.STORED


def _refund(order: Order, memory: Memory, _tick: Tick) -> Did | Refusal:
    total_ueur = body_of(order, RefundBody).total_ueur
    if _is_seen(order, memory):
        same = total_ueur * QUANTA_PER_UEUR == memory.credit.refunded_q
        return _again(same=_is_latest(order, memory) and same)
    if not debts.can_refund(memory.credit, total_ueur):
        return Refusal.OUT_OF_RANGE
    _mark_harm_seen(order, memory)
    debts.refund(memory.credit, total_ueur)
    return Did.STORED


def _parameters(order: Order, memory: Memory, _tick: Tick) -> Did | Refusal:
    body = body_of(order, ParametersBody)
    if _is_seen(order, memory):
        return _again(same=_is_latest(order, memory) and parameters.is_held(memory, body, order.rev))
    if not parameters.store(memory, body, order.rev):
        return Refusal.OUT_OF_RANGE
    _mark_harm_seen(order, memory)
    return Did.STORED


def _keys(order: Order, memory: Memory, _tick: Tick) -> Did | Refusal:
    body = body_of(order, KeysBody)
    if _is_seen(order, memory):
        return _again(same=_is_latest(order, memory) and not own_keys.is_too_old(memory, body))
    if own_keys.is_too_old(memory, body):
        return Refusal.STALE_REV
    _mark_harm_seen(order, memory)
    return Did.KEYS


def _rebase(order: Order, memory: Memory, tick: Tick) -> Did | Refusal:
    """Names the nonce of the dispute and carries no time: it only begins a new epoch."""
    nonce = body_of(order, RebaseBody).nonce
    if not memory.clock.nonce or nonce != memory.clock.nonce:
        return Refusal.UNKNOWN_NONCE
    survive_lost_ticks(memory, tick)
    begin_allowances(memory, tick)
    begin_epoch(memory.clock, tick)
    return Did.STORED


def _at_most_latest(instant_ms: int, memory: Memory, tick: Tick) -> int:
    """Not later than the clock's `latest`; while that is unbounded, as it is, and bounded when it is used."""
    high_ms = latest_ms(memory.clock, tick)
    return instant_ms if high_ms is None else min(instant_ms, high_ms)


def _again(*, same: bool) -> Did | Refusal:
    """A number that is not new: the same document is a repetition, another one is refused.

    A restored store gives a number twice, for another document: it must learn that this one was not obeyed.
    """
    return Did.REPEATED if same else Refusal.STALE_REV


def _is_seen(order: Order, memory: Memory) -> bool:
    """Harm is taken in rising revs only."""
    return order.rev <= memory.harm_revs.get(order.object, 0)


def _is_latest(order: Order, memory: Memory) -> bool:
    return order.rev == memory.harm_revs.get(order.object, 0)


def _is_cut_held(order: Order, seen: CutSeen, memory: Memory) -> bool:
    """Whether this is the cut that the meter holds, or has carried out: then only its end is kept."""
    held = memory.cut_orders.get(order.object)
    from_ms = order.not_before_ms if held is None else held.from_ms
    return (order.rev, order.not_before_ms, order.not_after_ms) == (seen.rev, from_ms, seen.until_ms)


def _mark_harm_seen(order: Order, memory: Memory) -> None:
    memory.harm_revs = shared_packed(HarmRevs, {**memory.harm_revs, order.object: order.rev})


def _forget_past_cut_orders(memory: Memory, tick: Tick) -> None:
    """What has surely ended needs no memory: its document is refused by its date."""
    low_ms = earliest_ms(memory.clock, tick)
    past = [name for name, seen in memory.cuts_seen.items() if seen.until_ms <= low_ms]
    memory.cuts_seen = without(memory.cuts_seen, *past)
    memory.cut_orders = without(memory.cut_orders, *past)


_DEEDS: Final[dict[Kind, Callable[[Order, Memory, Tick], Did | Refusal]]] = {
    Kind.EMERGENCY_CREDIT: _emergency,
    Kind.CANCEL_CUT: _cancel_cut,
    Kind.CUT_CALENDAR: _cut_calendar,
    Kind.CUT_ORDER: _cut_order,
    Kind.LIMITER: _limiter,
    Kind.TARIFF: _tariff,
    Kind.DEFERRAL: _deferral,
    Kind.DEBT: _debt,
    Kind.REFUND: _refund,
    Kind.PARAMETERS: _parameters,
    Kind.KEYS: _keys,
    Kind.REBASE: _rebase,
    Kind.LEASE: _lease,
}
# Those that take the room of whoever signed them, and those that lower it.
_OF_PEOPLE: Final[dict[Kind, Callable[[Admitted, Memory, Tick], Did | Refusal]]] = {
    Kind.HOLD: protect,
    Kind.RELEASE: release,
    Kind.PAYMENT: pay,
    Kind.SET_FLAG: set_flag,
    Kind.SHORTEN_HOLD: lower,
    Kind.LIFT_HOLD: lower,
    Kind.CLEAR_FLAG: lower,
    Kind.VOID: void,
}
assert {*_DEEDS, *_OF_PEOPLE} == KINDS.keys(), "every kind has one deed"
assert not _DEEDS.keys() & _OF_PEOPLE.keys(), "no kind has two deeds"
