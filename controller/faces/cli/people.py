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
    """The operator: `--as`, else RELANCE_OPERATOR, else the first of the root.

    Raises InputError for a name that does not hold the role.
    """
    if chosen is None:
        where = OPERATOR_VARIABLE
        name = os.environ.get(OPERATOR_VARIABLE) or next(iter(operators_of(root, role)), "")
    else:
        where, name = "--as", chosen
    check_may(root, role, name, where)
    return name


def open_key(office: Office, name: str) -> Actor:
    """The operator with their key, which their passphrase opens; warns where others can read the key.

    Raises InputError for a key that is missing or cannot be reached, or a wrong passphrase.
    """
    warn_of_keys(office, name)
    return open_actor(office.settings, office.root, name, ask_passphrase(name))


def warn_of_keys(office: Office, name: str) -> None:
    """Warn of a key that others can read. Raises InputError where it is missing or cannot be reached."""
    warning = key_warning(office.settings, name)
    warn([] if warning is None else [warning])
