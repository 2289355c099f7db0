"""Which lease each meter gets, and when (design §5, lease).

A lease keeps one calendar alive and names all protection in force for the meter: holds, flags and releases,
each with its floor and the revisions above it. A meter that lacks any of it may not cut. Meters for which all
of this is equal share documents. Renewed daily, and at once where what it must say has changed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from protocols.documents.bodies import LeaseBody, Named, ReleaseBody
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import NOTHING, Protection, in_force, named_in_lease
from protocols.documents.orders import Order, body_of, digest_of
from protocols.documents.protecting import is_remembered, join_order
from protocols.instants import DAY_MS, HOUR_MS
from protocols.limits import OBJECTS_MAX
from protocols.reasons import Refusal

RENEWAL_MS: Final = DAY_MS
# A hold stays named for two days after its end: a controller that is a day ahead must not stop too soon.
_NAMED_BEYOND_MS: Final = 2 * DAY_MS
METERS_PER_LEASE_MAX: Final = 200
# What the meters' names may take of a document of 16 KiB, half of which is base64 and signatures.
_METER_NAMES_BYTES_MAX: Final = 4 * 1024


class LeasePlan(Struct, frozen=True, kw_only=True):
    """One document to be: the calendar it keeps alive, what it names, and for whom."""

    calendar: Order
    names: tuple[Named, ...]
    meters: tuple[str, ...]


class LeaseHeld(Struct, frozen=True, kw_only=True):
    """What the latest lease for a meter says."""

    calendar: tuple[str, int, str]
    names: tuple[Named, ...]
    issued_at_ms: int


def protection_of(orders: Iterable[Order]) -> dict[str, Protection]:
    """All protection that these orders make, by object, joined as a meter joins it."""
    held: dict[str, Protection] = {}
    for order in sorted(orders, key=lambda each: each.rev):
        joined = join_order(held.get(order.object, NOTHING), order)
        # Below a floor, or lifted: it protects nobody any more.
        if not isinstance(joined, Refusal):
            held[order.object] = joined
    return held


def names_in_force(orders: Sequence[Order], now_ms: int) -> tuple[Named, ...] | Refusal:
    """What a lease must name. TOO_MANY where it cannot name all: then there can be no lease."""
    running = [order for order in orders if not is_remembered(order.object) or _runs(order, now_ms)]
    names: list[Named] = []
    for name, protection in sorted(protection_of(running).items()):
        force = in_force(protection)
        if not is_remembered(name) and (force is None or force.until_ms + _NAMED_BEYOND_MS <= now_ms):
            continue
        named = named_in_lease(name, protection)
        if isinstance(named, Refusal):
            return named
        names.append(named)
    return tuple(names) if len(names) <= OBJECTS_MAX else Refusal.TOO_MANY


def plan_leases(
    meters: Iterable[str], orders: Sequence[Order], now_ms: int
) -> tuple[list[LeasePlan], list[str]]:
    """The leases that should be in force, and the meters that cannot have one, since too much must be named.

    `orders` are the calendars in force and all that protects. A meter without a calendar needs no lease.
    """
    grouped: dict[tuple[str, tuple[Named, ...]], tuple[Order, list[str]]] = {}
    without: list[str] = []
    for mine, some in _by_orders(meters, orders):
        calendar = _calendar_of(mine)
        if calendar is None:
            continue
        names = names_in_force([order for order in mine if order.kind is not Kind.CUT_CALENDAR], now_ms)
        if isinstance(names, Refusal):
            without += some
        else:
            grouped.setdefault((calendar.id, names), (calendar, []))[1].extend(some)
    plans = [
        LeasePlan(calendar=calendar, names=names, meters=tuple(sorted(some)))
        for (_, names), (calendar, some) in grouped.items()
    ]
    return plans, sorted(without)


def due_leases(plans: Iterable[LeasePlan], held: Mapping[str, LeaseHeld], now_ms: int) -> list[LeasePlan]:
    """What must be issued now, in documents that a meter takes: renewals and changes."""
    due: list[LeasePlan] = []
    for plan in plans:
        needy = [meter for meter in plan.meters if _is_due(plan, held.get(meter), now_ms)]
        due += [LeasePlan(calendar=plan.calendar, names=plan.names, meters=some) for some in _portions(needy)]
    return due


def lease_held(order: Order) -> LeaseHeld:
    """What a lease says."""
    body = body_of(order, LeaseBody)
    calendar = (body.calendar, body.calendar_rev, body.calendar_digest)
    return LeaseHeld(calendar=calendar, names=body.names, issued_at_ms=order.issued_at_ms)


def _is_due(plan: LeasePlan, held: LeaseHeld | None, now_ms: int) -> bool:
    if held is None or held.names != plan.names or now_ms - held.issued_at_ms >= RENEWAL_MS:
        return True
    return held.calendar != (plan.calendar.object, plan.calendar.rev, digest_of(plan.calendar))


def _by_orders(
    meters: Iterable[str], orders: Sequence[Order]
) -> Iterator[tuple[tuple[Order, ...], list[str]]]:
    """Meters grouped by the orders that address them; most have the fleet's and nothing else."""
    everyones = [order for order in orders if order.scope.fleet]
    own: dict[str, list[Order]] = {}
    for order in orders:
        for meter in order.scope.meters:
            own.setdefault(meter, []).append(order)
    groups: dict[tuple[str, ...], list[str]] = {}
    for meter in meters:
        groups.setdefault(tuple(order.id for order in own.get(meter, ())), []).append(meter)
    for some in groups.values():
        yield (*everyones, *own.get(some[0], ())), some


def _calendar_of(orders: Sequence[Order]) -> Order | None:
    """The calendar to keep alive: the one issued last."""
    calendars = [order for order in orders if order.kind is Kind.CUT_CALENDAR]
    return max(calendars, key=lambda order: (order.issued_at_ms, order.rev), default=None)


def _portions(meters: Sequence[str]) -> Iterator[tuple[str, ...]]:
    portion: list[str] = []
    size = 0
    for meter in meters:
        # Each stands in JSON with two quotes and a comma.
        size += len(meter) + 3
        if portion and (len(portion) == METERS_PER_LEASE_MAX or size > _METER_NAMES_BYTES_MAX):
            yield tuple(portion)
            portion, size = [], len(meter) + 3
        portion.append(meter)
    if portion:
        yield tuple(portion)


def _runs(release: Order, now_ms: int) -> bool:
    hours_ms = body_of(release, ReleaseBody).hours * HOUR_MS
    return now_ms < release.issued_at_ms + hours_ms + _NAMED_BEYOND_MS
