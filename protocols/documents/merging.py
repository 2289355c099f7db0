"""How the revisions of one protecting object join: holds, flags, releases (design §5, Convergence).

Duty: keep, per object, a *floor* (the highest two-person act, with its own interval; a lift has an
empty one) and every one-person revision above it. In force is the join of them all: the earliest
`from` and the latest `until`. Nothing that one person signs ever shrinks what is in force.

Glossary
- *Signed rev*: the number in the document. It alone says which document this is, so that
  repetition changes nothing.
- *Leap*: a signed rev more than `REV_STEP_MAX` above all that is known below it. It protects like any
  other, but *counts as* the highest below it plus 1: else one person's rev of 2**53 - 1 could
  never be lifted. What a rev counts as is worked out from all revs held, never stored: it does not
  depend on which came first.
- *Merged revision*: above `REVISIONS_MAX` of one key the two lowest of that key become one: their hull, under
  the higher rev. So nobody merges what another key has declared, and each key's part can be taken away.

What holds
- Any order and any repetition of the same documents ends in the same value, exactly, while no more
  than `REVISIONS_MAX` revisions of each key stand above the floor and no rev ever is a leap.
  Without floors it holds beyond `REVISIONS_MAX` and with leaps too.
- A floor that comes to a merged revision and covers only part of it cannot take that part out
  again: more may then be in force than in another order, never less, until a floor reaches its rev.
- One person moves no rev further above the floor than `REV_STEP_MAX` for each rev that the meter holds.
  A floor that is numbered beyond that, at a place that nobody could foretell, lifts all that is held.
- A floor lifts every leap that is already held and counts as at or below it. The meter remembers the
  lifted leap, so that a repetition changes nothing. A leap that arrives after that floor protects
  until the next floor. A meter that has lifted a leap never `knows` it: no lease that names it
  permits a cut there.

Pure. The intervals are UTC milliseconds, half-open, empty where `from_ms == until_ms`.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from protocols.documents.bodies import Named
from protocols.limits import REV_STEP_MAX, REVISIONS_MAX
from protocols.reasons import Refusal
from protocols.spans import Span, protected_until_ms

# What a lease names to demand a root: its floor is the version that the meter must have.
ROOT_NAMED: Final = "root/version"
# The objects that gather what one person declares beyond their quota of holds: see `room`.
CATCH_ALL: Final = "hold/catch-all."
# A lift, a cleared flag, and a release (its hours are ticks, not dates) hold at no instant.
NO_TIME: Final = Span(0, 0)


class Revision(Struct, frozen=True, omit_defaults=True):
    """One revision as signed, or several merged: then `rev` is the highest of them.

    `merged` are the other signed revs inside, the lowest `REVISIONS_MAX` of them; of what is beyond,
    the interval is kept and the number forgotten, which can only make a meter reject a lease.
    `holder` is who signed it, `key` with which key, by its `orders.short_keyid`; each is empty where an older
    firmware stored it. A document with several signers is one revision for each of their keys.
    `fingerprint` says which document a numbered release is (`orders.fingerprint_of`); else it is empty.
    """

    rev: int
    from_ms: int
    until_ms: int
    merged: tuple[int, ...] = ()
    holder: str = ""
    fingerprint: str = ""
    key: str = ""

    @property
    def signed(self) -> tuple[int, ...]:
        """All signed revs that this one is known to hold, ascending."""
        return (*self.merged, self.rev)


class Protection(Struct, frozen=True):
    """All that is held of one object. `above` ascends by rev; `lifted` are leaps a floor has cleared."""

    floor: Revision | None = None
    above: tuple[Revision, ...] = ()
    lifted: tuple[int, ...] = ()

    @property
    def floor_rev(self) -> int:
        """The floor's rev; 0 without a floor."""
        return 0 if self.floor is None else self.floor.rev


NOTHING: Final = Protection()


def declare(
    protection: Protection, rev: int, from_ms: int, until_ms: int, holder: str = "", key: str = ""
) -> Protection | Refusal:
    """Join a revision that `holder` signed with `key`; the same rev with another interval joins too.

    BELOW_FLOOR for a rev at or below the floor, and for a leap that a floor has lifted.
    """
    new = _revision(rev, from_ms, until_ms, holder, key)
    held = next((each for each in protection.above if rev in each.signed and _may_be_of(each, new)), None)
    if held is not None:
        above = [_join(each, new) if each is held else each for each in protection.above]
    elif rev <= protection.floor_rev or (rev in protection.lifted and _is_leap(protection, rev)):
        return Refusal.BELOW_FLOOR
    else:
        above = sorted((*protection.above, new), key=_place_of)
    own = [each for each in above if is_of(each, holder, key)]
    if len(own) > REVISIONS_MAX:
        rest = [each for each in above if each not in own[:2]]
        above = sorted((_merge(own[0], own[1]), *rest), key=_place_of)
    return replace(protection, above=tuple(above))


