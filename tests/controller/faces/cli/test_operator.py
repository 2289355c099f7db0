"""`relance operator`: people come, go, and get new keys and roles, each time by two who sign."""

from pathlib import Path

import pytest

from controller.office.keys import key_files, load_signer
from controller.office.opening import keep_newest_root, open_office
from controller.office.people import load_root, open_actor
from controller.office.settings import settings_from
from controller.roots.rules import people_of, roles_of
from emulator.cli.trust import read_secrets
from protocols.documents.kind_rule import Role
from protocols.errors import InputError
from tests.controller.faces.cli.invocation import PASSPHRASE, Ended, call
from tests.controller.faces.cli.test_restored_home import leave_mark

UNTIL = ("--until", "2099-06-02T11:00+02:00")


def request(home: Path, name: str, *more: str) -> Path:
    """A person makes a key at a machine of their own, and sends a file."""
    out = home.parent / f"{name}.key.json"
    ended = call(home.parent / f"{name}-own", "operator", "request", name, "--out", str(out), *more)
    assert ended.status == 0, ended
    return out


def propose(home: Path, *argv: str, by: str = "anne") -> Ended:
    ended = call(home, "operator", *argv, "--as", by, "--json")
    assert ended.status == 0, ended
    return ended


def two_sign(home: Path, *argv: str, by: str = "anne", second: str = "bart") -> Ended:
    proposed = propose(home, *argv, by=by).found
    ended = call(home, "root", "sign", "--code", proposed["code"], "--as", second, "--json")
    assert (ended.status, ended.found["in_force"]) == (0, True), ended
    return ended


def listed(home: Path) -> dict[str, dict[str, object]]:
    people = call(home, "operator", "list", "--json").found["people"]
    return {each["name"]: each for each in people if not each["machine"]}


def test_a_person_comes_with_a_key_that_never_leaves_their_machine(home: Path) -> None:
    file = request(home, "dora")
    shown = call(home, "operator", "show", str(file), "--json").found
    added = ("add", "dora", "--request", str(file), "--roles", "protect,harm", "--language", "fr")
    code = propose(home, *added).found["code"]
    assert listed(home)["dora"]["standing"] == "comes"
    assert load_root(home / "root.json").version == 1
    unnamed = call(home, "root", "sign", "--as", "bart")
    assert unnamed.status == 1
    assert f"adds dora {shown['key'][:16]} harm+protect; to sign that: `relance root sign --code {code}`" in (
        unnamed.one_line()
    )
    assert call(home, "root", "sign", "--code", "0" * 16, "--as", "bart").status == 1
    signed = call(home, "root", "sign", "--code", code, "--as", "bart")
    assert (signed.status, "It is in force here" in signed.out) == (0, True)
    dora = listed(home)["dora"]
    assert (dora["roles"], dora["language"], dora["key"], dora["standing"]) == (
        ["protect", "harm"],
        "fr",
        shown["key"],
        "in force",
    )
    assert isinstance(dora["since_ms"], int)
    assert key_files(home / "keys", "dora") == (), "the office never has the private half"
    root = load_root(home / "root.json")
    own = settings_from({"RELANCE_HOME": str(home.parent / "dora-own")})
    assert open_actor(own, root, "dora", PASSPHRASE).name == "dora"


def test_a_new_person_acts_in_their_roles_and_in_no_others(home: Path) -> None:
    two_sign(home, "add", "dora", "--roles", "protect")
    assert call(home, "moratorium", "declare", "mora", *UNTIL, "--as", "dora").status == 0
    for role, act in (("root", ("root", "propose")), ("harm", ("moratorium", "lift", "mora"))):
        ended = call(home, *act, "--as", "dora")
        assert ended.status == 2
        assert ended.one_line() == f"--as: dora does not have the role {role}; allowed: anne, bart, carl"
    two_sign(home, "roles", "dora", "--roles", "protect,root")
    assert listed(home)["dora"]["roles"] == ["protect", "root"]
    assert call(home, "root", "propose", "--as", "dora").status == 0


def test_who_goes_signs_nothing_new_and_the_last_holders_stay(home: Path) -> None:
    propose(home, "revoke", "carl")
    assert listed(home)["carl"]["standing"] == "goes"
    assert call(home, "root", "sign", "--drop", "carl", "--as", "bart").status == 0
    assert set(listed(home)) == {"anne", "bart"}
    gone = call(home, "release", "m00001", "--as", "carl")
    assert gone.one_line() == "--as: carl does not have the role protect; allowed: anne, bart"
    last = call(home, "operator", "revoke", "bart", "--as", "anne")
    assert last.status == 2
    assert "takes 2 people, and 1 would be left; allowed: others come first (`relance operator add`)" in (
        last.one_line()
    )


