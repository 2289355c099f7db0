"""How many meters a moratorium has reached (design §6): *unknown is shown as unknown*.

In 2020 "in order" meant that a terminal had seen the card, not that the meter had the order. Here an order is
*stored* only by the meter's own receipt, *sent* once it has left us, and *unknown* without an answer.
"""

from collections.abc import Iterable
from enum import StrEnum, unique
from typing import Final

from msgspec import Struct

from controller.orders.life import DeliveryState


@unique
class Reach(StrEnum):
    """How far an order has come on its way to a meter, as people see it."""

    STORED = "stored"
    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Progress(Struct, frozen=True, kw_only=True):
    """Counts of meters by how far an order has come. They add up to all meters that it addresses."""

    stored: int
    sent: int
    refused: int
    unknown: int

    @property
    def total(self) -> int:
        """All meters addressed."""
        return self.stored + self.sent + self.refused + self.unknown


_REACH: Final[dict[DeliveryState, Reach]] = {
    # The broker does not have it yet, so nothing is known about the meter.
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
    """How a delivery's state is shown. *Sent* to a link that is offline says nothing about the meter."""
    reach = _REACH[state]
    return Reach.UNKNOWN if reach is Reach.SENT and not link_online else reach


def progress(reached: Iterable[tuple[Reach, int]]) -> Progress:
    """The counts added up by `Reach`."""
    counts = dict.fromkeys(Reach, 0)
    for reach, count in reached:
        counts[reach] += count
    return Progress(
        stored=counts[Reach.STORED],
        sent=counts[Reach.SENT],
        refused=counts[Reach.REFUSED],
        unknown=counts[Reach.UNKNOWN],
    )
