"""A threshold counts people: no number of keys, copies or roles makes one person two."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocols.documents.envelope import Signer, add_signature, seal
from protocols.documents.kind_rule import Role
from protocols.documents.orders import ORDER_TYPE, TIME_TYPE
from protocols.documents.roles import (
    ROOT_TYPE,
    Key,
    RoleKeys,
    Root,
    accept_root,
    meets,
    open_first_root,
    open_signed,
    read_root,
    root_allows,
    time_source,
    write_root,
)
from protocols.errors import DocumentError
from protocols.limits import KEYS_MAX, SIGNATURES_MAX
from protocols.reasons import Refusal, Source

Change = Callable[[dict[str, Any]], object]

YEAR_END_MS = 1_609_455_600_000

# Ann holds two keys: one on paper, one on a stick.
HOLDERS = ("ann", "ann", "ben", "cleo", "service", "headend", "timeserver")
SIGNERS = tuple(Signer.from_seed(bytes([number]) * 32) for number in range(1, len(HOLDERS) + 1))
ANN, ANN_TOO, BEN, CLEO, SERVICE, HEADEND, TIMESERVER = SIGNERS
STRANGER = Signer.from_seed(bytes([99]) * 32)


def listed(threshold: int, *signers: Signer) -> RoleKeys:
    return RoleKeys(threshold, tuple(signer.keyid for signer in signers))


ROOT = Root(
    version=3,
    expires_ms=YEAR_END_MS,
    keys={
        signer.keyid: Key(signer.public.hex(), holder)
        for signer, holder in zip(SIGNERS, HOLDERS, strict=True)
    },
    roles={
        Role.ROOT: listed(2, ANN, ANN_TOO, BEN, CLEO),
        Role.HARM: listed(2, ANN, ANN_TOO, BEN),
        Role.PROTECT: listed(1, ANN, CLEO),
        Role.LEASE: listed(1, SERVICE),
        Role.TIME: listed(1, HEADEND, TIMESERVER),
    },
)


def order_by(*signers: Signer) -> bytes:
    return seal(b"{}", ORDER_TYPE, signers)


@given(signers=st.lists(st.sampled_from((*SIGNERS, STRANGER)), max_size=7, unique_by=lambda each: each.keyid))
def test_a_role_is_met_by_enough_distinct_holders_of_its_listed_keys_and_by_nothing_else(
    signers: list[Signer],
) -> None:
    holder_of = dict(zip([signer.keyid for signer in SIGNERS], HOLDERS, strict=True))
    signed = open_signed(order_by(*signers), ROOT, ORDER_TYPE)

    for role, rule in ROOT.roles.items():
        people = {holder_of[signer.keyid] for signer in signers if signer.keyid in rule.keyids}
        assert signed.holders(role) == people
        assert meets(signed, ROOT, role) == (len(people) >= rule.threshold)


@pytest.mark.parametrize(
    ("signers", "met"),
    [
        #  signed by              may
        ((), []),
        ((ANN,), [Role.PROTECT]),
        ((ANN, ANN_TOO), [Role.PROTECT]),  # two keys of one person are one person
        ((ANN, BEN), [Role.PROTECT, Role.HARM, Role.ROOT]),
        ((ANN_TOO, BEN), [Role.HARM, Role.ROOT]),
        ((ANN, CLEO), [Role.PROTECT, Role.ROOT]),  # Cleo may protect, not harm
        ((BEN,), []),  # Ben may harm with another, and protect no one by that
        ((ANN, SERVICE), [Role.PROTECT, Role.LEASE]),
        ((HEADEND, TIMESERVER), [Role.TIME]),
        ((STRANGER, BEN), []),
    ],
)
def test_who_may_do_what(signers: Sequence[Signer], met: list[Role]) -> None:
    signed = open_signed(order_by(*signers), ROOT, ORDER_TYPE)
    assert {role for role in Role if meets(signed, ROOT, role)} == set(met)


def test_one_signature_pasted_in_again_is_still_one_person() -> None:
    wire = json.loads(order_by(ANN))
    wire["signatures"] *= 4
    signed = open_signed(json.dumps(wire).encode(), ROOT, ORDER_TYPE)
    assert not meets(signed, ROOT, Role.HARM)


def test_a_role_that_the_root_does_not_name_is_met_by_nobody() -> None:
    bare = replace(ROOT, roles={role: ROOT.roles[role] for role in (Role.ROOT, Role.HARM)})
    assert not meets(open_signed(order_by(*SIGNERS), bare, ORDER_TYPE), bare, Role.LEASE)


def test_a_document_does_not_pass_for_another_type() -> None:
    with pytest.raises(DocumentError, match=r"payloadType 'application/vnd\.relance\.order"):
        open_signed(order_by(ANN), ROOT, TIME_TYPE)


@pytest.mark.parametrize(
    ("role", "latest_ms", "allowed"),
    [
        (Role.HARM, YEAR_END_MS - 1, True),
        (Role.HARM, YEAR_END_MS, False),
        (Role.HARM, None, False),  # an unbounded clock may be past any date
        (Role.LEASE, YEAR_END_MS - 1, True),
        (Role.LEASE, YEAR_END_MS, False),
        (Role.PROTECT, YEAR_END_MS, True),
        (Role.PROTECT, None, True),
        (Role.TIME, None, True),
        (Role.ROOT, None, True),  # or an expired root could never be replaced
    ],
)
def test_an_expired_root_ends_harm_and_leases_and_never_protection(
    role: Role, latest_ms: int | None, allowed: bool
) -> None:
    assert root_allows(ROOT, role, latest_ms) is allowed


@pytest.mark.parametrize(
    ("signers", "source"),
    [
        ((HEADEND,), Source.HEADEND),
        ((TIMESERVER,), Source.TIMESERVER),
        ((HEADEND, TIMESERVER), None),  # one time under two names is not two witnesses
        ((HEADEND, ANN), Source.HEADEND),
        ((ANN,), None),
        ((STRANGER,), None),
        ((), None),
    ],
)
def test_a_time_belongs_to_the_one_authority_that_signed_it(
    signers: Sequence[Signer], source: Source | None
) -> None:
    signed = open_signed(seal(b"{}", TIME_TYPE, signers), ROOT, TIME_TYPE)
    assert time_source(signed, ROOT) is source


NEW_ANN = Signer.from_seed(bytes([50]) * 32)
# Ann has lost both keys and has a new one.
NEXT = replace(
    ROOT,
    version=4,
    keys={
        **{keyid: key for keyid, key in ROOT.keys.items() if key.holder != "ann"},
        NEW_ANN.keyid: Key(NEW_ANN.public.hex(), "ann"),
    },
    roles={
        **ROOT.roles,
        Role.ROOT: listed(2, NEW_ANN, BEN, CLEO),
        Role.HARM: listed(2, NEW_ANN, BEN),
        Role.PROTECT: listed(1, NEW_ANN, CLEO),
    },
)


@pytest.mark.parametrize(
    ("version", "signers", "outcome"),
    [
        (4, (BEN, CLEO), None),  # both roots know them
        (9, (BEN, CLEO), None),  # a missed root may be stepped over
        (4, (ANN, BEN, CLEO), None),
        (4, (ANN, NEW_ANN, BEN), None),
        (4, (ANN, BEN), Refusal.TOO_FEW_SIGNERS),  # the new root alone counts one
        (4, (NEW_ANN, BEN), Refusal.TOO_FEW_SIGNERS),  # the current root alone counts one
        (4, (BEN,), Refusal.TOO_FEW_SIGNERS),
        (3, (BEN, CLEO), Refusal.STALE_REV),
        (2, (BEN, CLEO), Refusal.STALE_REV),
    ],
)
def test_a_new_root_is_signed_as_the_old_and_the_new_one_demand(
    version: int, signers: Sequence[Signer], outcome: Refusal | None
) -> None:
    new = replace(NEXT, version=version)
    data = seal(write_root(new), ROOT_TYPE, ())
    for signer in signers:
        data = add_signature(data, signer)
    assert accept_root(data, ROOT) == (outcome or new)


def test_a_root_reads_back_as_it_was_written() -> None:
    assert read_root(write_root(ROOT)) == ROOT


def without(role: Role) -> dict[Role, RoleKeys]:
    return {each: rule for each, rule in ROOT.roles.items() if each is not role}


WRONG_ROOTS = {
    "is not the SHA-256 of its public key": replace(
        ROOT, keys={**ROOT.keys, STRANGER.keyid: Key(ANN.public.hex(), "eve")}
    ),
    "roles: harm is missing": replace(ROOT, roles=without(Role.HARM)),
    "roles: root is missing": replace(ROOT, roles=without(Role.ROOT)),
    f"roles: protect: no key {STRANGER.keyid}": replace(
        ROOT, roles={**ROOT.roles, Role.PROTECT: listed(1, STRANGER)}
    ),
    "roles: harm: a key is listed twice": replace(
        ROOT, roles={**ROOT.roles, Role.HARM: listed(2, ANN, BEN, BEN)}
    ),
    "roles: harm: threshold 1; at least 2": replace(
        ROOT, roles={**ROOT.roles, Role.HARM: listed(1, ANN, BEN)}
    ),
    "roles: root: threshold 1; at least 2": replace(
        ROOT, roles={**ROOT.roles, Role.ROOT: listed(1, ANN, BEN)}
    ),
    "roles: harm: threshold 2, but only 1 holders": replace(
        ROOT, roles={**ROOT.roles, Role.HARM: listed(2, ANN, ANN_TOO)}
    ),
    "harm lists a key of a machine": replace(ROOT, roles={**ROOT.roles, Role.HARM: listed(2, ANN, SERVICE)}),
    "root lists a key of a machine": replace(ROOT, roles={**ROOT.roles, Role.ROOT: listed(2, ANN, HEADEND)}),
    "roles: time: holder 'cleo'; allowed: headend": replace(
        ROOT, roles={**ROOT.roles, Role.TIME: listed(1, HEADEND, CLEO)}
    ),
    "roles: time: threshold 2; each authority speaks for itself": replace(
        ROOT, roles={**ROOT.roles, Role.TIME: listed(2, HEADEND, TIMESERVER)}
    ),
    "Expected `int` >= 1": replace(ROOT, roles={**ROOT.roles, Role.PROTECT: listed(0, ANN)}),
}


@pytest.mark.parametrize("says", WRONG_ROOTS)
def test_a_root_that_contradicts_itself_is_neither_written_nor_read(says: str) -> None:
    with pytest.raises(DocumentError) as caught:
        write_root(WRONG_ROOTS[says])
    assert says in str(caught.value)


def test_a_first_root_is_signed_by_as_many_as_it_demands() -> None:
    assert open_first_root(seal(write_root(ROOT), ROOT_TYPE, [ANN, BEN])) == ROOT
    with pytest.raises(DocumentError, match="not signed by as many people as it demands"):
        open_first_root(seal(write_root(ROOT), ROOT_TYPE, [ANN]))


@given(data=st.binary(max_size=100) | st.integers(1, 5_000).map(lambda depth: b'{"keys":' + b'{"a":' * depth))
def test_garbage_is_no_root(data: bytes) -> None:
    with pytest.raises(DocumentError):
        read_root(data)
    with pytest.raises(DocumentError):
        accept_root(seal(data, ROOT_TYPE, [BEN, CLEO]), ROOT)


def crowded(people: int) -> Root:
    """As many people as a root has room for, each with the longest name that is allowed."""
    signers = [Signer.from_seed(number.to_bytes(32, "big")) for number in range(1, people + 6)]
    names = [f"{number:064d}" for number in range(people)] + ["service", *Source]
    operators, service, times = signers[:people], signers[people], signers[people + 1 :]
    return Root(
        version=7,
        expires_ms=YEAR_END_MS,
        keys={each.keyid: Key(each.public.hex(), name) for each, name in zip(signers, names, strict=True)},
        roles={
            Role.PROTECT: listed(1, *operators),
            Role.HARM: listed(2, *operators),
            Role.ROOT: listed(2, *operators),
            Role.LEASE: listed(1, service),
            Role.TIME: listed(1, *times),
        },
    )


@pytest.mark.parametrize("people", [2, 5, 12, 20, KEYS_MAX - 5])
def test_a_root_of_any_number_of_people_fits_a_message_with_all_its_signatures(people: int) -> None:
    root = crowded(people)
    payload = write_root(root)
    assert read_root(payload) == root
    operators = [Signer.from_seed(number.to_bytes(32, "big")) for number in range(1, people + 1)]
    sealed = seal(payload, ROOT_TYPE, operators[:SIGNATURES_MAX])
    assert open_first_root(sealed) == root
    assert accept_root(sealed, replace(root, version=6)) == root
    # Firmware of before reads roots of up to some twenty people as before.
    assert json.loads(payload)["v"] == (1 if people <= 20 else 2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda wire: wire["keys"].append(wire["keys"][0]), "listed twice"),
        (lambda wire: wire["roles"]["harm"]["keys"].append(39), "place without a key"),
        (lambda wire: wire["roles"].pop("root"), "root is missing"),
        (lambda wire: wire["roles"]["harm"]["keys"].append(0), "listed twice"),
        (lambda wire: wire.update(v=3), "Expected"),
        (lambda wire: wire.update(more=1), "more"),
    ],
)
def test_a_short_root_that_contradicts_itself_is_not_read(change: Change, says: str) -> None:
    wire = json.loads(write_root(crowded(30)))
    change(wire)
    with pytest.raises(DocumentError, match=says):
        read_root(json.dumps(wire).encode())


def test_a_root_that_contradicts_itself_is_not_written_in_the_short_form_either() -> None:
    root = crowded(30)
    unknown = replace(root, roles={**root.roles, Role.HARM: listed(2, STRANGER, *SIGNERS[:2])})
    with pytest.raises(DocumentError, match="no key"):
        write_root(unknown)