def test_a_proposal_says_which_other_it_has_taken_the_place_of(home: Path) -> None:
    first = call(home, "operator", "add", "dora", "--roles", "protect", "--as", "anne")
    assert "takes the place" not in first.out
    assert "People: anne (harm, protect, root), bart (harm, protect, root)," in first.out
    assert "dora (protect)." in first.out, "whoever may act is named, also without the role root"
    second = call(home, "operator", "revoke", "carl", "--as", "anne")
    told = "It takes the place of the proposal that waited, which is given up: Adds: dora "
    assert told in second.out
    third = call(home, "root", "propose", "--as", "anne", "--json").found
    assert third["replaced"] == {"drops": "carl"}
    assert "given up: The same people" in call(home, "operator", "revoke", "carl", "--as", "bart").out


def test_a_proposal_that_does_not_go_out_yet_is_kept_and_says_so(home: Path) -> None:
    call(home, "moratorium", "declare", "mora", *UNTIL, "--as", "carl")
    ended = call(home, "operator", "revoke", "carl", "--as", "anne")
    assert (ended.status, "It is kept, and does not go out yet" in ended.out) == (1, True)
    assert call(home, "root", "show", "--json").found["proposed"]["changes"] == {"drops": "carl"}


def test_two_people_alone_give_one_of_them_a_new_key(home: Path) -> None:
    """A root is signed by people of the one before and of itself: whoever gets the key signs with both."""
    call(home, "root", "propose", "--drop", "carl", "--as", "anne")
    assert call(home, "root", "sign", "--drop", "carl", "--as", "bart").status == 0
    old = listed(home)["anne"]["key"]
    call(home, "moratorium", "declare", "mora", *UNTIL, "--as", "anne")
    asked = call(home, "operator", "rotate", "anne", "--countersign", "--as", "bart", "--json")
    proposed = asked.found
    assert (asked.status, proposed["countersigned"]) == (1, ["o000001 hold/mora"])
    assert proposed["stranded"] == ["issuers/1"], "anne signs these with the new key"
    assert listed(home)["anne"]["standing"] == "new key"
    signed = call(home, "root", "sign", "--code", proposed["code"], "--as", "anne", "--json")
    assert (signed.status, signed.found["in_force"]) == (0, True), signed
    assert signed.found["countersigned"] == ["issuers/1"]
    new = listed(home)["anne"]
    assert new["key"] != old
    assert new["roles"] == ["protect", "harm", "root"]
    assert len(key_files(home / "keys", "anne")) == 2, "no key is ever written over"
    assert load_signer(home / "keys", "anne", PASSPHRASE).keyid == old
    assert call(home, "orders", "show", "o000001", "--json").found["signed_by"] == ["bart"]
    assert call(home, "release", "m00001", "--as", "anne").status == 0


def test_one_person_with_two_keys_is_one_person(home: Path) -> None:
    """A draft that the old key has signed waits for two people still, whoever else holds the new one."""
    span = ("--from", "2099-05-01T00:00+02:00", "--until", "2099-06-30T11:00+02:00")
    call(home, "calendar", "set", "--rule", "mon-thu 08:00-12:00", *span, "--as", "carl")
    assert call(home, "orders", "show", "o000001", "--json").found["signed_by"] == ["carl"]
    two_sign(home, "rotate", "carl")
    assert call(home, "orders", "show", "o000001", "--json").found["signed_by"] == []
    again = call(home, "orders", "sign", "o000001", "--as", "carl", "--json")
    assert (again.status, again.found["state"], again.found["signed_by"]) == (0, "draft", ["carl"])
    assert call(home, "orders", "sign", "o000001", "--as", "bart", "--json").found["state"] == "active"


def test_a_key_does_not_come_back_under_another_name(home: Path) -> None:
    call(home, "root", "propose", "--drop", "carl", "--as", "anne")
    assert call(home, "root", "sign", "--drop", "carl", "--as", "bart").status == 0
    for name in ("charles", "carl"):
        file = home / f"{name}.json"
        own = home.parent / f"{name}-own"
        (own / "keys").mkdir(parents=True)
        (own / "keys" / f"{name}.pem").write_bytes((home / "keys" / "carl.pem").read_bytes())
        assert call(own, "operator", "request", name, "--again", "--out", str(file)).status == 0
        ended = call(home, "operator", "add", name, "--request", str(file), "--roles", "harm", "--as", "anne")
        assert ended.status == 2
        assert "is or was that of carl; allowed: a new one" in ended.one_line()


