"""The mass release: whom it concerns, and how far it has come (design §6, reactivation).

In 2020 eleven offices handed out cards. Here a release goes to everybody, and what is counted is the
meters that have supply again, as they say themselves: `on`, or `armed` where a person must press.
"""

from collections.abc import Iterable
from enum import StrEnum, unique

from msgspec import Struct

from controller.policy.orders_life import HELD_DELIVERIES, DeliveryState
from protocols.reasons import Supply


@unique
class Scope(StrEnum):
    """`off`: those without supply, as last reported. `all`: everybody, since a report may be old."""

    OFF = "off"
    ALL = "all"


class MeterSupply(Struct, frozen=True):
    """A meter's last word on its supply; None: it has never said."""

    meter: str
    supply: Supply | None


class ReleaseProgress(Struct, frozen=True, kw_only=True):
    """Meters that a release addresses. The first four add up to all; `off` are of those that answered."""

    restored: int
    stored: int
    sent: int
    unknown: int
    still_off: tuple[str, ...]


def release_targets(meters: Iterable[MeterSupply], scope: Scope) -> tuple[str, ...]:
    """Whom to release. A meter that has never said counts as off: to release it harms nobody."""
    return tuple(
        sorted(
            each.meter
            for each in meters
            if scope is Scope.ALL or each.supply is None or each.supply is Supply.OFF
        )
    )


def release_progress(deliveries: Iterable[tuple[MeterSupply, DeliveryState]]) -> ReleaseProgress:
    """How far a release has come."""
    restored = stored = sent = unknown = 0
    still_off: list[str] = []
    for each, state in deliveries:
        if state is DeliveryState.EFFECTIVE:
            restored += 1
        elif state in HELD_DELIVERIES:
            stored += 1
        elif state is DeliveryState.SENT:
            sent += 1
        else:
            unknown += 1
        if each.supply is Supply.OFF:
            still_off.append(each.meter)
    return ReleaseProgress(
        restored=restored, stored=stored, sent=sent, unknown=unknown, still_off=tuple(sorted(still_off))
    )
