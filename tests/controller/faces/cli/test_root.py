"""`relance root`: two people renew it or drop a person, and no order in force is left without a signer."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlmodel import select

from controller.database.engine import open_store, writing
from controller.database.tables import MeterRow
from controller.faces.cli.proposals import few_in_words
from controller.office.keys import load_signer
from controller.office.people import load_root
from controller.office.root_store import keep_proposed
from controller.orders.deliveries import step
from controller.orders.life import DeliveryEvent
from controller.payments.requests import KNOWS_NO_ISSUERS
from controller.roots.acts import code_of
from protocols.documents.envelope import seal
from protocols.documents.issuers import Issuers, accept_issuers
from protocols.documents.kind_rule import Role
from protocols.documents.roles import ROOT_TYPE, Key, Root, write_root
from tests.controller.faces.cli.fleet import SEEN_MS, book_requests, store_of
from tests.controller.faces.cli.invocation import PASSPHRASE, call
from tests.emulator.firmware.guarded.workbench import SIGNERS


def test_two_people_renew_the_root(home: Path) -> None:
    before = load_root(home / "root.json")
    assert call(home, "root", "sign").status == 1
    proposed = call(home, "root", "propose", "--as", "anne", "--json")
    assert (proposed.status, proposed.found["in_force"], proposed.found["version"]) == (0, False, 2)
    assert call(home, "root", "show", "--json").found["proposed"]["version"] == 2
    assert load_root(home / "root.json") == before
    again = call(home, "root", "sign", "--as", "anne")
    assert (again.status, again.one_line()) == (
        1,
        "anne has signed root 2 already; it takes a different person: bart or carl",
    )
    signed = call(home, "root", "sign", "--as", "bart")
    assert signed.status == 0
    assert "It is in force here" in signed.out
    after = load_root(home / "root.json")
    assert (after.version, after.keys) == (2, before.keys)
    assert after.expires_ms >= before.expires_ms
    shown = call(home, "root", "show", "--json").found
    assert (shown["version"], shown["proposed"]) == (2, None)


def test_the_root_of_the_store_counts_where_the_file_is_an_older_one(home: Path) -> None:
    old = (home / "root.json").read_bytes()
    call(home, "root", "propose", "--as", "anne")
    call(home, "root", "sign", "--as", "bart")
    (home / "root.json").write_bytes(old)
    assert call(home, "root", "show", "--json").found["version"] == 2


def test_who_is_dropped_leaves_orders_that_others_sign(home: Path) -> None:
    until = ("--until", "2099-06-02T11:00+02:00")
    call(home, "moratorium", "declare", "mora", *until, "--as", "carl")
    call(home, "release", "m00001", "--as", "carl")
    proposed = call(home, "root", "propose", "--drop", "carl", "--as", "anne")
    assert proposed.status == 1
    assert "o000001: no cut (mora)" in proposed.out
    assert "(hold/mora rev 1)" in proposed.out
    assert "Without what it takes away these, in force, have too few signatures" in proposed.out
    assert call(home, "root", "sign", "--drop", "carl", "--as", "bart").status == 1
    signed = call(home, "root", "sign", "--drop", "carl", "--as", "bart", "--countersign", "--json")
    assert signed.status == 0
    hold, release = signed.found["countersigned"]
    assert (hold, release.split("/")[0]) == ("o000001 hold/mora", "o000003 release")
    assert (signed.found["stranded"], signed.found["in_force"]) == ([], True)
    assert call(home, "orders", "show", "o000001", "--json").found["signed_by"] == ["bart"]
    old, new = (call(home, "orders", "show", order, "--json").found for order in ("o000002", "o000003"))
    assert (old["state"], new["state"], new["signed_by"]) == ("superseded", "active", ["bart"])
    assert (new["scope"], new["body"]) == (old["scope"], old["body"])


MANY = (*(f"o0000{each} hold/h{each}" for each in range(10, 42)), "o000050 tariff/base", "issuers/1")


@pytest.mark.parametrize(
    ("orders", "told"),
    [
        ((), []),
        (("o000002 hold/a", "issuers/1"), ["o000002 hold/a", "issuers/1"]),
        (MANY, ["32 orders hold/…, o000010 to o000041", "o000050 tariff/base", "issuers/1"]),
    ],
)
def test_many_orders_are_told_by_their_kind(orders: tuple[str, ...], told: list[str]) -> None:
    assert few_in_words(orders, {}) == told


def test_a_root_proposed_with_countersigning_always_ends_in_force(home: Path) -> None:
    """Also where the second signer alone can give what an order lacks, and asks for nothing."""
    span = ("--from", "2099-05-01T00:00+02:00", "--until", "2099-06-30T11:00+02:00")
    made = call(home, "calendar", "set", "--rule", "mon-thu 08:00-12:00", *span, "--as", "carl", "--json")
    assert made.found["id"] == "o000001"
    assert call(home, "orders", "sign", "o000001", "--as", "anne").status == 0
    call(home, "moratorium", "declare", "mora", "--until", "2099-06-02T11:00+02:00", "--as", "carl")
    call(home, "release", "--all", "--as", "carl")
    asked = call(home, "root", "propose", "--drop", "carl", "--countersign", "--as", "anne", "--json")
    proposed = asked.found
    assert proposed["countersigning"]
    assert [each.split()[1].split("/")[0] for each in proposed["countersigned"]] == ["hold", "release"]
    assert proposed["stranded"] == [f"o000001 {made.found['object']}"], "anne has signed it already"
    signed = call(home, "root", "sign", "--drop", "carl", "--as", "bart", "--json")
    assert (signed.status, signed.found["in_force"]) == (0, True)
    assert signed.found["countersigned"] == proposed["stranded"]


def test_what_an_issuer_has_signed_stands_on_nobodys_key(home: Path) -> None:
    """Who drops a colleague does not sign a payment with it; nor if the colleague alone has signed it too."""
    call(home, "topup", "m00001", "--eur", "30000", "--id", "big", "--as", "anne")
    call(home, "topup", "m00002", "--eur", "30000", "--id", "big-2", "--as", "anne")
    book_requests(home)
    assert call(home, "orders", "sign", "o000002", "--as", "carl").status == 0
    call(home, "moratorium", "declare", "mora", "--until", "2099-06-02T11:00+02:00", "--as", "carl")
    asked = call(home, "operator", "revoke", "carl", "--countersign", "--as", "anne", "--json").found
    assert (asked["countersigned"], asked["stranded"]) == (["o000003 hold/mora"], [])
    assert call(home, "root", "sign", "--drop", "carl", "--as", "bart", "--json").found["in_force"]
    for order in ("o000001", "o000002"):
        assert call(home, "orders", "show", order, "--json").found["signed_by"] == []


def test_a_payment_that_a_person_has_signed_never_comes_along(home: Path) -> None:
    with store_of(home) as session:
        for meter in session.exec(select(MeterRow)):
            meter.issuers_version = KNOWS_NO_ISSUERS
            session.add(meter)
    for number in ("1", "2"):
        call(home, "topup", f"m0000{number}", "--eur", "20", "--id", f"p{number}", "--as", "carl")
    with store_of(home) as session:
        for event in (DeliveryEvent.TAKEN, DeliveryEvent.HELD, DeliveryEvent.READ_BACK):
            step(session, event, SEEN_MS, order_id="o000002", meters=["m00002"])
    asked = call(home, "operator", "revoke", "carl", "--countersign", "--as", "bart")
    assert asked.status == 1
    assert "o000001: credit for" in asked.out
    assert "o000002" not in asked.out, "it is credited"
    assert "Payments are signed by themselves: `relance orders sign o000001`." in asked.out
    signed = call(home, "root", "sign", "--drop", "carl", "--as", "anne", "--json").found
    assert (signed["in_force"], signed["stranded"]) == (False, ["o000001 payment/controller"])
    again = call(home, "orders", "sign", "o000001", "--as", "carl")
    assert "carl has signed o000001 already" in again.one_line()
    assert call(home, "orders", "sign", "o000001", "--as", "anne", "--json").found["signed_by"] == [
        "anne",
        "carl",
    ]
    assert call(home, "root", "sign", "--drop", "carl", "--as", "anne", "--json").found["in_force"]


def test_the_issuers_are_signed_anew_where_a_signer_is_dropped(home: Path) -> None:
    """A meter that is made later under the new root takes them."""
    asked = call(home, "root", "propose", "--drop", "bart", "--as", "anne", "--json")
    assert (asked.status, asked.found["stranded"]) == (1, ["issuers/1"])
    assert call(home, "root", "sign", "--drop", "bart", "--as", "carl", "--json").found["stranded"] == [
        "issuers/1"
    ]
    signed = call(home, "root", "sign", "--drop", "bart", "--as", "carl", "--countersign", "--json").found
    assert (signed["in_force"], signed["countersigned"]) == (True, ["issuers/1"])
    root = load_root(home / "root.json")
    assert isinstance(accept_issuers((home / "issuers.json").read_bytes(), root, None), Issuers)


def test_nobody_proposes_a_root_of_one_or_drops_a_machine(home: Path) -> None:
    wrong = call(home, "root", "propose", "--drop", "anne", "--drop", "bart", "--as", "carl")
    assert (wrong.status, "would be left" in wrong.one_line()) == (2, True)
    wrong = call(home, "root", "propose", "--drop", "service", "--as", "carl")
    assert (wrong.status, "allowed: anne, bart, carl" in wrong.one_line()) == (2, True)


def put(home: Path, forged: Root, signer: str) -> str:
    """Who holds one operator's key can write to the store: a root waits there that no command has made."""
    envelope = seal(write_root(forged), ROOT_TYPE, [load_signer(home / "keys", signer, PASSPHRASE)])
    store = open_store(f"sqlite:///{home / 'relance.db'}")
    with writing(store) as session:
        keep_proposed(session, envelope, countersign=False)
    store.dispose()
    return code_of(envelope)


