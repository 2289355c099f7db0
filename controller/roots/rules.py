"""The next root: the same people for another year, and what changes among them (design §5, root).

A *change* says who goes, who comes, whose key is replaced, and who acts in other roles. A root is only ever
made of the one before and a change, so that a second person can be told in words what they sign.
"""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from protocols.documents.envelope import keyid_of
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Key, RoleKeys, Root
from protocols.errors import InputError, RefusedError, quoted
from protocols.instants import DAY_MS, iso_from_ms
from protocols.limits import KEYS_MAX, REV_STEP_MAX

ROOT_LIFE_MS: Final = 365 * DAY_MS
# Two people's clocks may differ.
_LATER_MS: Final = 2 * DAY_MS
# A proposal that has waited longer is made anew: its year has run meanwhile.
WAITS_MS_MAX: Final = 92 * DAY_MS
# Roles of machines, whose keys stay or are replaced: without them what runs would stop.
_OF_MACHINES: Final = (Role.LEASE, Role.TIME)
# Roles that a person may have.
ROLES_OF_PEOPLE: Final = (Role.PROTECT, Role.HARM, Role.ROOT)


class Newcomer(Struct, frozen=True):
    """Somebody who comes: the name, the public key as hex, and the roles."""

    name: str
    public: str
    roles: frozenset[Role]


class RootChange(Struct, frozen=True, kw_only=True):
    """What a root changes. `rotated`: the new public key as hex, by holder, also of a machine.

    `roles`: all roles that a person has from now on, by name.
    """

    dropped: frozenset[str] = frozenset()
    added: tuple[Newcomer, ...] = ()
    rotated: Mapping[str, str] = {}
    roles: Mapping[str, frozenset[Role]] = {}

    @property
    def adds_power(self) -> bool:
        """Whether it does more than take people away: then the second person names the very document."""
        return bool(self.added or self.rotated or self.roles)

    @property
    def takes_away(self) -> bool:
        """Whether a key ends with it: that must not wait for a clock."""
        return bool(self.dropped or self.rotated)


def next_root(
    root: Root,
    change: RootChange,
    now_ms: int,
    above: int = 0,
    retired: Mapping[str, str] | None = None,
) -> Root:
    """The root after `root`: it ends a year after `now_ms`, and `change` is made.

    `above`: a version that meters are known to hold; this one is later. `retired`: who held each key that a
    root has dropped, by keyid; such a key never comes back.

    Raises InputError for somebody who is not there, or is already; for a machine that should go or come; for
    a key that somebody has or had; and where a role would have too few people.
    """
    _check_people(root, change)
    keys = {
        keyid: key
        for keyid, key in root.keys.items()
        if key.holder not in change.dropped and key.holder not in change.rotated
    }
    taken = dict(retired or {}) | {keyid: key.holder for keyid, key in root.keys.items()}
    come = {each.name: each.public for each in change.added} | dict(change.rotated)
    for name, public in sorted(come.items()):
        keyid = keyid_of(bytes.fromhex(public))
        if keyid in taken:
            raise InputError(
                f"{name}: the key {keyid[:16]} is or was that of {taken[keyid]}; allowed: a new one"
            )
        taken[keyid] = name
        keys[keyid] = Key(public, name)
    if len(keys) > KEYS_MAX:
        raise InputError(f"root: {len(keys)} keys; allowed: at most {KEYS_MAX}")
    roles = {
        role: RoleKeys(rule.threshold, _listed(root, change, keys, role)) for role, rule in root.roles.items()
    }
    for role, rule in roles.items():
        people = {keys[keyid].holder for keyid in rule.keyids}
        if len(people) < rule.threshold:
            raise InputError(
                f"root: {role} takes {_people(rule.threshold)}, and {len(people)} would be left; "
                "allowed: others come first (`relance operator add`)"
            )
    version = max(root.version, above) + 1
    return replace(root, version=version, expires_ms=now_ms + ROOT_LIFE_MS, keys=keys, roles=roles)


def check_follows(root: Root, new: Root, now_ms: int, retired: Mapping[str, str] | None = None) -> None:
    """Raises RefusedError for a proposed root that is not what `next_root` makes of this one.

    Whoever holds one key can put any root before the others: one that takes a single person for harm, one
    that names another service, one in which a person has two keys. Nobody's second signature may carry that
    to the meters.
    """
    try:
        made = next_root(root, change_between(root, new), now_ms, retired=retired)
    except InputError:
        made = None
    if made is None or replace(made, version=new.version, expires_ms=new.expires_ms) != new:
        raise RefusedError(
            f"root {new.version}: changes keys, people or roles as no command does; allowed: what "
            "`relance operator` and `relance root propose` make"
        )
    if new.expires_ms > now_ms + ROOT_LIFE_MS + _LATER_MS:
        raise RefusedError(
            f"root {new.version}: lasts until {iso_from_ms(new.expires_ms)}; allowed: a year from now"
        )
    if new.expires_ms < now_ms + ROOT_LIFE_MS - WAITS_MS_MAX:
        raise RefusedError(
            f"root {new.version}: lasts until {iso_from_ms(new.expires_ms)} only, as made too long ago or by "
            "a wrong clock; allowed: propose it anew"
        )
    # No command numbers further: what meters and marks say above it is not believed either.
    if new.version > root.version + REV_STEP_MAX + 1:
        raise RefusedError(
            f"root {new.version}: the last one is {root.version}; allowed: a number near it, as "
            "`relance root propose` gives"
        )


