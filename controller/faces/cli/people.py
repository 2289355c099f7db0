"""Who acts: the operator a command names, and the key that signs for them."""

import os
from typing import Final

from controller.office.keys import access_warning, ask_passphrase, key_path, load_signer
from controller.office.people import operators_of
from controller.office.settings import Settings
from protocols.arguments import read_name
from protocols.documents.envelope import Signer
from protocols.documents.orders import Role
from protocols.documents.roles import Root
from protocols.errors import InputError
from protocols.rim.terminal import warn

OPERATOR_VARIABLE: Final = "RELANCE_OPERATOR"


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