def remember(protection: Protection, rev: int, holder: str = "", key: str = "") -> Protection | Refusal:
    """Keep a rev without an interval, such as a release's: the firmware counts its hours in ticks."""
    return declare(protection, rev, *NO_TIME, holder, key)


def gather(protection: Protection, span: Span, holder: str, key: str = "") -> Protection:
    """Join an interval to a catch-all, which has one revision of each key above its floor; see `room`."""
    new = _revision(protection.floor_rev + 1, *span, holder, key)
    held = next((each for each in protection.above if is_of(each, holder, key)), None)
    rest = (each for each in protection.above if each is not held)
    joined = new if held is None else _join(held, new)
    return replace(protection, above=tuple(sorted((*rest, joined), key=_place_of)))


def take_out(protection: Protection, holder: str, key: str = "") -> tuple[Protection, Span | None]:
    """Without the revisions of one key; and their join, None where they protect at no instant."""
    own = tuple(each for each in protection.above if is_of(each, holder, key))
    rest = tuple(each for each in protection.above if each not in own)
    return replace(protection, above=rest), _joined(Protection(None, own))


def is_of(revision: Revision, holder: str, key: str) -> bool:
    """Whether it counts as this key's: so does what its holder signed with a key that nobody has noted."""
    return revision.key == key if revision.key and key else revision.holder == holder


def count_up(protection: Protection, number: int, fingerprint: str) -> Protection | Refusal:
    """Keep the number of a release that its key numbers (design §5).

    STALE_NUMBER unless it is above the highest number held, or is held from the very same document. The last
    `REVISIONS_MAX` numbers are held one by one; the highest of those before them is the floor.
    """
    if any((each.rev, each.fingerprint) == (number, fingerprint) for each in protection.above):
        return protection
    if number <= highest_number(protection):
        return Refusal.STALE_NUMBER
    above = (*protection.above, Revision(number, *NO_TIME, fingerprint=fingerprint))
    if len(above) <= REVISIONS_MAX:
        return replace(protection, above=above)
    return Protection(Revision(above[0].rev, *NO_TIME), above[1:])


def highest_number(protection: Protection) -> int:
    """The highest number that a key has released with; 0 if it has not. No number is a leap."""
    return max((each.rev for each in protection.above), default=protection.floor_rev)


def lower(protection: Protection, rev: int, from_ms: int, until_ms: int) -> Protection | Refusal:
    """Put a two-person floor under the object; an empty interval lifts. STALE_REV below the floor held.

    Two different floors of one rev join. Two floors, each numbered `highest_known` + 1, clear anything.
    """
    if rev < protection.floor_rev:
        return Refusal.STALE_REV
    floor = _revision(rev, from_ms, until_ms)
    if protection.floor is not None and rev == protection.floor_rev:
        return replace(protection, floor=_join(protection.floor, floor))
    staying = _staying_above(protection, rev)
    above = tuple(_without(each, staying) for each in protection.above if not staying.isdisjoint(each.signed))
    leaps = {signed for signed in _signed(protection) if signed > rev} - staying
    return Protection(floor, above, _still_leaps(rev, leaps.union(protection.lifted)))


def in_force(protection: Protection) -> Span | None:
    """The join of floor and all above; None where nothing protects. "For ever" ends where all dates end."""
    span = _joined(protection)
    return None if span is None else Span(span.from_ms, protected_until_ms(span.until_ms))


def _joined(protection: Protection) -> Span | None:
    """As `in_force`, with the end as the documents say it."""
    held = protection.above if protection.floor is None else (protection.floor, *protection.above)
    spans = [each for each in held if each.from_ms < each.until_ms]
    if not spans:
        return None
    return Span(
        min(each.from_ms for each in spans),
        max((each.until_ms for each in spans), key=protected_until_ms),
    )


def holds_rev(protection: Protection, rev: int) -> bool:
    """Whether this signed rev is stored. A release that is stored has been carried out."""
    return any(rev in each.signed for each in protection.above)


def knows(protection: Protection | None, named: Named) -> bool:
    """Whether every revision that a lease names is stored, or lies at or below the floor (design §4.2).

    A catch-all has no revisions of its own: a lease names its interval, which must lie in that of the meter.
    """
    held = NOTHING if protection is None else protection
    if named.object.startswith(CATCH_ALL):
        return held.floor_rev >= named.floor and _covers(in_force(held), named.revs)
    return held.floor_rev >= named.floor and all(
        rev <= held.floor_rev or holds_rev(held, rev) for rev in named.revs
    )


