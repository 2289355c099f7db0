"""Key files: encrypted, readable by their owner alone, never overwritten."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from controller.office.keys import (
    access_warning,
    as_secret,
    create_key,
    holders_in,
    key_path,
    load_fleet_key,
    load_signer,
    new_fleet_key,
    write_secret,
)
from protocols.errors import InputError

PASSPHRASES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def refusal_of(folder: Path, holder: str, passphrase: str) -> str:
    """The error line for a refused key."""
    with pytest.raises(InputError) as caught:
        load_signer(folder, holder, passphrase)
    line = str(caught.value)
    assert "\n" not in line
    assert str(key_path(folder, holder)) in line
    return line


def outcome_of(folder: Path, holder: str, passphrase: str) -> str:
    """The keyid that was loaded; `refused` after an error, which must be one line."""
    try:
        return load_signer(folder, holder, passphrase).keyid
    except InputError as error:
        return "refused" if "\n" not in str(error) else str(error)


@given(passphrase=PASSPHRASES, other=PASSPHRASES)
def test_a_key_opens_with_its_passphrase_and_with_no_other(passphrase: str, other: str) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name) / "keys"
        made = create_key(folder, "anne", passphrase)
        assert load_signer(folder, "anne", passphrase).keyid == made.keyid
        if other != passphrase:
            assert "wrong passphrase" in refusal_of(folder, "anne", other)


@pytest.mark.parametrize("bit", [1, 2, 128])
def test_a_flipped_bit_anywhere_in_a_key_file_is_an_error_and_never_another_key(
    tmp_path: Path, bit: int
) -> None:
    """The cipher alone would decrypt some of these files to another key."""
    made = create_key(tmp_path, "anne", "right")
    path = key_path(tmp_path, "anne")
    pem = path.read_bytes()
    for at in range(len(pem)):
        path.write_bytes(pem[:at] + bytes([pem[at] ^ bit]) + pem[at + 1 :])
        # A line feed that became another blank, or spare bits of base64, leave the key as it was.
        assert outcome_of(tmp_path, "anne", "right") in {made.keyid, "refused"}, at


def test_a_truncated_key_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    create_key(tmp_path, "anne", "right")
    path = key_path(tmp_path, "anne")
    pem = path.read_bytes().rstrip()
    for length in range(len(pem)):
        path.write_bytes(pem[:length])
        assert outcome_of(tmp_path, "anne", "right") == "refused"


def test_only_the_owner_can_read_key_files(tmp_path: Path) -> None:
    create_key(tmp_path / "home" / "keys", "anne", "right")
    path = key_path(tmp_path / "home" / "keys", "anne")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert b"\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n" in path.read_bytes()
    assert access_warning(path) is None


@pytest.mark.parametrize(("what", "mode"), [("file", 0o640), ("file", 0o604), ("folder", 0o750)])
def test_a_key_that_others_may_read_is_warned_of(tmp_path: Path, what: str, mode: int) -> None:
    folder = tmp_path / "keys"
    create_key(folder, "anne", "right")
    (folder if what == "folder" else key_path(folder, "anne")).chmod(mode)
    warning = access_warning(key_path(folder, "anne"))
    assert warning is not None
    assert f"mode {mode:o}" in warning


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    create_key(tmp_path, "anne", "right")
    before = key_path(tmp_path, "anne").read_bytes()
    with pytest.raises(InputError, match="exists already"):
        create_key(tmp_path, "anne", "another")
    assert key_path(tmp_path, "anne").read_bytes() == before


def test_a_key_that_was_made_elsewhere_needs_no_line_before_it(tmp_path: Path) -> None:
    """As `openssl genpkey -algorithm ed25519 -aes-256-cbc` writes it."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"right"))
    write_secret(key_path(tmp_path, "anne"), pem)
    assert load_signer(tmp_path, "anne", "right").public == private.public_key().public_bytes_raw()


def test_the_error_for_a_missing_key_names_the_keys_that_exist(tmp_path: Path) -> None:
    create_key(tmp_path, "bart", "right")
    create_key(tmp_path, "anne", "right")
    assert holders_in(tmp_path) == ("anne", "bart")
    assert refusal_of(tmp_path, "carl", "right").endswith("no such key; keys there: anne, bart")


def test_a_key_of_another_algorithm_is_refused(tmp_path: Path) -> None:
    sealed = BestAvailableEncryption(b"right")
    other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed)
    plain = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for holder, pem, why in (
        ("x25519", other, "not an Ed25519 key"),
        ("plain", plain, "not an encrypted private key"),
        ("empty", b"", "not an encrypted private key"),
        ("large", b"-" * 5_000, "not an encrypted private key"),
    ):
        write_secret(key_path(tmp_path, holder), pem)
        assert why in refusal_of(tmp_path, holder, "right")


def test_an_empty_passphrase_makes_no_key(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="empty"):
        create_key(tmp_path, "anne", "")
    assert holders_in(tmp_path) == ()


def test_a_fleet_key_that_is_not_thirty_two_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fleet.key"
    with pytest.raises(InputError, match="no such file"):
        load_fleet_key(path)
    write_secret(path, as_secret(new_fleet_key()))
    assert len(load_fleet_key(path)) == 32
    for wrong in ("", "00" * 31, "zz" * 32, "é"):
        path.write_text(wrong, "utf-8")
        with pytest.raises(InputError, match="not a fleet key"):
            load_fleet_key(path)
