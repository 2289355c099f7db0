"""Who acts: the operator a command names, and the key that signs for them."""

import os
from pathlib import Path
from typing import Final

from controller.cli.arguments import read_name
from controller.cli.exits import warn
from controller.keys import access_warning, ask_passphrase, key_path, load_signer
from controller.settings import Settings
from protocols.documents.envelope import Signer
from protocols.documents.orders import Role
from protocols.documents.roles import Root, open_first_root
from protocols.errors import DocumentError, InputError

OPERATOR_VARIABLE: Final = "RELANCE_OPERATOR"


def load_root(path: Path) -> Root:
    """The root document of a home. Raises InputError where it is missing, broken or not signed by its own."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `relance init` makes it") from None
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


def choose_operator(root: Root, role: Role, chosen: str | None) -> str:
    """Who acts: `--as`, else RELANCE_OPERATOR, else the root's first. Raises InputError for a stranger."""
    there = operators_of(root, role)
    if chosen is None:
        where, name = OPERATOR_VARIABLE, os.environ.get(OPERATOR_VARIABLE) or next(iter(there), "")
    else:
        where, name = "--as", chosen
    if name not in there:
        listed = ", ".join(there) or "nobody"
        raise InputError(f"{where}: {read_name(name, where)} may not {role}; allowed: {listed}")
    return name


def signer_of(settings: Settings, root: Root, name: str) -> Signer:
    """The operator's signer, after their passphrase; warns of a key that others can read. InputError."""
    look_at_keys(settings, name)
    signer = load_signer(settings.keys, name, ask_passphrase(name))
    listed = root.keys.get(signer.keyid)
    if listed is None or listed.holder != name:
        path = key_path(settings.keys, name)
        raise InputError(f"{path}: the root does not know this key as {name}'s")
    return signer


def look_at_keys(settings: Settings, *names: str) -> None:
    """Before anybody types a passphrase: warns, once, of a key that others can read.

    Raises InputError where one of them is missing or out of reach.
    """
    paths = {name: key_path(settings.keys, name) for name in names}
    try:
        missing = [name for name, path in paths.items() if not path.exists()]
        found = [access_warning(path) for name, path in paths.items() if name not in missing]
    except OSError as error:
        raise InputError(f"{settings.keys}: cannot be read: {error.strerror}") from None
    for name in missing:
        # Without a passphrase, since it gets as far as saying which keys there are.
        load_signer(settings.keys, name, "")
    warn([each for each in found if each is not None][:1])
