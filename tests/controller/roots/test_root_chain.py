"""However people came, went and got new keys while a meter slept, it comes to the root in force."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from controller.office.root_chain import ChainedRoot, RootChain
from controller.roots.rules import (
    ROLES_OF_PEOPLE,
    Newcomer,
    RootChange,
    change_between,
    check_follows,
    machines_of,
    next_root,
    people_of,
    roles_of,
)
from protocols.documents.envelope import Signer, seal
from protocols.documents.kind_rule import Role
from protocols.documents.roles import ROOT_TYPE, Key, RoleKeys, Root, accept_root, read_root, write_root
from protocols.errors import InputError
from protocols.reasons import Source
from tests.emulator.firmware.guarded.workbench import MONDAY_MS

FIRST_PEOPLE = ("anne", "bart", "carl")
NAMES = (*FIRST_PEOPLE, "dora", "eric", "fay")


@cache
def key(name: str, number: int) -> Signer:
    """The key that somebody has for the n-th time."""
    return Signer.from_seed(sha256(f"{name} {number}".encode()).digest())


def first_root() -> Root:
    """As `relance init` makes it."""
    people = tuple(key(name, 0).keyid for name in FIRST_PEOPLE)
    machines = {name: key(name, 0) for name in ("service", *Source)}
    return Root(
        version=1,
        expires_ms=MONDAY_MS,
        keys={
            signer.keyid: Key(signer.public.hex(), name)
            for name, signer in {**{each: key(each, 0) for each in FIRST_PEOPLE}, **machines}.items()
        },
        roles={
            Role.PROTECT: RoleKeys(1, people),
            Role.HARM: RoleKeys(2, people),
            Role.ROOT: RoleKeys(2, people),
            Role.LEASE: RoleKeys(1, (machines["service"].keyid,)),
            Role.TIME: RoleKeys(1, tuple(machines[source].keyid for source in Source)),
        },
    )


@dataclass
class Years:
    """What happened among the people, and every root that was in force, signed by two of each side."""

    roots: list[Root] = field(default_factory=lambda: [first_root()])
    envelopes: list[bytes] = field(default_factory=lambda: [seal(write_root(first_root()), ROOT_TYPE, ())])
    keys: dict[str, int] = field(default_factory=dict)
    retired: dict[str, str] = field(default_factory=dict)

    @property
    def last(self) -> Root:
        return self.roots[-1]

    def signers_of(self, root: Root, turn: int) -> list[Signer]:
        """Two people of role root, each with the key that this root lists."""
        names = [name for name in people_of(root) if Role.ROOT in roles_of(root, name)]
        chosen = [names[(turn + place) % len(names)] for place in (0, 1)]
        return [signer for name in chosen for signer in self.all_keys(name) if signer.keyid in root.keys]

    def all_keys(self, name: str) -> list[Signer]:
        return [key(name, number) for number in range(self.keys.get(name, 0) + 1)]

    def happen(self, change: RootChange, turn: int) -> None:
        new = next_root(self.last, change, MONDAY_MS, retired=self.retired)
        check_follows(self.last, new, MONDAY_MS, self.retired)
        assert change_between(self.last, new) == change
        signers = [*self.signers_of(self.last, turn), *self.signers_of(new, turn)]
        envelope = seal(write_root(new), ROOT_TYPE, signers)
        assert accept_root(envelope, self.last) == new
        for keyid in self.last.keys.keys() - new.keys.keys():
            self.retired[keyid] = self.last.keys[keyid].holder
        self.roots.append(new)
        self.envelopes.append(envelope)

    def next_key(self, name: str) -> str:
        """A key that this person never had."""
        had = any(each.keyid in self.retired or each.keyid in self.last.keys for each in self.all_keys(name))
        self.keys[name] = self.keys.get(name, 0) + had
        return key(name, self.keys[name]).public.hex()

    def chain(self, known_from: int = 0) -> RootChain:
        return RootChain(list(map(ChainedRoot, self.roots, self.envelopes))[known_from:])


Happening = tuple[str, str, frozenset[Role], int]
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(("come", "go", "rotate", "roles")),
        st.sampled_from((*NAMES, "service", *Source)),
        st.frozensets(st.sampled_from(ROLES_OF_PEOPLE), min_size=1),
        st.integers(0, 5),
    ),
    max_size=12,
)


def change_of(years: Years, what: str, name: str, roles: frozenset[Role]) -> RootChange:
    """What a command would propose."""
    match what:
        case "come":
            return RootChange(added=(Newcomer(name, years.next_key(name), roles),))
        case "go":
            return RootChange(dropped=frozenset({name}))
        case "rotate":
            return RootChange(rotated={name: years.next_key(name)})
        case _:
            return RootChange(roles={name: roles})


def years_of(happenings: Sequence[Happening]) -> Years:
    """The years in which all this happened that is allowed."""
    years = Years()
    for what, name, roles, turn in happenings:
        changes_nothing = what == "roles" and roles == roles_of(years.last, name)
        is_machine = what == "come" and name in {"service", *Source}
        if changes_nothing or is_machine:
            continue
        with suppress(InputError):
            years.happen(change_of(years, what, name, roles), turn)
    return years


def takes(held: Root, envelopes: Sequence[bytes]) -> Root:
    """What a meter holds after these: it asks `accept_root`, and keeps what it has otherwise."""
    for envelope in envelopes:
        found = accept_root(envelope, held)
        held = found if isinstance(found, Root) else held
    return held


@given(HAPPENINGS)
def test_from_every_root_that_was_in_force_the_steps_lead_to_the_last(happenings: list[Happening]) -> None:
    years = years_of(happenings)
    chain = years.chain()
    for held in years.roots:
        steps = chain.steps_from(held.version)
        assert takes(held, steps) == years.last
        walked = chain.walk(held)
        assert (held if walked is None else walked.root) == years.last
        assert len(steps) <= years.last.version - held.version


@given(HAPPENINGS, st.data())
def test_a_store_that_does_not_know_the_meters_root_sends_all_later_ones(
    happenings: list[Happening], data: st.DataObject
) -> None:
    years = years_of(happenings)
    place = data.draw(st.integers(0, len(years.roots) - 1))
    held = years.roots[place]
    assert takes(held, years.chain(known_from=place + 1).steps_from(held.version)) == years.last


@given(HAPPENINGS, st.randoms(use_true_random=False))
def test_lost_and_disordered_messages_delay_it_and_no_more(
    happenings: list[Happening], chance: object
) -> None:
    years = years_of(happenings)
    chain, held = years.chain(), years.roots[0]
    for sync in range(len(years.roots) + 3):
        steps = list(chain.steps_from(held.version))
        chance.shuffle(steps)  # type: ignore[attr-defined] # hypothesis' Random
        lost = sync < 3 and chance.random() < 0.5  # type: ignore[attr-defined] # as above
        held = takes(held, steps[:-1] if lost else steps)
    assert held == years.last


@given(HAPPENINGS, st.sampled_from(NAMES), st.data())
def test_one_persons_keys_of_all_years_bring_no_root_back(
    happenings: list[Happening], thief: str, data: st.DataObject
) -> None:
    """Whoever has stolen all that one person ever signed with, and has recorded every document."""
    years = years_of(happenings)
    stolen = years.all_keys(thief)
    old = data.draw(st.sampled_from(years.roots))
    again = replace(old, version=years.last.version + 1)
    for held in years.roots:
        assert takes(held, [seal(write_root(again), ROOT_TYPE, stolen)]) == held
        own = Newcomer("mallory", key("mallory", 0).public.hex(), frozenset(ROLES_OF_PEOPLE))
        grabbed = replace(next_root(held, RootChange(added=(own,)), MONDAY_MS), version=again.version)
        assert takes(held, [seal(write_root(grabbed), ROOT_TYPE, [*stolen, key("mallory", 0)])]) == held
    assert takes(years.last, years.envelopes) == years.last, "nothing recorded goes back"


@given(HAPPENINGS, st.data())
def test_all_keys_that_count_no_more_make_no_root_together(
    happenings: list[Happening], data: st.DataObject
) -> None:
    years = years_of(happenings)
    retired = [signer for name in NAMES for signer in years.all_keys(name) if signer.keyid in years.retired]
    old = data.draw(st.sampled_from(years.roots))
    again = seal(write_root(replace(old, version=years.last.version + 1)), ROOT_TYPE, retired[:8])
    assert takes(years.last, [again]) == years.last


@given(HAPPENINGS)
def test_nobody_ever_has_two_keys_and_no_role_too_few_people(happenings: list[Happening]) -> None:
    for root in years_of(happenings).roots:
        assert read_root(write_root(root)) == root
        holders = [each.holder for each in root.keys.values()]
        assert len(holders) == len(set(holders))
        assert machines_of(root) == {"service", *Source}
        for rule in root.roles.values():
            assert len({root.keys[keyid].holder for keyid in rule.keyids}) >= rule.threshold
