"""How far a moratorium has come, by meter (design §6): *unknown is shown as unknown*.

In 2020 "in order" meant *seen at a terminal*, perhaps not *the meter has it*. Here only the meter's own
receipt makes it stored; what merely left us is sent; a meter that has not answered is unknown.
"""

from collections.abc import Iterable
from enum import StrEnum, unique
from typing import Final

from msgspec import Struct

from controller.orders.life import DeliveryState


@unique
class Reach(StrEnum):
    """How far an order has come to a meter, as it is shown."""

    STORED = "stored"
    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Progress(Struct, frozen=True, kw_only=True):
    """Meters by how far an order has come to them. They add up to all meters that it addresses."""

    stored: int
    sent: int
    refused: int
    unknown: int

    @property
    def total(self) -> int:
        """All meters addressed."""
        return self.stored + self.sent + self.refused + self.unknown


_REACH: Final[dict[DeliveryState, Reach]] = {
    # Not even the broker has it: of the meter nothing is known.
    DeliveryState.QUEUED: Reach.UNKNOWN,
    DeliveryState.SENT: Reach.SENT,
    DeliveryState.STORED: Reach.STORED,
    DeliveryState.EFFECTIVE: Reach.STORED,
    DeliveryState.REFUSED: Reach.REFUSED,
    DeliveryState.EXPIRED: Reach.UNKNOWN,
    DeliveryState.SUPERSEDED: Reach.UNKNOWN,
    DeliveryState.TIMED_OUT: Reach.UNKNOWN,
}


def reach_of(state: DeliveryState, *, link_online: bool = True) -> Reach:
    """What a delivery's state says. Sent to a link that is away says nothing of the meter."""
    reach = _REACH[state]
    return Reach.UNKNOWN if reach is Reach.SENT and not link_online else reach


def progress(reached: Iterable[tuple[Reach, int]]) -> Progress:
    """Counts added up by reach."""
    counts = dict.fromkeys(Reach, 0)
    for reach, count in reached:
        counts[reach] += count
    return Progress(
        stored=counts[Reach.STORED],
        sent=counts[Reach.SENT],
        refused=counts[Reach.REFUSED],
        unknown=counts[Reach.UNKNOWN],
    )
