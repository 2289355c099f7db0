"""The mark in the home: beside the store, so that a store that is restored alone finds it."""

from collections.abc import Mapping
from pathlib import Path

from controller.office.root_file import replace_sealed
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Root
from protocols.errors import DocumentError, InputError
from protocols.link.marks import StoreMark, open_mark


def read_mark(path: Path, root: Root, former: Mapping[str, bytes] | None = None) -> StoreMark | None:
    """The mark in a file, signed by the service's key; None where there is no file.

    `former`: keys that the service had before. A mark of one of them is as none: whoever has stolen it counts
    nothing up here, and nobody is warned until the service leaves a new one.

    Raises InputError for a file that cannot be read, that is no mark, or that nobody has signed who may.
    """
    try:
        envelope = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        mark = open_mark(envelope, service_keys(root))
    except DocumentError as error:
        raise InputError(
            f"{path}: is no mark: {error}; allowed: what `relance serve` wrote there, and writes anew"
        ) from None
    if mark is None and former and open_mark(envelope, former) is not None:
        return None
    if mark is None:
        raise InputError(
            f"{path}: not signed by the service's key; allowed: what `relance serve` wrote there"
        )
    return mark


def service_keys(root: Root) -> dict[str, bytes]:
    """The keys of the service, by keyid."""
    rule = root.roles.get(Role.LEASE)
    keyids = () if rule is None else rule.keyids
    return {keyid: bytes.fromhex(root.keys[keyid].public) for keyid in keyids}


def write_mark(path: Path, envelope: bytes) -> None:
    """Put a mark in the place of the last one. Raises InputError where it cannot be written."""
    replace_sealed(path, envelope)
