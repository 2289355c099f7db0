"""The numbers of orders: drawn from the store, above what meters say they hold (design §5).

A store that was restored from a backup does not know what it has given since. What meters prove that they
hold, and the number that a refusal names, are kept by object and meter; the next number is above them.

A meter carries out a release whose number is above the highest of its key. A store that was restored from a
backup draws numbers a second time: the meter refuses such a release and names its own highest number. That is
kept here, per key and meter, and the next release of that key is numbered above it.

A meter whose key was stolen can name any number. It raises the numbers of others only within `REV_STEP_MAX`;
beyond that, only releases of this meter alone are numbered above what it says.

A floor, which two people put under a hold, is numbered by a leap: above all that one person can have counted
up to at a meter, at a place that nobody can foretell (`protocols.documents.merging`).
"""

from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import Final

from sqlmodel import Session, col, func, select

from controller.database.bulk import in_batches
from controller.database.numbers import lift_numbers, next_number, raise_number
from controller.database.tables import CounterRow, OrderRow
from protocols.documents.bodies import Named
from protocols.documents.drafting import object_of
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import CATCH_ALL, Protection, Revision, highest_known
from protocols.limits import REV_MAX, REV_STEP_MAX, REVISIONS_MAX
from protocols.link.messages import MeterHolds

_KNOWN: Final = "known/"
# How many objects a meter has named that this store has not given; an honest one holds a few hundred.
_NAMED_BY: Final = "named-by/"
NAMED_MAX: Final = 1_024
# Above this the first number of an object is drawn; there is none in a store that never was behind.
_BASE: Final = "rev-base"
# Revs that a meter holds of one object: each person's, and those that went into a merged one, for some dozen.
_REVS_HELD_MAX: Final = 12 * REVISIONS_MAX * (1 + REVISIONS_MAX)
FLOOR_LEAP_MIN: Final = _REVS_HELD_MAX * REV_STEP_MAX
_FLOOR_CHANCE_BYTES: Final = 4
# The lower half of all numbers.
BELIEVED_MAX: Final = REV_MAX // 2
# A counter that a thief has put at the middle still goes on after a restore; a last quarter is left of it.
_LIFTED_MAX: Final = BELIEVED_MAX + REV_MAX // 4
LEASE: Final = object_of(Kind.LEASE, "fleet")
_RELEASE: Final = object_of(Kind.RELEASE, "")


def note_known_number(session: Session, order_id: str, meter: str, number: int) -> None:
    """Keep the number that a meter named when it refused an order of this store; ignore others.

    Only where this store has not given it, or has given it twice: an old copy that came late says nothing.
    """
    row = session.get(OrderRow, order_id)
    if row is None:
        return
    given = session.get(CounterRow, f"rev/{row.object}")
    if number == row.rev or given is None or number > given.value:
        raise_number(session, f"{_KNOWN}{row.object}/{meter}", number)


def note_held(session: Session, held: Mapping[str, Mapping[str, int]]) -> None:
    """Keep what meters prove that they hold, by meter and object, where this store has not given it.

    Of one meter at most NAMED_MAX objects: a stolen key can name new ones with every word.
    """
    objects = {f"rev/{name}" for numbers in held.values() for name in numbers}
    given = _counted(session, objects)
    news = {
        meter: {
            f"{_KNOWN}{name}/{meter}": number
            for name, number in numbers.items()
            if number > given.get(f"rev/{name}", 0)
        }
        for meter, numbers in held.items()
    }
    rows = {row for found in news.values() for row in found}
    known = _counted(session, rows | {f"{_NAMED_BY}{meter}" for meter, found in news.items() if found})
    for meter, found in news.items():
        named = known.get(f"{_NAMED_BY}{meter}", 0)
        for row, number in found.items():
            if row in known or named < NAMED_MAX:
                named += row not in known
                raise_number(session, row, number)
        if found:
            raise_number(session, f"{_NAMED_BY}{meter}", named)


def numbers_held(holds: MeterHolds) -> dict[str, int]:
    """The number that a meter holds of each object that its holdings number; a leap counts as one step."""
    found = {each.object: _number_of(each) for each in holds.protections}
    found |= {each.object: each.rev for each in holds.calendars}
    return found | {LEASE: holds.lease_rev}


def numbers_known(session: Session, object_name: str) -> dict[str, int]:
    """By meter, the number of this object that it is known to hold, where this store has not given it."""
    prefix = f"{_KNOWN}{object_name}/"
    query = select(CounterRow.name, CounterRow.value).where(
        col(CounterRow.name).startswith(prefix, autoescape=True), col(CounterRow.value) <= BELIEVED_MAX
    )
    return {name.removeprefix(prefix): value for name, value in session.exec(query)}