def test_a_machine_gets_a_new_key(home: Path) -> None:
    before = load_root(home / "root.json").roles[Role.LEASE].keyids
    leave_mark(home)
    proposed = propose(home, "rotate", "service").found
    ended = call(home, "root", "sign", "--code", proposed["code"], "--as", "bart")
    assert "Start what runs with the key of service again" in ended.out
    root = load_root(home / "root.json")
    assert root.roles[Role.LEASE].keyids != before
    (keyid,) = root.roles[Role.LEASE].keyids
    assert load_signer(home / "keys", "service", PASSPHRASE, [keyid]).keyid == keyid
    declared = call(home, "moratorium", "declare", "mora", *UNTIL, "--as", "anne")
    assert (declared.status, declared.err) == (0, ""), "the mark of the former key is as none"
    leave_mark(home, "anne")
    forged = call(home, "release", "m00001", "--as", "anne")
    assert "not signed by the service's key" in forged.err


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (("add", "anne", "--roles", "harm"), "root: it lists anne already"),
        (("add", "Anne", "--roles", "harm"), "root: it lists anne already"),
        (("add", "service", "--roles", "harm"), "NAME: service is the name of a machine's key"),
        (("add", "../x", "--roles", "harm"), 'NAME: "../x"; allowed: 1 to 64 letters'),
        (("add", "dora", "--roles", "lease"), "--roles: lease; allowed: protect, harm, root"),
        (("add", "dora", "--roles", "harn"), "--roles: harn; did you mean harm? allowed: protect"),
        (("add", "dora", "--roles", ""), '--roles: ""; allowed: protect, harm, root'),
        (("add", "dora", "--roles", "harm", "--language", "it"), "--language: it; allowed: fr, nl, de, en"),
        (("add", "dora", "--roles", "harm", "--request", "no.json"), "no.json: cannot be read: No such file"),
        (("revoke", "dora"), "root: it lists no person dora; allowed: anne, bart, carl"),
        (("revoke", "service"), "root: it lists no person service; allowed: anne, bart, carl"),
        (("rotate", "dora"), "root: it lists nobody dora; allowed: anne, bart, carl, card, headend"),
        (("roles", "dora", "--roles", "harm"), "root: it lists no person dora"),
        (("language", "dora", "fr"), "root: it lists no person dora"),
        (("language", "anne", "klingon"), "LANG: klingon; allowed: fr, nl, de, en"),
    ],
)
def test_wrong_input_is_one_clear_line_and_makes_nothing(
    home: Path, argv: tuple[str, ...], line: str
) -> None:
    ended = call(home, "operator", *argv, "--as", "anne")
    assert ended.status == 2
    assert ended.one_line().replace('"', "").startswith(line.replace('"', ""))
    assert call(home, "root", "show", "--json").found["proposed"] is None
    assert key_files(home / "keys", "dora") == ()


def test_a_request_that_proves_nothing_is_refused(home: Path) -> None:
    file = request(home, "dora")
    wrong = call(home, "operator", "add", "eric", "--request", str(file), "--roles", "harm", "--as", "anne")
    assert wrong.one_line() == f"{file}: is the request of dora; allowed: that of eric"
    for data in (b"{}", file.read_bytes().replace(b'"sig":"', b'"sig":"AAAA'), b"\xff" * 20_000):
        file.write_bytes(data)
        ended = call(home, "operator", "show", str(file))
        assert ended.status == 2
        assert "allowed: what `relance operator request` writes" in ended.one_line()


def test_a_request_is_made_again_and_writes_over_nothing(home: Path) -> None:
    file = request(home, "dora")
    own = home.parent / "dora-own"
    assert call(own, "operator", "request", "dora", "--out", str(file)).status == 2
    assert len(key_files(own / "keys", "dora")) == 1, "no key is made for a file that cannot be written"
    first = file.read_bytes()
    file.unlink()
    assert call(own, "operator", "request", "dora", "--again", "--out", str(file)).status == 0
    assert file.read_bytes() == first
    lost = call(own, "operator", "request", "eric", "--again", "--out", str(home / "eric.json"))
    assert "no key of eric is here" in lost.one_line()


