"""The people of a home: the root that lists them, and the key with which each signs (design §5)."""

from dataclasses import dataclass
from pathlib import Path

from controller.office.keys import access_warning, find_key, key_files, load_signer, open_key_file
from controller.office.settings import Settings
from protocols.arguments import did_you_mean, read_name
from protocols.documents.envelope import Signer
from protocols.documents.kind_rule import Role
from protocols.documents.orders import short_keyid
from protocols.documents.roles import Root, open_first_root
from protocols.errors import DocumentError, InputError


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the name of a holder in the root, and their key."""

    name: str
    signer: Signer


def load_root(path: Path) -> Root:
    """The root of a home. Raises InputError where it is missing, malformed, or not signed as it demands."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; `relance init` makes it, --home or RELANCE_HOME names another home, and "
            "whoever acts from a folder of their own has a copy of it there"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return open_first_root(data)
    except DocumentError as error:
        raise InputError(f"{path}: {error}") from None


def operators_of(root: Root, role: Role) -> tuple[str, ...]:
    """The distinct holders of a role, as the root lists them."""
    rule = root.roles.get(role)
    keyids = () if rule is None else rule.keyids
    return tuple(dict.fromkeys(root.keys[keyid].holder for keyid in keyids))


def check_may(root: Root, role: Role, name: str, where: str) -> None:
    """Raises InputError for a name that does not hold the role; its message begins with `where`."""
    holders = operators_of(root, role)
    if name not in holders:
        listed = ", ".join(holders) or "nobody"
        hint = did_you_mean(name, holders)
        raise InputError(
            f"{where}: {read_name(name, where)} does not have the role {role}{hint} allowed: {listed}"
        )


def key_warning(settings: Settings, *names: str) -> str | None:
    """The first warning about who may read these keys, for use before anybody types a passphrase.

    Raises InputError where a key is missing or cannot be reached.
    """
    try:
        files = {name: key_files(settings.keys, name) for name in names}
        found = [access_warning(path) for paths in files.values() for path in paths]
    except OSError as error:
        raise InputError(f"{settings.keys}: cannot be read: {error.strerror}") from None
    for name in (name for name, paths in files.items() if not paths):
        # Raises the error that names the keys that exist; a missing file needs no passphrase for that.
        load_signer(settings.keys, name, "")
    return next((each for each in found if each is not None), None)


def open_actor(settings: Settings, root: Root, name: str, passphrase: str) -> Actor:
    """An operator with their key.

    Raises InputError for a wrong passphrase, or a key that the root does not list as theirs.
    """
    theirs = keyids_of(root, name)
    path = find_key(settings.keys, name, theirs)
    signer = open_key_file(settings.keys, path, passphrase)
    listed = root.keys.get(signer.keyid)
    if listed is None or listed.holder != name:
        # After `operator rotate` the old file is still here; the new one is where its request was made.
        lists = " or ".join(short_keyid(each) for each in sorted(theirs)) or "none"
        raise InputError(
            f"{path}: key {short_keyid(signer.keyid)}, but the root lists {lists} as {name}'s; "
            "allowed: a home that has that one (--home)"
        )
    return Actor(name, signer)


def keyids_of(root: Root, name: str) -> frozenset[str]:
    """The keys of a person or machine, as the root lists them."""
    return frozenset(keyid for keyid, key in root.keys.items() if key.holder == name)
