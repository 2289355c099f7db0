"""What the orders in force make of one meter: what forbids a cut, what permits one, what is planned. Pure.

The controller knows this whether the meter has reported or not. It is no promise of the meter's: only the
meter's own forecast knows what the meter holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from controller.orders.life import HELD_DELIVERIES, ActiveOrder, DeliveryState
from protocols.cutting.hindrances import Hindrance, Obstacle
from protocols.documents.bodies import CutCalendarBody, ReleaseBody
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import Protection, in_force
from protocols.documents.orders import Order, body_of, short_keyid
from protocols.documents.protecting import FLOORS, PROTECTING
from protocols.documents.roles import SignedBy
from protocols.documents.room import is_beyond, join_in_table, without_what_is_over
from protocols.instants import HOUR_MS
from protocols.link.question import HoldSpan
from protocols.reasons import FlagName, Refusal
from protocols.spans import Span, Window, merge_windows

_FLAG: Final = "flag/"
_PROTECTED: Final = f"{_FLAG}{FlagName.PROTECTED}"
_RELEASE: Final = "release/"
Signers = Mapping[str, tuple[SignedBy, ...]]
# Of orders whose signers do not matter: none of them takes anybody's room.
NOBODY: Final[Signers] = {}
_UNKNOWN: Final = (SignedBy("", ""),)


class ReleaseRuns(Struct, frozen=True, kw_only=True):
    """A release whose hours run. `until_ms`: their end at the earliest: the meter counts its own ticks.

    `left_ms`: what is left of them; `unconfirmed`: the state of the delivery where the meter has not
    confirmed it, so that all its hours are still to come. `by`: who made it.
    """

    object: str
    rev: int
    by: str
    until_ms: int
    left_ms: int
    unconfirmed: str | None


class PlannedCut(Struct, frozen=True, kw_only=True):
    """A signed cut order in force for the meter, and its own interval."""

    object: str
    rev: int
    interval: Span
    unconfirmed: str | None


class Standing(Struct, frozen=True, kw_only=True):
    """The orders in force for one meter, joined. `windows` None: no calendar is in force.

    `forbidding`: holds, and the flags that forbid every cut. `leased`: a lease is in force.
    """

    forbidding: tuple[HoldSpan, ...] = ()
    is_protected: bool = False
    release: ReleaseRuns | None = None
    windows: tuple[Window, ...] | None = None
    leased: bool = False
    cuts: tuple[PlannedCut, ...] = ()

    @property
    def protecting(self) -> frozenset[str]:
        """The objects that protect and do not end by themselves as a release does: holds, and every flag."""
        names = frozenset(span.name for span in self.forbidding)
        return names | {_PROTECTED} if self.is_protected else names


def protection_of(
    orders: Iterable[Order], now_ms: int, signers: Signers = NOBODY
) -> Mapping[str, Protection]:
    """The protection by object that these orders make, joined as a meter joins it.

    `signers`: the keys that signed each order, by its id; in whose room it counts (`documents.room`).
    """
    table: Mapping[str, Protection] = {}
    for order in sorted(orders, key=lambda each: each.rev):
        for holder, keyid in signers.get(order.id, _UNKNOWN):
            key = short_keyid(keyid)
            if is_beyond(table, order, holder, key):
                table = without_what_is_over(table, holder, now_ms, key)
            joined = join_in_table(table, order, holder, key)
            # A refusal means that the order is below a floor: it no longer protects anybody.
            table = table if isinstance(joined, Refusal) else joined
    return table


def standing_of(active: Sequence[ActiveOrder], now_ms: int) -> Standing:
    """The standing of the meter to which these orders go."""
    # Superseded for this meter alone, while the order is active for others.
    mine = [each for each in active if each.state is not DeliveryState.SUPERSEDED]
    joining = [each.order for each in mine if each.order.kind in (*PROTECTING, *FLOORS)]
    forces = {name: in_force(protection) for name, protection in protection_of(joining, now_ms).items()}
    cancelled = {each.order.object: each.order.rev for each in mine if each.order.kind is Kind.CANCEL_CUT}
    return Standing(
        forbidding=tuple(
            HoldSpan(name, *force)
            for name, force in sorted(forces.items())
            if force is not None and name != _PROTECTED and not name.startswith(_RELEASE)
        ),
        is_protected=forces.get(_PROTECTED) is not None,
        release=_release_of(mine, now_ms),
        windows=_windows_of([each.order for each in mine]),
        leased=any(each.order.kind is Kind.LEASE and now_ms < each.order.not_after_ms for each in mine),
        cuts=tuple(
            PlannedCut(
                object=each.order.object,
                rev=each.order.rev,
                interval=Span(each.order.not_before_ms, each.order.not_after_ms),
                unconfirmed=_unconfirmed(each),
            )
            for each in mine
            if each.order.kind is Kind.CUT_ORDER
            and now_ms < each.order.not_after_ms
            and each.order.rev > cancelled.get(each.order.object, 0)
        ),
    )


def first_chance_ms(standing: Standing, interval: Span, windows: Sequence[Window] | None) -> int | None:
    """The first instant of `interval` inside a window at which no order forbids a cut; None: none."""
    begins_ms = interval.from_ms
    if standing.release is not None:
        begins_ms = max(begins_ms, standing.release.until_ms)
    for window in merge_windows(windows or ()):
        instant_ms = max(begins_ms, window.start_ms)
        while met := [each for each in standing.forbidding if each.from_ms <= instant_ms < each.until_ms]:
            instant_ms = max(each.until_ms for each in met)
        if instant_ms < min(window.end_ms, interval.until_ms):
            return instant_ms
    return None


def hindrances_of(
    standing: Standing, interval: Span, windows: Sequence[Window] | None
) -> tuple[Hindrance, ...]:
    """Why no cut is possible inside `interval`; empty where one is. Each reason that has a part is named."""
    if first_chance_ms(standing, interval, windows) is not None:
        return ()
    if windows is None:
        times, found = [interval], [Hindrance(why=Obstacle.NO_CALENDAR)]
    else:
        times = [time for window in windows if (time := _overlap(window, interval)) is not None]
        found = []
        if not times:
            times, found = [interval], [Hindrance(why=Obstacle.NO_WINDOW)]
    found += [
        _hindrance(hold)
        for hold in standing.forbidding
        if any(hold.from_ms < time.until_ms and time.from_ms < hold.until_ms for time in times)
    ]
    release = standing.release
    if release is not None and any(time.from_ms < release.until_ms for time in times):
        found.append(Hindrance(why=Obstacle.RELEASE, object=release.object, until_ms=release.until_ms))
    return tuple(found)


def _overlap(window: Window, interval: Span) -> Span | None:
    overlap = Span(max(window.start_ms, interval.from_ms), min(window.end_ms, interval.until_ms))
    return overlap if overlap.from_ms < overlap.until_ms else None


def _hindrance(hold: HoldSpan) -> Hindrance:
    if hold.name.startswith(_FLAG):
        return Hindrance(why=Obstacle.FLAG, object=hold.name)
    return Hindrance(why=Obstacle.HOLD, object=hold.name, until_ms=hold.until_ms)


def _release_of(active: Sequence[ActiveOrder], now_ms: int) -> ReleaseRuns | None:
    """The release that ends last. One that the meter has not confirmed has all its hours before it."""
    running: list[ReleaseRuns] = []
    for each in active:
        if each.order.kind is not Kind.RELEASE:
            continue
        began_ms = now_ms if each.stored_ms is None else each.stored_ms
        until_ms = began_ms + body_of(each.order, ReleaseBody).hours * HOUR_MS
        if now_ms < until_ms:
            left_ms = until_ms - now_ms
            runs = ReleaseRuns(
                object=each.order.object,
                rev=each.order.rev,
                by=each.by,
                until_ms=until_ms,
                left_ms=left_ms,
                unconfirmed=_unconfirmed(each),
            )
            running.append(runs)
    return max(running, key=lambda each: each.until_ms, default=None)


def _windows_of(orders: Sequence[Order]) -> tuple[Window, ...] | None:
    """The windows of the calendar that was made last: orders are numbered as they are made."""
    calendars = [order for order in orders if order.kind is Kind.CUT_CALENDAR]
    if not calendars:
        return None
    return body_of(max(calendars, key=lambda order: (len(order.id), order.id)), CutCalendarBody).windows


def _unconfirmed(active: ActiveOrder) -> str | None:
    return None if active.state in HELD_DELIVERIES else active.state.value