def with_dave(root: Root, role: Role) -> Root:
    thief, rule = SIGNERS["dora"], root.roles[role]
    more = replace(rule, keyids=(*rule.keyids, thief.keyid))
    keys = {**root.keys, thief.keyid: Key(public=thief.public.hex(), holder="dave")}
    return replace(root, version=2, keys=keys, roles={**root.roles, role: more})


def test_a_second_signature_carries_no_root_that_one_stolen_key_has_put_there(home: Path) -> None:
    root = load_root(home / "root.json")
    for role, named in ((Role.LEASE, True), (Role.HARM, False)):
        code = put(home, with_dave(root, role), "carl")
        ended = call(home, "root", "sign", "--as", "bart", *(("--code", code) if named else ()))
        assert ended.status == 1
        said = "root 2: changes keys, people or roles as no command does" if named else "adds dave"
        assert said in ended.one_line()
        assert load_root(home / "root.json") == root
        assert call(home, "root", "show", "--json").found["version"] == 1


def test_nobody_signs_unseen_what_has_come_in_the_place_of_a_proposal(home: Path) -> None:
    call(home, "root", "propose", "--as", "anne")
    # Carl's key is stolen.
    call(home, "root", "propose", "--drop", "anne", "--countersign", "--as", "carl")
    ended = call(home, "root", "sign", "--as", "bart")
    assert ended.status == 1
    assert "the root that waits drops anne; to sign that: `relance root sign --drop anne`" in ended.one_line()
    assert call(home, "root", "sign", "--drop", "carl", "--as", "bart").status == 1
    assert call(home, "root", "show", "--json").found["version"] == 1
