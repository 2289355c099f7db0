"""Who acts at a terminal: the operator that the command names, and the key that their passphrase opens."""

import os
import pwd
from typing import Final

from controller.office.keys import find_key
from controller.office.opening import Office
from controller.office.people import Actor, check_may, key_warning, keyids_of, open_actor, operators_of
from controller.office.token_place import TOKEN_SUFFIX
from controller.privacy.accesses import Looker
from protocols.arguments import did_you_mean
from protocols.documents.envelope import Signer
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Root
from protocols.errors import InputError, quoted
from protocols.rim.agent.asking import AgentKey, open_agent
from protocols.rim.agent.place import agent_socket
from protocols.rim.passphrases import ask_passphrase
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


def choose_looker(root: Root, chosen: str | None) -> Looker:
    """Who looks at households: `--as`, else RELANCE_OPERATOR, else nobody that is named; and the user here.

    Nobody types a passphrase to look, so that the name is only what they say. Raises InputError for a name
    that the root does not know.
    """
    where, name = (
        ("--as", chosen) if chosen is not None else (OPERATOR_VARIABLE, os.environ.get(OPERATOR_VARIABLE))
    )
    holders = sorted({key.holder for key in root.keys.values()})
    if name and name not in holders:
        raise InputError(
            f"{where}: {quoted(name)}{did_you_mean(name, holders)} allowed: {', '.join(holders)}"
        )
    return Looker(operator=name or None, os_user=_os_user())


def _os_user() -> str:
    """The name of the user that runs this program; its number where the machine knows no name.

    Not from the environment, which anybody sets as they like.
    """
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


def open_key(office: Office, name: str) -> Actor:
    """The operator with their key: their agent's, if one is open at this account, else as below.

    Whoever sits here is told that it signs. Raises as `open_with_passphrase`.
    """
    path = agent_socket(os.environ, office.settings.home)
    answer = open_agent(path, keyids_of(office.root, name))
    if answer is None:
        return open_with_passphrase(office, name)
    public = bytes.fromhex(office.root.keys[answer.keyid].public)
    return Actor(name, Signer(AgentKey(path, public)))


def open_with_passphrase(office: Office, name: str) -> Actor:
    """The operator with their key, which their passphrase opens; warns where others can read the key.

    Raises InputError for a key that is missing or cannot be reached, or a wrong passphrase.
    """
    warn_of_keys(office, name)
    return open_actor(office.settings, office.root, name, ask_passphrase(whose_key(office, name)))


def whose_key(office: Office, name: str) -> str:
    """What the prompt calls the key: a passphrase opens a file, a PIN a token."""
    path = find_key(office.settings.keys, name, keyids_of(office.root, name))
    return f"{name}, the PIN of the token" if path.suffix == TOKEN_SUFFIX else name


def warn_of_keys(office: Office, name: str) -> None:
    """Warn of a key that others can read. Raises InputError where it is missing or cannot be reached."""
    warning = key_warning(office.settings, name)
    warn([] if warning is None else [warning])
