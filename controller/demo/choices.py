"""Seeded choices: the same seed, household and name of a choice give the same number. Pure."""

from collections.abc import Sequence
from hashlib import blake2b


def chance(seed: int, number: int, what: str, below: int) -> int:
    """A number from 0 to `below` - 1, hashed from the seed, the household and the name of the choice."""
    digest = blake2b(f"{seed}/{number}/{what}".encode(), digest_size=8, person=b"demo").digest()
    return int.from_bytes(digest, "big") % below


def share(
    numbers: Sequence[int], seed: int, what: str, percent: int, most: int | None = None
) -> frozenset[int]:
    """`percent` of these numbers, rounded up, but never more than `most`; chosen in the order of a hash."""
    count = -(-len(numbers) * percent // 100)
    return frozenset(ranked(numbers, seed, what)[: count if most is None else min(count, max(most, 0))])


def ranked(numbers: Sequence[int], seed: int, what: str) -> list[int]:
    """The numbers in the order of a hash."""
    return sorted(numbers, key=lambda number: (chance(seed, number, f"rank {what}", 2**64), number))