def test_a_key_that_an_interruption_left_is_taken_the_next_time(home: Path) -> None:
    propose(home, "add", "dora", "--roles", "harm")
    again = call(home, "operator", "add", "dora", "--roles", "harm", "--as", "anne", "--json")
    assert "this key is here and nobody uses it: it is taken" in again.err
    assert len(key_files(home / "keys", "dora")) == 1


def test_a_person_and_a_machine_get_a_new_key_again_and_again(home: Path) -> None:
    """What lies in the home of earlier keys is not taken for a key that waits."""
    seen = set()
    for name in ("carl", "service") * 3:
        two_sign(home, "rotate", name)
        root = load_root(home / "root.json")
        (keyid,) = (keyid for keyid, key in root.keys.items() if key.holder == name)
        seen.add(keyid)
        assert load_signer(home / "keys", name, PASSPHRASE, [keyid]).keyid == keyid
    assert len(seen) == 6
    assert call(home, "release", "m00001", "--as", "carl").status == 0


def test_the_list_says_who_may_since_when_and_in_which_language(home: Path) -> None:
    assert call(home, "operator", "language", "anne", "nl", "--as", "bart").status == 0
    people = listed(home)
    assert (people["anne"]["language"], people["bart"]["language"]) == ("nl", None)
    assert all(isinstance(each["since_ms"], int) for each in people.values())
    out = call(home, "operator", "list", settings={"COLUMNS": "80"}).out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "anne" in out
    assert "service" in out
    (entry,) = call(home, "audit", "list", "--limit", "1", "--json").found["acts"]
    assert (entry["act"], entry["subject"]) == ("language", "person/anne")


def test_a_root_of_the_store_counts_at_a_home_that_is_many_roots_behind(home: Path) -> None:
    """Another machine's home file: nobody who signed the last root is in it."""
    old = (home / "root.json").read_bytes()
    two_sign(home, "add", "dora", "--roles", "protect,harm,root")
    two_sign(home, "add", "eric", "--roles", "protect,harm,root")
    for gone, (first, second) in {"carl": ("anne", "bart"), "bart": ("anne", "dora")}.items():
        call(home, "operator", "revoke", gone, "--countersign", "--as", first)
        call(home, "root", "sign", "--drop", gone, "--as", second)
    call(home, "operator", "revoke", "anne", "--countersign", "--as", "dora")
    last = call(home, "root", "sign", "--drop", "anne", "--as", "eric", "--json").found
    assert last["in_force"]
    (home / "root.json").write_bytes(old)
    assert call(home, "root", "show", "--json").found["version"] == last["version"]
    assert call(home, "release", "m00001", "--as", "eric").status == 0


def test_the_offices_home_follows_a_root_that_was_signed_at_another_machine(home: Path) -> None:
    """Its issuers too: a fleet made from the home takes them only with the signatures of the new root."""
    old = {path: path.read_bytes() for path in (home / "root.json", home / "issuers.json")}
    own = request(home, "anne")
    asked = call(
        home, "operator", "rotate", "anne", "--request", str(own), "--countersign", "--as", "bart", "--json"
    )
    two = call(home, "root", "sign", "--code", asked.found["code"], "--as", "carl", "--json").found
    assert (two["in_force"], two["countersigned"]) == (True, ["issuers/1"])
    for path, data in old.items():
        path.write_bytes(data)
    with open_office(settings_from({"RELANCE_HOME": str(home)})) as office:
        keep_newest_root(office)
    secrets = read_secrets(home / "root.json", None)
    assert (secrets.root.version, secrets.issuers is None) == (two["version"], False)


def test_a_thief_of_one_key_gets_nobody_in(home: Path) -> None:
    """Carl's key is stolen: what it proposes shows itself, and its own second signature is none."""
    root = load_root(home / "root.json")
    code = propose(home, "add", "mallory", "--roles", "protect,harm,root", by="carl").found["code"]
    again = call(home, "root", "sign", "--code", code, "--as", "carl")
    assert "it takes a different person: anne or bart" in again.one_line()
    shown = call(home, "root", "show").out
    assert "Adds: mallory" in shown
    assert load_root(home / "root.json") == root
    assert "mallory" not in people_of(root)
    assert roles_of(root, "mallory") == frozenset()
    with pytest.raises(InputError, match="but the root lists none as mallory's"):
        open_actor(settings_from({"RELANCE_HOME": str(home)}), root, "mallory", PASSPHRASE)
