"""The mark: how far a store has counted, signed by the service and kept outside the store (design §6). Pure.

A store that was restored from a backup cannot know that it is one: it gives numbers again that it has given
before. So the service leaves a mark in the home and on the broker before it sends what it has numbered. A
store whose audit does not hold the entry that a mark names is behind, and knows by how much.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from protocols.decoding import read_json
from protocols.documents.envelope import Signer, read_envelope, seal, valid_keyids
from protocols.limits import REV_MAX

MARK_TYPE: Final = "application/vnd.relance.mark+json"
# Distances of the earlier entries that a mark names, back from the last one: up to a million entries.
EARLIER_BACK: Final = tuple(2**power for power in range(21))

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Number = Annotated[int, Meta(ge=1, le=REV_MAX)]


class EntryNamed(Struct, frozen=True):
    """An entry of the audit, by its number and its hash as hex."""

    number: Number
    hash: Sha256


class StoreMark(Struct, frozen=True, kw_only=True):
    """The last entry of an audit, and the version of the root in force.

    `earlier`: entries before it, the nearer ones closer together (`EARLIER_BACK`), the latest first. They
    tell where the audit of a restored store and the one that made the mark part. `lifted`: by how much this
    store has numbered everything on above what it lost itself, in all; 0 in a mark of an older controller.
    """

    last: EntryNamed
    root: Number
    earlier: Annotated[tuple[EntryNamed, ...], Meta(max_length=len(EARLIER_BACK))] = ()
    lifted: Annotated[int, Meta(ge=0, le=REV_MAX)] = 0
    v: Literal[1] = 1


_marks: msgspec.json.Decoder[StoreMark] = msgspec.json.Decoder(StoreMark)


def seal_mark(mark: StoreMark, signer: Signer) -> bytes:
    """The signed envelope of a mark."""
    return seal(msgspec.json.encode(mark), MARK_TYPE, [signer])


def open_mark(envelope: bytes, keys: Mapping[str, bytes]) -> StoreMark | None:
    """The mark, if one of `keys` (keyid to raw public key) has signed it; else None.

    Raises DocumentError for bytes that are no envelope, and for a malformed mark that one of the keys has
    signed.
    """
    opened = read_envelope(envelope)
    if opened.payload_type != MARK_TYPE or not valid_keyids(opened, dict(keys)):
        return None
    return read_json(_marks, opened.payload, "mark")
