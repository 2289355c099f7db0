"""The next root: the same people for another year, without those who are dropped (design §5, root)."""

from collections.abc import Collection
from typing import Final

from msgspec.structs import replace

from protocols.documents.kind_rule import Role
from protocols.documents.roles import RoleKeys, Root
from protocols.errors import InputError, RefusedError
from protocols.instants import DAY_MS, iso_from_ms

ROOT_LIFE_MS: Final = 365 * DAY_MS
# Two people's clocks may differ.
_LATER_MS: Final = 2 * DAY_MS
# Roles of machines, whose keys stay: what runs with them would stop.
_OF_MACHINES: Final = (Role.LEASE, Role.TIME)


def next_root(root: Root, dropped: Collection[str], now_ms: int, above: int = 0) -> Root:
    """The root after `root`, which ends a year after `now_ms` and lists no key of those who are `dropped`.

    `above`: a version that meters are known to hold; this one is later.

    Raises InputError for somebody without a key, for a machine, and where a role would have too few people.
    """
    holders = {key.holder for key in root.keys.values()}
    machines = {root.keys[keyid].holder for role in _OF_MACHINES for keyid in _keyids(root, role)}
    for name in dropped:
        if name not in holders - machines:
            allowed = ", ".join(sorted(holders - machines))
            raise InputError(f"--drop: the root lists no person {name}; allowed: {allowed}")
    keys = {keyid: key for keyid, key in root.keys.items() if key.holder not in dropped}
    roles = {
        role: RoleKeys(rule.threshold, tuple(keyid for keyid in rule.keyids if keyid in keys))
        for role, rule in root.roles.items()
    }
    for role, rule in roles.items():
        people = {keys[keyid].holder for keyid in rule.keyids}
        if len(people) < rule.threshold:
            raise InputError(f"--drop: {role} takes {rule.threshold} people, and {len(people)} would be left")
    version = max(root.version, above) + 1
    return replace(root, version=version, expires_ms=now_ms + ROOT_LIFE_MS, keys=keys, roles=roles)


def check_follows(root: Root, new: Root, now_ms: int) -> None:
    """Raises RefusedError for a proposed root that is not what `next_root` makes of this one.

    Whoever holds one key can put any root before the others: with keys of their own, or one that takes a
    single person for harm. Nobody's second signature may carry that to the meters.
    """
    try:
        made = next_root(root, dropped_people(root, new), now_ms)
    except InputError:
        made = None
    if made is None or replace(made, version=new.version, expires_ms=new.expires_ms) != new:
        raise RefusedError(
            f"root {new.version}: adds or changes keys, people or roles; allowed: what `relance root propose`"
            " makes, which drops people at most"
        )
    if new.expires_ms > now_ms + ROOT_LIFE_MS + _LATER_MS:
        raise RefusedError(
            f"root {new.version}: lasts until {iso_from_ms(new.expires_ms)}; allowed: a year from now"
        )


def dropped_people(old: Root, new: Root) -> list[str]:
    """The people of whom the old root lists a key and the new one lists none, by name."""
    kept = {key.holder for key in new.keys.values()}
    return sorted({key.holder for key in old.keys.values()} - kept)


def dropped_keys(old: Root, new: Root) -> frozenset[str]:
    """The keyids that the old root lists and the new one does not."""
    return frozenset(old.keys.keys() - new.keys.keys())


def _keyids(root: Root, role: Role) -> tuple[str, ...]:
    rule = root.roles.get(role)
    return () if rule is None else rule.keyids
