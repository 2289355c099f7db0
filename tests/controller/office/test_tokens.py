"""Keys on a token: SoftHSM stands for one. It signs with Ed25519, keeps its key, and others are refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pkcs11
import pytest
from pkcs11 import Attribute, ObjectClass

from controller.office.keys import (
    create_key,
    create_token_key,
    find_key,
    holders_in,
    key_files,
    keyid_in,
    load_signer,
    open_key_file,
)
from controller.office.people import load_root
from protocols.documents.envelope import Signer, read_envelope, seal, valid_keyids
from protocols.errors import InputError, RelanceError
from tests.controller.faces.cli.invocation import call

PIN, SO_PIN = "123456", "87654321"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
MODULE = next((each for each in MODULES if Path(each).exists()), MODULES[0])
# A library is loaded once for a process, and reads its settings then: each test has a program of its own.
PROGRAM = """
import sys
from pathlib import Path
from tests.controller.office.test_tokens import {name}
{name}(Path(sys.argv[1]))
"""


def make_token(folder: Path, label: str, mechanisms: str = "ALL") -> dict[str, str]:
    """A new token, and the environment in which SoftHSM finds it."""
    (folder / "tokens").mkdir(exist_ok=True)
    conf = folder / "softhsm2.conf"
    lines = (
        f"directories.tokendir = {folder / 'tokens'}",
        "log.level = ERROR",
        f"slots.mechanisms = {mechanisms}",
    )
    conf.write_text("\n".join(lines) + "\n")
    seen = {"SOFTHSM2_CONF": str(conf), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path.cwd())}
    argv = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", SO_PIN]
    subprocess.run(argv, env=seen, check=True, capture_output=True)
    return seen


def played(check: Callable[[Path], None], folder: Path, seen: dict[str, str]) -> None:
    argv = [sys.executable, "-c", PROGRAM.format(name=check.__name__), str(folder)]
    done = subprocess.run(argv, env=seen, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def refusal(of: Callable[[], object]) -> str:
    try:
        of()
    except RelanceError as error:
        return str(error)
    raise AssertionError("nothing was refused")


def signs_and_keeps_its_key(folder: Path) -> None:
    keys = folder / "keys"
    made = create_token_key(keys, "dora", MODULE, "office", PIN)
    again = load_signer(keys, "dora", PIN)
    for signer in (made, again):
        sealed = read_envelope(seal(b"{}", "text/x", [signer]))
        assert valid_keyids(sealed, {made.keyid: made.public}) == {made.keyid}
    with pytest.raises(TypeError, match="hands out no key"):
        again.private.private_bytes_raw()
    assert (holders_in(keys), keyid_in(keys / "dora.token")) == (("dora",), made.keyid)
    assert (keys / "dora.token").stat().st_mode & 0o777 == 0o600
    # This program has given its PIN already.
    with pkcs11.lib(MODULE).get_token(token_label="office").open() as session:
        (held,) = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
        assert held[Attribute.SENSITIVE]
        assert not held[Attribute.EXTRACTABLE]
        with pytest.raises(pkcs11.exceptions.AttributeSensitive):
            held[Attribute.VALUE]


def has_several_keys(folder: Path) -> None:
    """Also beside one in a file: which of them counts, the root says."""
    keys = folder / "keys"
    made = [
        create_key(keys, "dora", PIN),
        create_token_key(keys, "dora", MODULE, "office", PIN),
        create_token_key(keys, "dora", MODULE, "office", PIN),
    ]
    assert len(key_files(keys, "dora")) == 3
    for signer in made:
        assert load_signer(keys, "dora", PIN, [signer.keyid]).keyid == signer.keyid
    assert find_key(keys, "dora", ["0" * 64]) == keys / "dora.pem"


def is_asked_wrongly(folder: Path) -> None:
    keys = folder / "keys"
    create_token_key(keys, "dora", MODULE, "office", PIN)
    file = keys / "dora.token"
    told = json.loads(file.read_text())

    def opened(**changed: str) -> str:
        file.write_text(json.dumps(told | changed))
        return refusal(lambda: open_key_file(keys, file, PIN))

    assert opened(token="drawer") == "token drawer: is not there; there are: office"
    assert "has not the key 00; was it deleted there?" in opened(key="00")
    assert "is not the one that the file names" in opened(keyid="0" * 64)
    assert opened(module="/etc/passwd").startswith("/etc/passwd: no PKCS#11 library: ")
    assert "allowed: what `operator request --token` writes" in opened(more="1")
    file.write_bytes(b"\xff")
    assert keyid_in(file) == ""


def does_not_sign_with_ed25519(folder: Path) -> None:
    line = refusal(lambda: create_token_key(folder / "keys", "dora", MODULE, "office", PIN))
    assert line == (
        "token office: it does not sign with Ed25519 (CKM_EDDSA), and meters check nothing else; "
        "allowed: a token that does"
    )
    assert not (folder / "keys").exists()


def holds_another_kind_of_key(folder: Path) -> None:
    """Somebody has put the file's name on a key of a curve of NIST."""
    keys = folder / "keys"
    made = create_token_key(keys, "dora", MODULE, "office", PIN)
    file = keys / "dora.token"
    with pkcs11.lib(MODULE).get_token(token_label="office").open(rw=True) as session:
        curve = session.create_domain_parameters(
            pkcs11.KeyType.EC, {Attribute.EC_PARAMS: bytes.fromhex("06082a8648ce3d030107")}, local=True
        )
        curve.generate_keypair(id=b"p256", store=True)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"key": b"p256".hex()}))
    line = refusal(lambda: open_key_file(keys, file, PIN))
    assert line == "token office: the key is no Ed25519 key, and meters check nothing else"
    assert made.keyid


