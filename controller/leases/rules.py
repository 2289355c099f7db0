"""Which lease each meter gets, and when (design §5, lease).

A lease lets a meter obey one calendar. It names all protection in force for the meter: holds, flags and
releases, each with its floor and the revisions above it. A meter that lacks any of them may not cut. Meters
for which all of this is equal share a lease. A lease is renewed daily, and at once when what it must name has
changed. One for a meter that only cards reach lives longer, since it travels with a card (decision 0070).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from controller.orders.standing import NOBODY, Signers, protection_of
from protocols.documents.bodies import LeaseBody, Named, ReleaseBody
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import ROOT_NAMED, in_force, named_in_lease
from protocols.documents.orders import Order, body_of, digest_of
from protocols.documents.protecting import is_remembered
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.limits import CARD_LEASE_LIFE_MS, LEASE_LIFE_MS, OBJECTS_MAX
from protocols.reasons import Refusal

RENEWAL_MS: Final = DAY_MS
# The version of the root of a founding, with which meters are made.
FIRST_ROOT: Final = 1
# A hold is named until two days after its end, so that a controller whose clock is a day ahead still names
# it.
_NAMED_BEYOND_MS: Final = 2 * DAY_MS
METERS_PER_LEASE_MAX: Final = 200
# A lease that was issued later than this after now was issued by a wrong clock.
_AHEAD_MS: Final = 2 * MINUTE_MS
REFUSED_AGAIN_MS: Final = HOUR_MS
NOBODY_GIVEN: Final[Mapping[str, Collection[str]]] = {}
# Bytes that the meters' ids may take in a message of 16 KiB, half of which is base64 and signatures.
_METER_NAMES_BYTES_MAX: Final = 4 * 1024


class LeasePlan(Struct, frozen=True, kw_only=True):
    """A lease to be issued: the calendar that it permits, the protection that it names, and its meters.

    `life_ms`: for how long it permits; longer for meters that only cards reach (decision 0070).
    """

    calendar: Order
    names: tuple[Named, ...]
    meters: tuple[str, ...]
    life_ms: int = LEASE_LIFE_MS


class LeaseHeld(Struct, frozen=True, kw_only=True):
    """What the latest lease for a meter says.

    `again_ms`: the meter holds a later number, and never takes this lease; from then on it gets another one.
    None: nothing is known against it.
    """

    calendar: tuple[str, int, str]
    names: tuple[Named, ...]
    issued_at_ms: int
    again_ms: int | None = None


def protection_to_name(
    orders: Sequence[Order], now_ms: int, signers: Signers = NOBODY
) -> tuple[Named, ...] | Refusal:
    """What a lease must name, by object. TOO_MANY where it cannot name all: then there can be no lease."""
    running = [order for order in orders if not is_remembered(order.object) or _runs(order, now_ms)]
    names: list[Named] = []
    for name, protection in sorted(protection_of(running, now_ms, signers).items()):
        force = in_force(protection)
        if not is_remembered(name) and (force is None or force.until_ms + _NAMED_BEYOND_MS <= now_ms):
            continue
        named = named_in_lease(name, protection)
        if isinstance(named, Refusal):
            return named
        names.append(named)
    # One name is left for the root.
    return tuple(names) if len(names) < OBJECTS_MAX else Refusal.TOO_MANY


def plan_leases(
    meters: Iterable[str],
    orders: Sequence[Order],
    now_ms: int,
    signers: Signers = NOBODY,
    given: Mapping[str, Collection[str]] = NOBODY_GIVEN,
    by_card: Collection[str] = frozenset(),
) -> tuple[list[LeasePlan], list[str]]:
    """The leases that should be in force, and the meters with more protection than one lease can name.

    `orders`: active calendars and protecting orders; `signers`: the keys that signed each, by its id;
    `given`: the meters that were given each order for a group, alike; `by_card`: those that only cards reach.
    A meter without a calendar needs no lease.
    """
    grouped: dict[tuple[str, tuple[Named, ...]], tuple[Order, list[str]]] = {}
    without: list[str] = []
    for own_orders, group in _by_orders(meters, orders, given):
        calendar = _calendar_of(own_orders)
        if calendar is None:
            continue
        names = protection_to_name(
            [order for order in own_orders if order.kind is not Kind.CUT_CALENDAR], now_ms, signers
        )
        if isinstance(names, Refusal):
            without += group
        else:
            grouped.setdefault((calendar.id, names), (calendar, []))[1].extend(group)
    plans = [
        LeasePlan(calendar=calendar, names=names, meters=tuple(sorted(some)), life_ms=life_ms)
        for (_, names), (calendar, group) in grouped.items()
        for life_ms, some in (
            (LEASE_LIFE_MS, [meter for meter in group if meter not in by_card]),
            (CARD_LEASE_LIFE_MS, [meter for meter in group if meter in by_card]),
        )
        if some
    ]
    return plans, sorted(without)


def demanding_root(plans: Iterable[LeasePlan], version: int) -> list[LeasePlan]:
    """The same leases, each of which demands this root or a later one; no lease demands the first.

    Firmware that knows no such demand opens nothing under it: it takes the name for a hold that it lacks.
    """
    if version <= FIRST_ROOT:
        return list(plans)
    return [replace(plan, names=(*plan.names, Named(ROOT_NAMED, version))) for plan in plans]


def due_leases(plans: Iterable[LeasePlan], held: Mapping[str, LeaseHeld], now_ms: int) -> list[LeasePlan]:
    """The leases to issue now, each small enough for one message: those that are old or have changed."""
    due: list[LeasePlan] = []
    for plan in plans:
        needy = [meter for meter in plan.meters if _is_due(plan, held.get(meter), now_ms)]
        due += [replace(plan, meters=batch) for batch in _batches(needy)]
    return due


def lease_held(order: Order) -> LeaseHeld:
    """What a lease says."""
    body = body_of(order, LeaseBody)
    calendar = (body.calendar, body.calendar_rev, body.calendar_digest)
    return LeaseHeld(calendar=calendar, names=body.names, issued_at_ms=order.issued_at_ms)


def lease_outnumbered(held: LeaseHeld, before: LeaseHeld | None) -> LeaseHeld:
    """The lease of a meter that holds a later number: a store that was restored has given this one twice.

    Another is issued at once; but one in an hour where the lease `before` was refused as well, since a thief
    of a meter's key can refuse each.
    """
    wait_ms = 0 if before is None or before.again_ms is None else REFUSED_AGAIN_MS
    return replace(held, again_ms=held.issued_at_ms + wait_ms)


def _is_due(plan: LeasePlan, held: LeaseHeld | None, now_ms: int) -> bool:
    if held is None or held.names != plan.names or now_ms - held.issued_at_ms >= RENEWAL_MS:
        return True
    if held.again_ms is not None and now_ms >= held.again_ms:
        return True
    # A wrong clock issued it in the future, where no meter accepts it.
    if held.issued_at_ms > now_ms + _AHEAD_MS:
        return True
    return held.calendar != (plan.calendar.object, plan.calendar.rev, digest_of(plan.calendar))


def _by_orders(
    meters: Iterable[str], orders: Sequence[Order], given: Mapping[str, Collection[str]]
) -> Iterator[tuple[tuple[Order, ...], list[str]]]:
    """Meters grouped by the orders that address them; most are addressed only by the fleet's orders."""
    everyones = [order for order in orders if order.scope.fleet]
    own: dict[str, list[Order]] = {}
    for order in orders:
        for meter in given.get(order.id, order.scope.meters):
            own.setdefault(meter, []).append(order)
    groups: dict[tuple[str, ...], list[str]] = {}
    for meter in meters:
        groups.setdefault(tuple(order.id for order in own.get(meter, ())), []).append(meter)
    for group in groups.values():
        # All meters of a group have the same orders of their own: those of the first stand for all.
        yield (*everyones, *own.get(group[0], ())), group


def _calendar_of(orders: Sequence[Order]) -> Order | None:
    """The calendar that the lease permits: the last one by the store's numbers, whatever its date says."""
    calendars = [order for order in orders if order.kind is Kind.CUT_CALENDAR]
    # Ids are numbered in the order of drafting, with six digits or more.
    return max(calendars, key=lambda order: (len(order.id), order.id), default=None)


def _batches(meters: Sequence[str]) -> Iterator[tuple[str, ...]]:
    batch: list[str] = []
    size = 0
    for meter in meters:
        # In JSON each id has two quotes and a comma.
        size += len(meter) + 3
        if batch and (len(batch) == METERS_PER_LEASE_MAX or size > _METER_NAMES_BYTES_MAX):
            yield tuple(batch)
            batch, size = [], len(meter) + 3
        batch.append(meter)
    if batch:
        yield tuple(batch)


def _runs(release: Order, now_ms: int) -> bool:
    hours_ms = body_of(release, ReleaseBody).hours * HOUR_MS
    return now_ms < release.issued_at_ms + hours_ms + _NAMED_BEYOND_MS
