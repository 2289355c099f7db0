"""Reads what a fleet gets at manufacture, the root that it trusts and the fleet's key; draws a new life."""

from pathlib import Path
from secrets import randbelow
from typing import Final

from emulator.fleet.building import FleetSecrets
from protocols.documents.roles import Root, open_first_root
from protocols.errors import DocumentError, InputError
from protocols.limits import PAYLOAD_BYTES_MAX, REV_MAX

KEY_FILE: Final = "fleet.key"
KEY_BYTES: Final = 32


def read_secrets(root_file: Path, key_file: Path | None) -> FleetSecrets:
    """Root and fleet key; without `key_file` the key is read from the root's folder. Raises InputError."""
    root = _root(root_file, _content(root_file, "--root"))
    path = root_file.parent / KEY_FILE if key_file is None else key_file
    return FleetSecrets(root, _key(path, _content(path, "--fleet-key")))


def draw_epoch() -> int:
    """The number of a new life, for whatever a fleet makes anew: drawn by chance, and never 0."""
    return 1 + randbelow(REV_MAX)


def _root(file: Path, data: bytes) -> Root:
    try:
        return open_first_root(data)
    except DocumentError as error:
        allowed = "the root.json that `relance init` writes"
        raise InputError(f"--root: {file}: {error}; allowed: {allowed}") from None


def _key(file: Path, data: bytes) -> bytes:
    try:
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InputError(f"--fleet-key: {file}: allowed: {KEY_BYTES} bytes as hex, and nothing else")
    return key


def _content(file: Path, option: str) -> bytes:
    try:
        with file.open("rb") as opened:
            # One byte more than is allowed is enough to refuse a file of any size.
            return opened.read(PAYLOAD_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(f"{option}: {file}: cannot be read: {error.strerror}") from None
