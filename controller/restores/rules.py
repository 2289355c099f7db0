"""How far a store is behind a mark (design §6). Pure.

The audit is a chain of hashes, and everything that is numbered is recorded in it. Two stores that hold the
same entry have the same past up to there. So the last entry that a store shares with a mark is where a backup
was made, or shortly before; as many numbers of any object can have been given since as there are entries.

A store that was restored itself has numbered on above what it lost, and gave its numbers from there. So who
is restored behind such a store has lost those numbers too.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from protocols.link.marks import StoreMark

# A stolen key of the service can sign any mark. So many entries at most are believed to be lost at once: more
# than a fleet of a million meters records in a month.
LOST_MAX: Final = 100_000_000


class Loss(Struct, frozen=True, kw_only=True):
    """Entries of an audit that a store does not hold: `entries` of them, after the entry `after`.

    Those are counted too that the store of the mark had lost itself since that entry.
    """

    after: int
    entries: int


def loss_of(mark: StoreMark, held: Mapping[int, str], lifts: Mapping[int, int] | None = None) -> Loss | None:
    """What a store has lost that holds these entries (number to hash, as hex) of those that a mark names.

    `lifts`: by how much it has numbered on for losses that it knows of, by the entry that records each.

    None where it holds the last one. Between two entries that the mark names, the earlier one counts: the
    loss is never told too small.
    """
    if held.get(mark.last.number) == mark.last.hash:
        return None
    shared = (each.number for each in mark.earlier if held.get(each.number) == each.hash)
    after = max(shared, default=0)
    shared_lift = sum(by for found_at, by in (lifts or {}).items() if found_at <= after)
    entries = mark.last.number - after + max(mark.lifted - shared_lift, 0)
    return Loss(after=after, entries=min(entries, LOST_MAX))
