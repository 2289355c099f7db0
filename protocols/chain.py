"""Hash-chained entries: changing, dropping, inserting or reordering one breaks the chain there.

The meter's journal and the controller's audit both use it (design §4.4, §6). An entry's hash covers its
number, the hash before it and its body. A chain may begin at any number if the head before it is given:
a ring that has overwritten its oldest entries can still be checked. A chain by itself does not show that
its last entries are missing; a head that is known from elsewhere does: pass it as `to_head`. Pure.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from msgspec import Struct

_NUMBER_BYTES: Final = 8
_LENGTH_BYTES: Final = 8


class Head(Struct, frozen=True):
    """Where a chain ends: the number and hash of its last entry."""

    number: int
    hash: bytes


# The head before entry 1. The text makes our chains differ from any other program's.
GENESIS: Final = Head(0, sha256(b"relance chain 1").digest())


class Entry(Struct, frozen=True):
    """One link. `body` is opaque here: the bytes as they were written."""

    number: int
    previous_hash: bytes
    body: bytes
    hash: bytes

    @property
    def head(self) -> Head:
        """The head of a chain that ends with this entry."""
        return Head(self.number, self.hash)


def append(head: Head, body: bytes) -> Entry:
    """The entry that follows `head`."""
    number = head.number + 1
    return Entry(number, head.hash, body, _hash(number, head.hash, body))


def verify(entries: Iterable[Entry], from_head: Head = GENESIS, to_head: Head | None = None) -> int | None:
    """The first number at which the chain after `from_head` is broken; None if it is whole.

    With `to_head` the chain must also end there: this finds missing last entries.
    """
    head = from_head
    for entry in entries:
        if entry != append(head, entry.body):
            return head.number + 1
        head = entry.head
    if to_head is not None and head != to_head:
        return head.number + 1
    return None


def _hash(number: int, previous_hash: bytes, body: bytes) -> bytes:
    """SHA-256 over length-prefixed fields: without the lengths two entries could hash the same bytes."""
    digest = sha256()
    for field in (number.to_bytes(_NUMBER_BYTES, "big"), previous_hash, body):
        digest.update(len(field).to_bytes(_LENGTH_BYTES, "big"))
        digest.update(field)
    return digest.digest()
