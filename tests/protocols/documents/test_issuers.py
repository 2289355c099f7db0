"""Two people say who may sign payments; the document is read strictly, and never goes back."""

from hashlib import sha256

import pytest
from msgspec.structs import replace

from protocols.documents.envelope import Signer, document_digest, seal
from protocols.documents.issuers import (
    ISSUERS_TYPE,
    Issuer,
    Issuers,
    accept_issuers,
    has_issued,
    read_issuers,
    write_issuers,
)
from protocols.documents.kind_rule import Role
from protocols.documents.roles import ROOT_TYPE, Key, RoleKeys, Root
from protocols.errors import DocumentError
from protocols.limits import ID_CHARS_MAX, ISSUERS_MAX, PAYLOAD_BYTES_MAX, SIGNATURES_MAX, STATEMENT_UEUR_MAX
from protocols.reasons import Refusal


def signer(name: str) -> Signer:
    return Signer.from_seed(sha256(name.encode()).digest())


ANNA, DORA, ERIC, MACHINE, THIEF = map(signer, ("anna", "dora", "eric", "machine", "thief"))
ROOT = Root(
    version=1,
    expires_ms=1_900_000_000_000,
    keys={
        each.keyid: Key(each.public.hex(), name)
        for name, each in (("anna", ANNA), ("dora", DORA), ("eric", ERIC))
    },
    roles={
        Role.PROTECT: RoleKeys(1, (ANNA.keyid, DORA.keyid, ERIC.keyid)),
        Role.HARM: RoleKeys(2, (DORA.keyid, ERIC.keyid)),
        Role.ROOT: RoleKeys(2, (DORA.keyid, ERIC.keyid)),
    },
)
CONTROLLER = Issuer(
    name="controller", epoch=2, public=MACHINE.public.hex(), allowance_ueur_per_day=500_000_000
)
KIOSK = Issuer(name="kiosk", epoch=1, public=signer("kiosk").public.hex(), allowance_ueur_per_day=1)
CURRENT = Issuers(version=4, issuers=(CONTROLLER, KIOSK))


def sealed(issuers: Issuers, *signers: Signer) -> bytes:
    return seal(write_issuers(issuers), ISSUERS_TYPE, signers or (DORA, ERIC))


def next_issuers(*issuers: Issuer, version: int = 5) -> Issuers:
    return Issuers(version=version, issuers=issuers)


def test_it_is_read_as_it_was_written() -> None:
    assert read_issuers(write_issuers(CURRENT)) == CURRENT
    assert accept_issuers(sealed(CURRENT), ROOT, None) == CURRENT
    assert (CURRENT.of("kiosk"), CURRENT.of("nobody")) == (KIOSK, None)


@pytest.mark.parametrize(
    ("new", "outcome"),
    [
        (next_issuers(CONTROLLER), None),
        (next_issuers(CONTROLLER, version=9), None),
        (next_issuers(), None),
        (next_issuers(replace(CONTROLLER, epoch=3)), None),
        (next_issuers(replace(CONTROLLER, epoch=9), KIOSK), None),
        (next_issuers(CONTROLLER, version=4), Refusal.STALE_REV),
        (next_issuers(CONTROLLER, version=3), Refusal.STALE_REV),
        (next_issuers(replace(CONTROLLER, epoch=1)), Refusal.STALE_REV),
        (next_issuers(replace(CONTROLLER, public=ANNA.public.hex())), Refusal.OUT_OF_RANGE),
    ],
)
def test_what_follows_the_one_in_force(new: Issuers, outcome: Refusal | None) -> None:
    assert accept_issuers(sealed(new), ROOT, CURRENT) == (new if outcome is None else outcome)


@pytest.mark.parametrize(
    "signers", [(ANNA,), (ANNA, DORA), (DORA,), (DORA, THIEF), (ANNA, MACHINE), (DORA, DORA)]
)
def test_fewer_than_two_people_who_may_harm_are_too_few(signers: tuple[Signer, ...]) -> None:
    found = accept_issuers(sealed(next_issuers(CONTROLLER), *signers), ROOT, CURRENT)
    assert found is Refusal.TOO_FEW_SIGNERS


@pytest.mark.parametrize(
    "issuers",
    [
        next_issuers(CONTROLLER, replace(KIOSK, name="controller")),
        next_issuers(CONTROLLER, replace(KIOSK, public=CONTROLLER.public)),
        next_issuers(replace(CONTROLLER, epoch=0)),
        next_issuers(replace(CONTROLLER, allowance_ueur_per_day=0)),
        next_issuers(replace(CONTROLLER, allowance_ueur_per_day=STATEMENT_UEUR_MAX + 1)),
        next_issuers(replace(CONTROLLER, public="ab")),
        next_issuers(replace(CONTROLLER, name="a/b")),
        next_issuers(CONTROLLER, version=0),
        next_issuers(*(replace(KIOSK, name=f"k{n}", public=f"{n:064x}") for n in range(ISSUERS_MAX + 1))),
    ],
)
def test_a_document_out_of_bounds_is_malformed(issuers: Issuers) -> None:
    with pytest.raises(DocumentError, match="issuers"):
        write_issuers(issuers)


def test_another_type_of_document_is_none() -> None:
    with pytest.raises(DocumentError, match="payloadType"):
        accept_issuers(seal(write_issuers(CURRENT), ROOT_TYPE, [DORA, ERIC]), ROOT, None)


def test_as_many_as_may_be_fit_with_all_their_signatures() -> None:
    longest = tuple(
        Issuer(
            name=f"{number:02}".ljust(ID_CHARS_MAX, "x"),
            epoch=2**53 - 1,
            public=f"{number:064x}",
            allowance_ueur_per_day=STATEMENT_UEUR_MAX,
        )
        for number in range(ISSUERS_MAX)
    )
    many = [signer(str(number)) for number in range(SIGNATURES_MAX)]
    assert len(sealed(Issuers(version=2**53 - 1, issuers=longest), *many)) < PAYLOAD_BYTES_MAX


def test_only_the_issuers_own_key_issues() -> None:
    envelope = seal(b"{}", ISSUERS_TYPE, [MACHINE])
    assert has_issued(envelope, CONTROLLER)
    assert not has_issued(envelope, KIOSK)
    assert not has_issued(seal(b"{}", ISSUERS_TYPE, [DORA, ERIC, THIEF]), CONTROLLER)
    assert document_digest(envelope) == sha256(b"{}").hexdigest()
