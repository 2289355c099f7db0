"""Private keys of people and machines, as files, and the passphrases that open them (design §5).

A holder's first key is `keys/HOLDER.pem`, a later one `keys/HOLDER@KEYID.pem` with the first digits of its
keyid: an Ed25519 key as encrypted PKCS#8 (RFC 8410 §7, RFC 5958 §3), readable by its owner alone. A key file
is never overwritten. Which of them counts, the root says: the old name must not silently get another key. A
key on a token has a file that says where it is, with `.token` in the place of `.pem` (`office.tokens`).

How a file is read, and what its first line is for, stands in `cardreader.kiosk.key_files`.

Every file can have its own passphrase, so that only its person can open a personal key.
"""

import os
import secrets
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from cardreader.kiosk.key_files import KEYID_LINE, keyid_in_file, open_encrypted_key
from controller.office.token_place import TOKEN_SUFFIX, read_place, write_place
from protocols.arguments import check_passphrase
from protocols.documents.envelope import Signer
from protocols.errors import InputError

# No holder's name has it.
_LATER: Final = "@"
_LATER_DIGITS: Final = 16
_SUFFIXES: Final = (".pem", TOKEN_SUFFIX)
# Any access by the group or by others.
_FOREIGN_ACCESS: Final = 0o077
_FLEET_KEY_BYTES: Final = 32


def key_path(folder: Path, holder: str) -> Path:
    """The file of a holder's private key."""
    return folder / f"{holder}.pem"


def key_files(folder: Path, holder: str) -> tuple[Path, ...]:
    """The files of all keys of a holder that are there, the first one first."""
    first = (folder / f"{holder}{suffix}" for suffix in _SUFFIXES)
    later = (path for suffix in _SUFFIXES for path in folder.glob(f"{holder}{_LATER}*{suffix}"))
    return (*(path for path in first if path.exists()), *sorted(later))


def find_key(folder: Path, holder: str, listed: Collection[str]) -> Path:
    """The file of the holder's key that is one of `listed`, by keyid; where none is, that of the first key.

    Only what the file says of itself is read: whoever opens it sees whether that is true.
    """
    files = key_files(folder, holder)
    chosen = (path for path in files if keyid_in(path) in listed)
    return next(chosen, files[0] if files else key_path(folder, holder))


def keyid_in(path: Path) -> str:
    """The keyid that a key file names; empty where it names none, or cannot be read."""
    try:
        if path.suffix == TOKEN_SUFFIX:
            return read_place(path).keyid
        return keyid_in_file(path)
    except (OSError, InputError):
        return ""


def holders_in(folder: Path) -> tuple[str, ...]:
    """The holders whose keys are in a folder, sorted; empty where there is no folder."""
    found = (path for suffix in _SUFFIXES for path in folder.glob(f"*{suffix}"))
    return tuple(sorted({path.name.removesuffix(path.suffix).partition(_LATER)[0] for path in found}))


def create_key(folder: Path, holder: str, passphrase: str) -> Signer:
    """Make a key pair; write its private key to a new file (0600) in `folder` (made with 0700 if missing).

    Raises InputError where the file exists already or cannot be written, and for an empty passphrase.
    """
    signer, data = _new_key(holder, passphrase)
    write_secret(key_path(folder, holder), data)
    return signer


def create_later_key(folder: Path, holder: str, passphrase: str) -> Signer:
    """As `create_key`, for a holder who may have keys there already: they stay."""
    signer, data = _new_key(holder, passphrase)
    write_secret(_new_path(folder, holder, signer.keyid, _SUFFIXES[0]), data)
    return signer


def create_token_key(folder: Path, holder: str, module: str, token: str, pin: str) -> Signer:
    """Make a key on a token, by its library and label, and the file that says where it is.

    Raises InputError and UnreachableError as `office.tokens.make_token_key`.
    """
    signer: Signer
    signer, place = _tokens().make_token_key(module, token, holder, pin)
    write_secret(_new_path(folder, holder, signer.keyid, TOKEN_SUFFIX), write_place(place))
    return signer


def write_secret(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read, and sync it to the disk.

    Raises InputError where the file exists (it is not changed) or cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(f"{path}: exists already; a key is never written over") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def load_signer(folder: Path, holder: str, passphrase: str, listed: Collection[str] = ()) -> Signer:
    """The signer whose private key is in `folder`; of several keys, the one in `listed` (see `find_key`).

    Raises InputError where there is no such key, it is not an encrypted Ed25519 key, it is damaged, or the
    passphrase is wrong.
    """
    return open_key_file(folder, find_key(folder, holder, listed), passphrase)


def open_key_file(folder: Path, path: Path, passphrase: str) -> Signer:
    """The signer whose private key is in this file of `folder`. Raises as `load_signer`."""
    if path.suffix == TOKEN_SUFFIX:
        found: Signer = _tokens().open_token_key(path, passphrase)
        return found
    there = ", ".join(holders_in(folder)) or "none"
    return open_encrypted_key(path, passphrase, f"no such key; keys there: {there}")


def access_warning(path: Path) -> str | None:
    """A warning where others than the owner may read a secret; None where only the owner may.

    No error: a wrong file mode must not stop an operator from restoring somebody's supply.
    """
    for secret in (path, path.parent):
        mode = secret.stat().st_mode & 0o777
        if mode & _FOREIGN_ACCESS:
            allowed = "700" if secret.is_dir() else "600"
            return f"{secret}: mode {mode:o}: others may get at the key; allowed: {allowed}"
    return None


def new_fleet_key() -> bytes:
    """A new secret for a fleet, 32 bytes."""
    return secrets.token_bytes(_FLEET_KEY_BYTES)


def as_secret(key: bytes) -> bytes:
    """A key as its file holds it: hex digits and a line feed."""
    return key.hex().encode() + b"\n"


def load_fleet_key(path: Path) -> bytes:
    """The secret of the fleet, or one derived from it, 32 bytes.

    Raises InputError for a file that is missing or malformed.
    """
    try:
        key = bytes.fromhex(path.read_text("ascii"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `relance init` makes it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        key = b""
    if len(key) != _FLEET_KEY_BYTES:
        raise InputError(f"{path}: not a fleet key; allowed: {_FLEET_KEY_BYTES} bytes as hex")
    return key


def _new_path(folder: Path, holder: str, keyid: str, suffix: str) -> Path:
    """The file of a new key beside those that the holder has."""
    later = f"{_LATER}{keyid[:_LATER_DIGITS]}" if key_files(folder, holder) else ""
    return folder / f"{holder}{later}{suffix}"


def _tokens() -> ModuleType:
    try:
        from controller.office import tokens  # noqa: PLC0415 # its library is an extra
    except ImportError:
        raise InputError("keys on a token need python-pkcs11: the extra [token] of relance") from None
    return tokens


def _new_key(holder: str, passphrase: str) -> tuple[Signer, bytes]:
    """A new key pair, and the bytes of its file."""
    check_passphrase(passphrase, f"passphrase of {holder}")
    private = Ed25519PrivateKey.generate()
    encryption = BestAvailableEncryption(passphrase.encode())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    signer = Signer(private)
    return signer, KEYID_LINE + signer.keyid.encode() + b"\n" + pem
