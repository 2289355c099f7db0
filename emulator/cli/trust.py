"""Reads what a fleet gets at manufacture: root, issuers, and the fleet's key; draws a new life."""

from pathlib import Path
from secrets import randbelow
from typing import Final

from emulator.fleet.building import FleetSecrets
from protocols.documents.issuers import Issuers, accept_issuers
from protocols.documents.roles import Root, open_first_root
from protocols.errors import DocumentError, InputError
from protocols.limits import PAYLOAD_BYTES_MAX, REV_MAX
from protocols.reasons import Refusal

KEY_FILE: Final = "fleet.key"
ISSUERS_FILE: Final = "issuers.json"
KEY_BYTES: Final = 32
# What a kiosk's home has and a controller's has not.
_KIOSKS_FILE: Final = "kiosk.json"


def read_secrets(root_file: Path, key_file: Path | None, issuers_file: Path | None = None) -> FleetSecrets:
    """Root, fleet key and issuers; what is not given is read from the root's folder. Raises InputError.

    A folder without issuers is of a home that names none: a person's signature is enough for a payment.
    """
    if key_file is None and (root_file.parent / _KIOSKS_FILE).exists():
        what = "a kiosk's home, which has no key of any meter"
        raise InputError(f"{root_file.parent}: {what}; allowed: a controller's home")
    root = _root(root_file, _content(root_file, "--root"))
    path = root_file.parent / KEY_FILE if key_file is None else key_file
    return FleetSecrets(
        root,
        _key(path, _content(path, "--fleet-key")),
        issuers=_issuers(issuers_file, root_file.parent / ISSUERS_FILE, root),
        newest=_newest(path),
    )


def draw_epoch() -> int:
    """The number of a new life, for whatever a fleet makes anew: drawn by chance, and never 0."""
    return 1 + randbelow(REV_MAX)


def _root(file: Path, data: bytes) -> Root:
    try:
        return open_first_root(data)
    except DocumentError as error:
        allowed = "the root.json that `relance init` writes"
        raise InputError(f"--root: {file}: {error}; allowed: {allowed}") from None


def _issuers(given: Path | None, beside: Path, root: Root) -> Issuers | None:
    if given is None and not beside.exists():
        return None
    file = beside if given is None else given
    try:
        accepted = accept_issuers(_content(file, "--issuers"), root, None)
    except DocumentError as error:
        raise InputError(f"--issuers: {file}: {error}; allowed: a signed issuers.json") from None
    if isinstance(accepted, Refusal):
        raise InputError(f"--issuers: {file}: {accepted}; allowed: signed by as many people as harm needs")
    return accepted


def _key(file: Path, data: bytes) -> bytes:
    try:
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InputError(f"--fleet-key: {file}: allowed: {KEY_BYTES} bytes as hex, and nothing else")
    return key


def _newest(first: Path) -> bytes:
    """The last generation beside the first one, of `relance keys rotate`; empty where there is none."""
    found, number = b"", 2
    while (path := first.with_name(f"{first.stem}.{number}{first.suffix}")).exists():
        found, number = _key(path, _content(path, "--fleet-key")), number + 1
    return found


def _content(file: Path, option: str) -> bytes:
    try:
        with file.open("rb") as opened:
            # One byte more than is allowed is enough to refuse a file of any size.
            return opened.read(PAYLOAD_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(f"{option}: {file}: cannot be read: {error.strerror}") from None