def numbers_not_given(session: Session, kind: Kind) -> dict[str, tuple[int, ...]]:
    """By name, the numbers that meters know of objects of this kind above all given here; one a meter."""
    prefix = f"{_KNOWN}{object_of(kind, '')}"
    query = select(CounterRow.name, CounterRow.value)
    given = f"rev/{object_of(kind, '')}"
    values = dict(iter(session.exec(query.where(col(CounterRow.name).startswith(given, autoescape=True)))))
    found: dict[str, list[int]] = {}
    for row, number in session.exec(query.where(col(CounterRow.name).startswith(prefix, autoescape=True))):
        name, _, _ = row.removeprefix(prefix).rpartition("/")
        if number > values.get(f"{given}{name}", 0):
            found.setdefault(name, []).append(number)
    return {name: tuple(sorted(numbers)) for name, numbers in sorted(found.items())}


def draw_rev(session: Session, object_name: str) -> int:
    """The next revision of an object: above all that this store has given, and that meters are known to hold.

    A number in the upper half of all numbers is believed of nobody: a meter whose key was stolen can lift a
    counter, and leaves as many numbers as anybody will need.
    """
    number = _next_rev(session, object_name)
    known = select(func.max(CounterRow.value)).where(
        col(CounterRow.name).startswith(f"{_KNOWN}{object_name}/", autoescape=True),
        col(CounterRow.value) <= BELIEVED_MAX,
    )
    highest = session.exec(known).one() or 0
    if highest >= number:
        raise_number(session, f"rev/{object_name}", highest)
        number = _next_rev(session, object_name)
    return number


def lift_revs(session: Session, by: int) -> None:
    """Number every object higher by `by`: so many numbers at most were given of each, and are not known here.

    What has no number yet begins above them.
    """
    lift_numbers(session, "rev/", by, _LIFTED_MAX)
    base = session.get(CounterRow, _BASE)
    raise_number(session, _BASE, by + (0 if base is None else base.value))


def lifted_by(session: Session) -> int:
    """By how much `lift_revs` has numbered everything higher, in all."""
    base = session.get(CounterRow, _BASE)
    return 0 if base is None else min(base.value, REV_MAX)


def draw_release_number(session: Session, keyid: str, meters: Iterable[str] = ()) -> int:
    """The next number of a key for a release of these meters; of the whole fleet where none is named.

    It is above all numbers that the key has given here, and above what these meters say they know.
    """
    object_name = object_of(Kind.RELEASE, keyid)
    number = _next_rev(session, object_name)
    shared = _highest_within_a_step(session, object_name, number)
    if shared >= number:
        raise_number(session, f"rev/{object_name}", shared)
        number = _next_rev(session, object_name)
    names = [f"{_KNOWN}{object_name}/{meter}" for meter in meters]
    own = select(func.max(CounterRow.value)).where(col(CounterRow.name).in_(names))
    number = max(number, (session.exec(own).one() or 0) + 1)
    # One number is one document: a meter answers another document of a number that it has with a refusal.
    taken = select(OrderRow.rev).where(OrderRow.object == object_name, col(OrderRow.rev) >= number)
    given = set(session.exec(taken))
    while number in given:
        number += 1
    return number


def draw_floor_rev(session: Session, object_name: str, secret: bytes) -> int:
    """The next revision of an object for a floor; `secret` is known to nobody else, and used once."""
    chance = int.from_bytes(sha256(b"floor/" + secret).digest()[:_FLOOR_CHANCE_BYTES], "big")
    rev = draw_rev(session, object_name) + FLOOR_LEAP_MIN + chance
    raise_number(session, f"rev/{object_name}", rev)
    return rev


def _counted(session: Session, names: Collection[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for batch in in_batches(names):
        query = select(CounterRow.name, CounterRow.value).where(col(CounterRow.name).in_(batch))
        found |= dict(iter(session.exec(query)))
    return found


def _next_rev(session: Session, object_name: str) -> int:
    number = next_number(session, f"rev/{object_name}")
    base = session.get(CounterRow, _BASE) if number == 1 else None
    if base is not None:
        raise_number(session, f"rev/{object_name}", base.value)
        number = next_number(session, f"rev/{object_name}")
    return number


def _highest_within_a_step(session: Session, object_name: str, number: int) -> int:
    """The highest number that any meter knows of this key, not counting what is no step but a leap."""
    prefix = f"{_KNOWN}{object_name}/"
    known = select(func.max(CounterRow.value)).where(
        col(CounterRow.name).startswith(prefix, autoescape=True),
        col(CounterRow.value) <= number + REV_STEP_MAX,
    )
    return session.exec(known).one() or 0


def _number_of(named: Named) -> int:
    if named.object.startswith(CATCH_ALL):
        # Its revs are the begin and end of what it protects.
        return named.floor
    if named.object.startswith(_RELEASE):
        return max((named.floor, *named.revs))
    above = tuple(Revision(rev, 0, 0) for rev in sorted(named.revs) if rev > named.floor)
    return highest_known(Protection(Revision(named.floor, 0, 0), above))
