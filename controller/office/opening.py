"""Opens a controller's home for the faces: its settings, root and store."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import Session

from controller.database.engine import open_store, reading
from controller.office.issuers_store import IssuersSealed, issuers_in_force
from controller.office.people import load_root
from controller.office.root_chain import write_chain
from controller.office.root_file import replace_sealed
from controller.office.root_store import newer_root, root_chain
from controller.office.settings import Settings
from protocols.documents.envelope import read_envelope
from protocols.documents.issuers import read_issuers
from protocols.documents.roles import Root
from protocols.errors import DocumentError


@dataclass(frozen=True, slots=True)
class Office:
    """Settings, the root, and the open store of one home."""

    settings: Settings
    root: Root
    store: Engine

    def reading(self) -> AbstractContextManager[Session]:
        """A session for views; see `database.engine.reading`."""
        return reading(self.store)


@contextmanager
def open_office(settings: Settings) -> Iterator[Office]:
    """Open the office of a home; the end of the block closes its store.

    Raises InputError or UnreachableError where there is no home, or its root or store cannot be read.
    """
    root = load_root(settings.root)
    store = open_store(settings.database)
    try:
        with reading(store) as session:
            newer = newer_root(session, root)
        root = root if newer is None else newer[0]
        yield Office(settings, root, store)
    finally:
        store.dispose()


def keep_newest_root(office: Office) -> None:
    """Put root and issuers in force into the home, where its files hold earlier ones. Raises InputError.

    The issuers go first: under the new root they may need signatures that only the store's document has. So
    do those that stayed behind alone: a kill between the files, or a version that wrote only the root.
    """
    with office.reading() as session:
        newer = newer_root(session, load_root(office.settings.root))
        issuers = issuers_in_force(session)
    if newer is not None:
        write_issuers(office)
        write_roots(office)
        replace_sealed(office.settings.root, newer[1])
    elif issuers is not None and _are_behind(office.settings.issuers, issuers):
        write_issuers(office)


def _are_behind(path: Path, sealed: IssuersSealed) -> bool:
    """Whether the home's issuers are missing, earlier than the store's, or the same with fewer signatures.

    A file that is further on is of after a backup: the service takes it into the store. A damaged one stays,
    and whoever reads it says so.
    """
    if not path.exists():
        return True
    try:
        found = read_envelope(path.read_bytes())
        version = read_issuers(found.payload).version
        signers, more = (
            {each.keyid for each in envelope.signatures}
            for envelope in (found, read_envelope(sealed.envelope))
        )
    except (OSError, DocumentError):
        return False
    return version < sealed.issuers.version or (version == sealed.issuers.version and signers < more)


def write_roots(office: Office) -> None:
    """The roots that lead to the one in force, for a timeserver that has missed some."""
    with office.reading() as session:
        chain = root_chain(session)
    replace_sealed(office.settings.roots, write_chain(chain))


def write_issuers(office: Office) -> None:
    """The home's copy, for fleets that are made from it: with the signatures that the root demands."""
    with office.reading() as session:
        sealed = issuers_in_force(session)
    if sealed is not None:
        replace_sealed(office.settings.issuers, sealed.envelope)
