"""Who acts: the operator a command names, and the key that signs for them."""

import os
from pathlib import Path
from typing import Final

from controller.cli.arguments import read_name
from controller.cli.exits import complain
from controller.keys import access_warning, ask_passphrase, key_path, load_signer
from controller.settings import Settings
from protocols.envelope import Signer, read_envelope
from protocols.errors import DocumentError, InputError
from protocols.orders import Role
from protocols.roles import ROOT_TYPE, Root, meets, open_signed, read_root

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
        root = read_root(read_envelope(data).payload)
        signed = open_signed(data, root, ROOT_TYPE)
    except DocumentError as error:
        raise InputError(f"{path}: {error}") from None
    if not meets(signed, root, Role.ROOT):
        raise InputError(f"{path}: not signed by as many people as it asks for itself")
    return root


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
    # Before anybody types a passphrase: whether there is a key at all.
    path = key_path(settings.keys, name)
    if path.exists():
        warning = access_warning(path)
        if warning is not None:
            complain(f"warning: {warning}")
        passphrase = ask_passphrase(name)
    else:
        passphrase = ""
    signer = load_signer(settings.keys, name, passphrase)
    listed = root.keys.get(signer.keyid)
    if listed is None or listed.holder != name:
        raise InputError(f"{path}: the root does not know this key as {name}'s")
    return signer