@pytest.mark.parametrize(
    "check", [signs_and_keeps_its_key, has_several_keys, is_asked_wrongly, holds_another_kind_of_key]
)
def test_a_token(tmp_path: Path, check: Callable[[Path], None]) -> None:
    played(check, tmp_path, make_token(tmp_path, "office"))


def test_a_token_without_ed25519_is_refused_with_the_reason(tmp_path: Path) -> None:
    """It has curves of NIST alone, as many have."""
    seen = make_token(tmp_path, "office", "CKM_ECDSA,CKM_EC_KEY_PAIR_GEN")
    played(does_not_sign_with_ed25519, tmp_path, seen)


def test_without_the_extra_the_line_says_what_is_missing(tmp_path: Path) -> None:
    with (
        mock.patch.dict(sys.modules, {"controller.office.tokens": None}),
        pytest.raises(
            InputError, match=r"keys on a token need python-pkcs11: the extra \[token\] of relance"
        ),
    ):
        create_token_key(tmp_path, "dora", MODULE, "office", PIN)


def comes_and_acts(folder: Path) -> None:
    """The whole way by commands: the key is made on the token, two people bring it in, and it signs."""
    home, own, file = folder / "home", folder / "own", folder / "dora.key.json"
    pin = {"RELANCE_PASSPHRASE": PIN}
    ended = call(home, "init", "--operator", "anne", "--operator", "bart")
    assert ended.status == 0, ended
    on_token = ("--token", "office", "--module", MODULE)
    asked = ("operator", "request", "dora", *on_token, "--out", str(file))
    wrong = call(own, *asked, settings={"RELANCE_PASSPHRASE": "999999"})
    assert (wrong.status, "wrong PIN" in wrong.one_line()) == (2, True)
    ended = call(own, *asked, settings=pin)
    assert ended.status == 0, ended
    added = (
        "operator",
        "add",
        "dora",
        "--request",
        str(file),
        "--roles",
        "protect",
        "--as",
        "anne",
        "--json",
    )
    code = call(home, *added).found["code"]
    assert call(home, "root", "sign", "--code", code, "--as", "bart").status == 0
    (own / "root.json").write_bytes((home / "root.json").read_bytes())
    store = ("--database", f"sqlite:///{home / 'relance.db'}")
    until = ("--until", "2099-06-02T11:00+02:00")
    ended = call(own, "moratorium", "declare", "mora", *until, "--as", "dora", *store, settings=pin)
    assert ended.status == 0, ended
    shown = call(home, "orders", "show", "o000001", "--json").found
    assert (shown["signed_by"], shown["state"]) == (["dora"], "active")
    assert "dora" not in holders_in(home / "keys")
    assert load_root(home / "root.json").version == 2


def test_a_person_with_a_token_comes_and_acts(tmp_path: Path) -> None:
    seen = make_token(tmp_path, "office")
    played(comes_and_acts, tmp_path, seen)


def test_token_and_module_come_together(tmp_path: Path) -> None:
    ended = call(tmp_path, "operator", "request", "dora", "--token", "office")
    assert (ended.status, "one without the other; allowed: both, or neither" in ended.one_line()) == (2, True)


def test_a_signer_is_one_wherever_its_key_is() -> None:
    """Nothing asks a signer for more than its public half and a signature."""
    assert Signer.__slots__ == ("private", "public", "keyid")