def named_in_lease(object_name: str, protection: Protection) -> Named | Refusal:
    """The entry for this object in a lease.

    TOO_MANY where revisions were merged: the number of a merged revision does not prove that a meter
    has all that went into it, so that no lease is possible until two people set a floor.
    """
    if any(each.merged for each in protection.above):
        return Refusal.TOO_MANY
    revs = revs_named(object_name, protection)
    return Named(object_name, protection.floor_rev, revs) if len(revs) <= REVISIONS_MAX else Refusal.TOO_MANY


def revs_named(object_name: str, protection: Protection) -> tuple[int, ...]:
    """The signed revs above the floor, ascending; of a catch-all begin and end of what it protects."""
    if object_name.startswith(CATCH_ALL):
        return tuple(_joined(Protection(None, protection.above)) or ())
    return tuple(sorted({rev for each in protection.above for rev in each.signed}))


def highest_known(protection: Protection) -> int:
    """The highest rev held, a leap as what it counts as; the next document of this object takes one more."""
    counted = _counted(protection.floor_rev, _signed(protection))
    return max(counted.values(), default=protection.floor_rev)


def _signed(protection: Protection) -> list[int]:
    return [rev for each in protection.above for rev in each.signed]


def _is_leap(protection: Protection, rev: int) -> bool:
    return _counted(protection.floor_rev, [*_signed(protection), rev])[rev] != rev


def _counted(floor_rev: int, signed: Iterable[int]) -> dict[int, int]:
    """What each signed rev above the floor counts as."""
    highest = floor_rev
    counted: dict[int, int] = {}
    for rev in sorted(signed):
        highest = rev if rev - highest <= REV_STEP_MAX else highest + 1
        counted[rev] = highest
    return counted


def _staying_above(protection: Protection, floor_rev: int) -> frozenset[int]:
    """The signed revs that a new floor leaves.

    A revision within reach of the new floor is no leap any more, and stays: a new meter may well hear
    of revision 5001 first and of the floor 5000 under it later.
    """
    signed = _signed(protection)
    before = _counted(protection.floor_rev, signed)
    after = _counted(floor_rev, [rev for rev in signed if rev > floor_rev])
    return frozenset(rev for rev, count in after.items() if before[rev] > floor_rev or count == rev)


def _still_leaps(floor_rev: int, lifted: Iterable[int]) -> tuple[int, ...]:
    """The lifted leaps worth remembering, the lowest first; those in reach of the floor may come again."""
    return tuple(sorted(rev for rev in lifted if rev > floor_rev + REV_STEP_MAX)[:REVISIONS_MAX])


def _join(held: Revision, new: Revision) -> Revision:
    """`held` with the hull of both intervals; an empty one adds nothing."""
    if new.from_ms == new.until_ms:
        return held
    if held.from_ms == held.until_ms:
        return replace(held, from_ms=new.from_ms, until_ms=new.until_ms)
    until_ms = max(held.until_ms, new.until_ms, key=protected_until_ms)
    return replace(held, from_ms=min(held.from_ms, new.from_ms), until_ms=until_ms)


def _merge(lower_one: Revision, higher_one: Revision) -> Revision:
    merged = sorted({*lower_one.signed, *higher_one.merged})
    return replace(_join(higher_one, lower_one), merged=tuple(merged[:REVISIONS_MAX]))


def _without(revision: Revision, staying: frozenset[int]) -> Revision:
    """Without the signed revs that a floor has covered; the hull of a merged revision stays."""
    *merged, rev = (signed for signed in revision.signed if signed in staying)
    return replace(revision, rev=rev, merged=tuple(merged))


def _revision(rev: int, from_ms: int, until_ms: int, holder: str = "", key: str = "") -> Revision:
    """A revision, with every empty interval in the same form, so that equal protection compares equal."""
    assert from_ms <= until_ms, (from_ms, until_ms)
    return Revision(rev, *((from_ms, until_ms) if from_ms < until_ms else NO_TIME), holder=holder, key=key)


def _place_of(revision: Revision) -> tuple[int, str, str]:
    return revision.rev, revision.holder, revision.key


def _may_be_of(revision: Revision, new: Revision) -> bool:
    """Whether a rev that is held may be this very document: the same key signed it, or nobody knows whose."""
    return not revision.holder or is_of(revision, new.holder, new.key)


def _covers(force: Span | None, named: tuple[int, ...]) -> bool:
    if not named or force is None:
        return not named
    return force.from_ms <= min(named) and protected_until_ms(max(named)) <= force.until_ms
