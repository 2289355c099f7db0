"""Hash-chained entries: whoever changes, drops, inserts or reorders one breaks all that follow.

One of it for the meter's journal and the controller's audit (design §4.4, §6). An entry's hash covers its
number, the hash before it and its body. A chain may begin at any number, when the head before it
is given: a ring that has forgotten its oldest entries can still be checked. The last entries can be
cut off unseen, unless the head is also known from elsewhere: pass it as `to_head`. Pure.
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


# Before the first entry, which has number 1. The text keeps our chains apart from anyone else's.
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
    """The first number at which the chain after `from_head` is broken; None where it is whole.

    With `to_head` the chain must also end there: it says when the last entries are missing.
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
    """SHA-256 over length-prefixed fields: no two entries have the same bytes under the hash."""
    digest = sha256()
    for field in (number.to_bytes(_NUMBER_BYTES, "big"), previous_hash, body):
        digest.update(len(field).to_bytes(_LENGTH_BYTES, "big"))
        digest.update(field)
    return digest.digest()
