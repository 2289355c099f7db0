"""Who acts at a terminal: the operator that the command names, and the key that their passphrase opens."""

import os
from typing import Final

from controller.faces.cli.passphrases import ask_passphrase
from controller.office.opening import Office
from controller.office.people import Actor, check_may, key_warning, open_actor, operators_of
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Root
from protocols.rim.terminal import warn

OPERATOR_VARIABLE: Final = "RELANCE_OPERATOR"


def choose_operator(root: Root, role: Role, chosen: str | None) -> str:
    """Who acts: `--as`, else RELANCE_OPERATOR, else the root's first. Raises InputError for a stranger."""
    if chosen is None:
        where = OPERATOR_VARIABLE
        name = os.environ.get(OPERATOR_VARIABLE) or next(iter(operators_of(root, role)), "")
    else:
        where, name = "--as", chosen
    check_may(root, role, name, where)
    return name


def open_key(office: Office, name: str) -> Actor:
    """The operator with their key, after their passphrase; warns of a key that others can read.

    Raises InputError for a key that is missing or out of reach, or a wrong passphrase.
    """
    warn_of_keys(office, name)
    return open_actor(office.settings, office.root, name, ask_passphrase(name))


def warn_of_keys(office: Office, name: str) -> None:
    """Before anybody types a passphrase. Raises InputError where the key is missing or out of reach."""
    warning = key_warning(office.settings, name)
    warn([] if warning is None else [warning])
