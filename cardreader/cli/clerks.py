"""Whose key gives supply back: the clerk's own, from its file or from the agent in which it is open."""

import os
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Annotated

import typer

from cardreader.issuing.practice import HOLDERS, practice_signer
from cardreader.kiosk.desk import Kiosk
from cardreader.kiosk.home import KioskHome
from cardreader.kiosk.key_files import keyid_in_file, open_encrypted_key
from cardreader.kiosk.recovering import check_clerk
from protocols.documents.envelope import Signer
from protocols.documents.kind_rule import Role
from protocols.errors import InputError
from protocols.rim.agent.asking import AgentKey, open_agent
from protocols.rim.agent.place import agent_socket
from protocols.rim.passphrases import ask_passphrase

ClerkKey = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="The clerk's own key, of role protect; its passphrase is asked for where no agent has it open.",
    ),
]


def clerks_signer(kiosk: Kiosk, key: Path | None) -> Signer:
    """The clerk's key, for this command: its agent's, or for this command alone what its passphrase opens.

    Raises InputError for a key that is missing or does not open, RefusedError for one that may not.
    """
    if kiosk.home.practice:
        if key is not None:
            raise InputError("--key: allowed with --home; in practice a clerk of the seed signs")
        return practice_signer(kiosk.home.practice, HOLDERS[Role.PROTECT][0])
    signer = _agents_signer(kiosk.home, key)
    if signer is not None:
        return signer
    if key is None:
        raise InputError(
            "--key: missing; needed with --home, unless `relance-kiosk agent open` has a clerk's key open: "
            "no kiosk signs this with its own key"
        )
    return typed_signer(kiosk, key)


def typed_signer(kiosk: Kiosk, key: Path) -> Signer:
    """The key that the clerk's passphrase opens. Raises as `clerks_signer`."""
    signer = open_encrypted_key(key, ask_passphrase(key.stem))
    check_clerk(kiosk.home, signer)
    return signer


def socket_of(home: KioskHome) -> Path:
    """Where the agent of this account listens."""
    assert home.folder is not None, "a home that is no practice lies in a folder"
    return agent_socket(os.environ, home.folder)


def holder_of(home: KioskHome, keyid: str, otherwise: str) -> str:
    """Whom the root names as the holder of a key."""
    root = home.known_root()
    return otherwise if root is None or keyid not in root.keys else root.keys[keyid].holder


def _agents_signer(home: KioskHome, key: Path | None) -> Signer | None:
    """None: no agent has this key open, or any clerk's where none is named."""
    root = home.known_root()
    if root is None or Role.PROTECT not in root.roles:
        return None
    may = set(root.roles[Role.PROTECT].keyids)
    path = socket_of(home)
    answer = open_agent(path, may if key is None else may & _named_in(key))
    if answer is None:
        return None
    return Signer(AgentKey(path, bytes.fromhex(root.keys[answer.keyid].public)))


def _named_in(key: Path) -> AbstractSet[str]:
    try:
        return {keyid_in_file(key)}
    except OSError:
        return set()  # its passphrase is asked for, and then it is said what is wrong with the file
