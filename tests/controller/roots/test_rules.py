"""The next root: a year more, the same people less those who are dropped, and never too few of them."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from controller.roots.rules import (
    ROOT_LIFE_MS,
    WAITS_MS_MAX,
    Newcomer,
    RootChange,
    check_follows,
    next_root,
    takes_signers,
)
from protocols.documents.envelope import keyid_of
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Key, Root, read_root, write_root
from protocols.errors import InputError, RefusedError
from protocols.instants import DAY_MS
from protocols.limits import REV_MAX, REV_STEP_MAX
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, PEOPLE, ROOT, SIGNERS

OPERATORS = tuple(name for role in (Role.PROTECT, Role.HARM, Role.ROOT) for name in PEOPLE[role])


def drop(names: Iterable[str]) -> RootChange:
    return RootChange(dropped=frozenset(names))


@given(st.sets(st.sampled_from(OPERATORS)))
def test_a_next_root_is_good_or_refused_and_drops_exactly_whom_it_should(dropped: set[str]) -> None:
    left = {role: [name for name in PEOPLE[role] if name not in dropped] for role in PEOPLE}
    if any(len(left[role]) < ROOT.roles[role].threshold for role in PEOPLE):
        with pytest.raises(InputError, match="would be left"):
            next_root(ROOT, drop(dropped), MONDAY_MS)
        return
    root = next_root(ROOT, drop(dropped), MONDAY_MS)
    assert read_root(write_root(root)) == root
    assert (root.version, root.expires_ms) == (ROOT.version + 1, MONDAY_MS + ROOT_LIFE_MS)
    assert ROOT.keys.keys() - root.keys.keys() == {SIGNERS[name].keyid for name in dropped}
    assert takes_signers(ROOT, root) == bool(dropped)
    for role, names in left.items():
        assert root.roles[role].threshold == ROOT.roles[role].threshold
        assert root.roles[role].keyids == tuple(SIGNERS[name].keyid for name in names)


@pytest.mark.parametrize("dropped", [["nobody"], ["service"], ["headend"], ["anna", "timeserver"]])
def test_strangers_and_machines_are_not_dropped(dropped: Sequence[str]) -> None:
    with pytest.raises(InputError, match=r"root: it lists no person .*; allowed: anna, bert"):
        next_root(ROOT, drop(dropped), MONDAY_MS)


@pytest.mark.parametrize("version", [ROOT.version + REV_STEP_MAX + 2, REV_MAX])
def test_nobody_signs_a_root_that_leaves_no_number_for_the_next_one(version: int) -> None:
    made = replace(next_root(ROOT, drop(()), MONDAY_MS), version=version)
    with pytest.raises(RefusedError, match=f"root {version}: the last one is 1; allowed: a number near it"):
        check_follows(ROOT, made, MONDAY_MS)
    check_follows(ROOT, next_root(ROOT, drop(()), MONDAY_MS, ROOT.version + REV_STEP_MAX), MONDAY_MS)


def test_a_proposal_waits_a_quarter_of_a_year_for_its_second_person() -> None:
    made = next_root(ROOT, drop(()), MONDAY_MS)
    check_follows(ROOT, made, MONDAY_MS + WAITS_MS_MAX)
    with pytest.raises(RefusedError, match="propose it anew"):
        check_follows(ROOT, made, MONDAY_MS + WAITS_MS_MAX + 1)


STRANGER = Key(holder="dave", public="ab" * 32)


@given(st.sets(st.sampled_from(OPERATORS), max_size=1), st.integers(0, 2 * DAY_MS))
def test_what_is_proposed_may_be_signed(dropped: set[str], late_ms: int) -> None:
    if all(len(set(PEOPLE[role]) - dropped) >= ROOT.roles[role].threshold for role in PEOPLE):
        check_follows(ROOT, next_root(ROOT, drop(dropped), MONDAY_MS + late_ms, 7), MONDAY_MS)


@pytest.mark.parametrize(
    "made",
    [
        replace(ROOT, version=2, keys={**ROOT.keys, "ab" * 32: STRANGER}),
        replace(
            ROOT, version=2, roles={**ROOT.roles, Role.HARM: replace(ROOT.roles[Role.HARM], threshold=1)}
        ),
        replace(ROOT, version=2, roles={**ROOT.roles, Role.LEASE: ROOT.roles[Role.PROTECT]}),
        replace(ROOT, version=2, expires_ms=MONDAY_MS + ROOT_LIFE_MS + 3 * DAY_MS),
        replace(next_root(ROOT, drop(()), MONDAY_MS), expires_ms=MONDAY_MS + DAY_MS),
    ],
    ids=["a key more", "one person harms", "another service", "for longer", "over tomorrow"],
)
def test_nobody_signs_a_root_that_does_more_than_drop_people(made: Root) -> None:
    with pytest.raises(RefusedError, match="root 2: "):
        check_follows(ROOT, made, MONDAY_MS)


DAVE = Newcomer("dave", "ab" * 32, frozenset({Role.HARM}))
ROOT_ROLES = frozenset({Role.ROOT})


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (RootChange(dropped=frozenset({"gina"})), "root takes 2 people, and 1 would be left"),
        (RootChange(roles={"gina": frozenset({Role.HARM})}), "root takes 2 people, and 1 would be left"),
        (RootChange(added=(replace(DAVE, name="Anna"),)), "it lists anna already; allowed: another name"),
        (RootChange(added=(replace(DAVE, name="service"),)), "it lists service already"),
        (RootChange(added=(replace(DAVE, public=SIGNERS["anna"].public.hex()),)), "is or was that of anna"),
        (RootChange(rotated={"bert": SIGNERS["anna"].public.hex()}), "is or was that of anna"),
        (RootChange(rotated={"anna": SIGNERS["anna"].public.hex()}), "is or was that of anna"),
        (RootChange(added=(replace(DAVE, public="cd" * 32),)), "is or was that of carl"),
        (RootChange(added=(DAVE, replace(DAVE, name="dana"))), "dave: the key .* is or was that of dana"),
        (RootChange(added=(replace(DAVE, roles=frozenset()),)), "one or more of protect, harm, root"),
        (RootChange(added=(replace(DAVE, roles=frozenset({Role.LEASE})),)), "one or more of protect, harm"),
        (RootChange(roles={"service": ROOT_ROLES}), "it lists no person .service.; allowed: anna"),
        (
            RootChange(rotated={"nobody": "ab" * 32}),
            "it lists nobody .nobody.; allowed: anna, .*, timeserver",
        ),
    ],
)
def test_a_change_that_would_take_or_give_too_much_is_refused(change: RootChange, line: str) -> None:
    retired = {keyid_of(bytes.fromhex("cd" * 32)): "carl"}
    with pytest.raises(InputError, match=line):
        next_root(ROOT, change, MONDAY_MS, retired=retired)


def test_a_person_and_not_a_key_is_counted() -> None:
    """Nobody's second key, and no second name for a key, comes in by a root that somebody has forged."""
    keyid = keyid_of(bytes.fromhex("ab" * 32))
    keys = {**ROOT.keys, keyid: Key("ab" * 32, "gina")}
    rule = ROOT.roles[Role.ROOT]
    two_keys = replace(rule, keyids=(*rule.keyids, keyid))
    gina = SIGNERS["gina"].keyid
    renamed = {**ROOT.keys, gina: Key(ROOT.keys[gina].public, "georgina")}
    for forged in (
        replace(ROOT, version=2, keys=keys, roles={**ROOT.roles, Role.ROOT: two_keys}),
        replace(ROOT, version=2, keys=renamed),
    ):
        with pytest.raises(RefusedError, match="as no command does"):
            check_follows(ROOT, forged, MONDAY_MS)