def change_between(old: Root, new: Root) -> RootChange:
    """What `new` changes of `old`, as far as one can say it: `check_follows` tells whether that is all."""
    before, after = _keys_by_holder(old), _keys_by_holder(new)
    stay = before.keys() & after.keys()
    return RootChange(
        dropped=frozenset(before.keys() - after.keys()),
        added=tuple(
            Newcomer(name, _last_key(new, after[name]), roles_of(new, name))
            for name in sorted(after.keys() - before.keys())
        ),
        rotated={
            name: _last_key(new, after[name] - before[name])
            for name in sorted(stay)
            if before[name] != after[name] and after[name] - before[name]
        },
        roles={
            name: roles_of(new, name)
            for name in sorted(stay - machines_of(old))
            if roles_of(new, name) != roles_of(old, name)
        },
    )


def takes_signers(old: Root, new: Root) -> bool:
    """Whether a key counts no more for a role: it is dropped, or its holder acts in that role no more."""
    return any(set(_keyids(old, role)) - set(_keyids(new, role)) for role in old.roles)


def roles_of(root: Root, name: str) -> frozenset[Role]:
    """The roles in which somebody may act."""
    return frozenset(
        role
        for role, rule in root.roles.items()
        if any(root.keys[keyid].holder == name for keyid in rule.keyids)
    )


def machines_of(root: Root) -> frozenset[str]:
    """The holders of machines' keys."""
    return frozenset(root.keys[keyid].holder for role in _OF_MACHINES for keyid in _keyids(root, role))


def people_of(root: Root) -> tuple[str, ...]:
    """The people whom the root lists, by name."""
    return tuple(sorted({key.holder for key in root.keys.values()} - machines_of(root)))


def _check_people(root: Root, change: RootChange) -> None:
    people, machines = people_of(root), machines_of(root)
    for name in (*sorted(change.dropped), *sorted(change.roles)):
        if name not in people:
            raise InputError(f"root: it lists no person {quoted(name)}; allowed: {', '.join(people)}")
    for name in sorted(change.rotated):
        if name not in people and name not in machines:
            allowed = ", ".join((*people, *sorted(machines)))
            raise InputError(f"root: it lists nobody {quoted(name)}; allowed: {allowed}")
    folded = {key.holder.casefold(): key.holder for key in root.keys.values()}
    for each in change.added:
        if each.name.casefold() in folded:
            other = folded[each.name.casefold()]
            raise InputError(
                f"root: it lists {other} already; allowed: another name than {quoted(each.name)}"
            )
        folded[each.name.casefold()] = each.name
    for name, roles in [*((each.name, each.roles) for each in change.added), *sorted(change.roles.items())]:
        if not roles or not roles <= set(ROLES_OF_PEOPLE):
            raise InputError(f"{name}: roles of a person are one or more of {', '.join(ROLES_OF_PEOPLE)}")


def _listed(root: Root, change: RootChange, keys: Mapping[str, Key], role: Role) -> tuple[str, ...]:
    """The keyids of a role: a new key stands in the place of its holder's, and whoever comes stands last."""
    new = {key.holder: keyid for keyid, key in keys.items() if keyid not in root.keys}
    listed: list[str] = []
    for keyid in _keyids(root, role):
        name = root.keys[keyid].holder
        if name in change.dropped or role not in change.roles.get(name, {role}):
            continue
        listed.append(new.get(name, keyid))
    come = {each.name: each.roles for each in change.added} | dict(change.roles)
    holders = {keys[keyid].holder for keyid in listed}
    by_holder: dict[str, list[str]] = {}
    for keyid, key in keys.items():
        by_holder.setdefault(key.holder, []).append(keyid)
    for name in sorted(come):
        if role in come[name] and name not in holders:
            listed.extend(by_holder[name])
    return tuple(dict.fromkeys(listed))


def _keys_by_holder(root: Root) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for keyid, key in root.keys.items():
        found.setdefault(key.holder, set()).add(keyid)
    return found


def _last_key(root: Root, keyids: Collection[str]) -> str:
    """The public key: where somebody comes with several, only one, and `check_follows` finds the rest."""
    return root.keys[max(keyids)].public


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _keyids(root: Root, role: Role) -> tuple[str, ...]:
    rule = root.roles.get(role)
    return () if rule is None else rule.keyids
