"""The weather of a link: which documents are lost, doubled, delayed, and so overtaken. Pure and seeded.

A document's fate is a function of seed and number, so that it can be asked for in any order and one
more document changes no other's. Delay is what reorders: two documents with different delays may swap.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")
_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Weather:
    """`loss_percent` of documents never arrive; `double_percent` of the others arrive twice.

    Each copy takes up to `delay_ms_max`, evenly spread. Fair weather is all zeros.
    """

    seed: int
    loss_percent: int = 0
    double_percent: int = 0
    delay_ms_max: int = 0

    def delays_ms(self, number: int) -> tuple[int, ...]:
        """How long each copy of the `number`-th document takes; no copy arrives of one that is lost."""
        digest = blake2b(f"{self.seed}/{number}".encode(), digest_size=16, person=b"weather").digest()
        lost, doubled, first, second = (int.from_bytes(digest[at : at + 4], "big") for at in (0, 4, 8, 12))
        if lost % _HUNDRED < self.loss_percent:
            return ()
        copies = (first, second) if doubled % _HUNDRED < self.double_percent else (first,)
        return tuple(chance % (self.delay_ms_max + 1) for chance in copies)


def arrivals(weather: Weather, sent: Iterable[tuple[int, T]], first_number: int = 0) -> list[tuple[int, T]]:
    """`(true instant, document)` as they arrive, of those sent, which are numbered from `first_number`.

    At one instant those sent first come first.
    """
    coming = [
        (sent_ms + delay_ms, document)
        for number, (sent_ms, document) in enumerate(sent, start=first_number)
        for delay_ms in weather.delays_ms(number)
    ]
    return sorted(coming, key=_instant_of)


def _instant_of(arrival: tuple[int, object]) -> int:
    return arrival[0]
