"""The roots in the store: the one that people are signing, and the one in force (design §5, root).

The file of the home holds the root of the founding, or a later one. The store's root counts where it is newer
and signed as the file's root demands: so the home of another machine that shares the store takes it too.
"""

from typing import Final

from sqlmodel import Session

from controller.database.tables import SettingRow
from protocols.documents.roles import Root, accept_root

_IN_FORCE: Final = "root/in_force"
_PROPOSED: Final = "root/proposed"


def stored_root(session: Session) -> bytes | None:
    """The envelope of the root in force; None where no root has followed that of the founding."""
    return _read(session, _IN_FORCE)


def proposed_root(session: Session) -> bytes | None:
    """The envelope of the root that waits for signatures; None where none does."""
    return _read(session, _PROPOSED)


def newer_root(session: Session, current: Root) -> tuple[Root, bytes] | None:
    """The store's root where it is newer than `current` and signed as that one demands; with its envelope."""
    envelope = stored_root(session)
    if envelope is None:
        return None
    found = accept_root(envelope, current)
    return (found, envelope) if isinstance(found, Root) else None


def keep_proposed(session: Session, envelope: bytes) -> None:
    """Keep a root that waits for signatures, in the place of any other."""
    _write(session, _PROPOSED, envelope)


def put_in_force(session: Session, envelope: bytes) -> None:
    """Make a root that is signed by enough people the one in force."""
    _write(session, _IN_FORCE, envelope)
    row = session.get(SettingRow, _PROPOSED)
    if row is not None:
        session.delete(row)


def _read(session: Session, name: str) -> bytes | None:
    row = session.get(SettingRow, name)
    return None if row is None else row.value.encode()


def _write(session: Session, name: str, envelope: bytes) -> None:
    row = session.get(SettingRow, name) or SettingRow(name=name, value="")
    row.value = envelope.decode()
    session.add(row)
