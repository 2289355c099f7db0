"""What every command works at: its settings, the root and the open store."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from controller.database.engine import open_store
from controller.office.people import load_root
from controller.office.settings import Settings, settings_from
from protocols.documents.roles import Root


@dataclass(frozen=True, slots=True)
class Desk:
    """A controller's home, opened."""

    settings: Settings
    root: Root
    store: Engine


@contextmanager
def open_desk(home: Path | None, database: str | None) -> Iterator[Desk]:
    """The desk of a home, given back at the end.

    Raises InputError or UnreachableError where there is no home, or its root or store cannot be read.
    """
    settings = settings_from(os.environ, home, database)
    root = load_root(settings.root)
    store = open_store(settings.database)
    try:
        yield Desk(settings, root, store)
    finally:
        store.dispose()
