"""Which numbers of a count somebody has: up to one all of them, and spans beyond (design §5). Pure.

A black box counts its entries from 1 on in each life of the meter. Both sides keep what the controller has of
them in this form, and an acknowledgement carries it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

# The first and the last number of a run without a gap.
Span = tuple[int, int]
# Spans kept beyond `upto`. What is above them counts as not there: it is told again, which costs little.
SPANS_MAX: Final = 32


class Numbers(Struct, frozen=True):
    """All numbers from 1 to `upto`, and those of the spans `beyond`, which are sorted and do not touch."""

    upto: int = 0
    beyond: tuple[Span, ...] = ()

    def __contains__(self, number: int) -> bool:
        return number <= self.upto or any(first <= number <= last for first, last in self.beyond)

    @property
    def highest(self) -> int:
        """The highest number that is there."""
        return self.beyond[-1][1] if self.beyond else self.upto

    def gaps(self, until: int) -> tuple[Span, ...]:
        """The spans that are missing, of the numbers up to `until`."""
        return tuple(_gaps(self, until))


def joined(numbers: Numbers, spans: Iterable[Span], spans_max: int = SPANS_MAX) -> Numbers:
    """The numbers together with spans; an empty span (last before first) adds nothing.

    Of too many spans the lowest are kept.
    """
    upto, beyond = numbers.upto, list[Span]()
    for first, last in sorted((*numbers.beyond, *spans)):
        if last < first or last <= upto:
            continue
        if first <= upto + 1:
            upto = last
        elif beyond and first <= beyond[-1][1] + 1:
            beyond[-1] = (beyond[-1][0], max(beyond[-1][1], last))
        else:
            beyond.append((first, last))
    return Numbers(upto, tuple(beyond[:spans_max]))


def without_below(numbers: Numbers, first: int) -> tuple[Numbers, tuple[Span, ...]]:
    """The numbers as if all below `first` were there, and the spans below it that are not."""
    missing = numbers.gaps(first - 1)
    return joined(numbers, ((1, first - 1),)), missing


def _gaps(numbers: Numbers, until: int) -> Iterator[Span]:
    after = numbers.upto
    for first, last in (*numbers.beyond, (until + 1, until + 1)):
        if after + 1 <= min(first - 1, until):
            yield after + 1, min(first - 1, until)
        after = max(after, last)
