"""The proved keys in the store, and the book of them in memory."""

from collections.abc import Mapping

from sqlmodel import Session, select

from controller.database.bulk import upsert
from controller.database.key_tables import ProvenKeyRow
from controller.exchange.key_book import FindsSecret, KeyBook, ProvenKey
from protocols.errors import InputError


def load_book(session: Session, secrets: Mapping[int, bytes], find: FindsSecret) -> KeyBook:
    """The book of a fleet with these generations of its key; `find`: as in `KeyBook`.

    Raises InputError where somebody speaks under a generation that is not in the home.
    """
    book = KeyBook(secrets, proven_keys(session), find)
    if missing := book.missing():
        files = ", ".join(f"fleet.{each}.key" for each in missing)
        raise InputError(
            f"{files}: not in the home, and meters speak under it; allowed: the home with all fleet keys"
        )
    return book


def proven_keys(session: Session) -> dict[str, ProvenKey]:
    """What is known to be proved, by `meter/NAME` and `link/NAME`."""
    rows = session.exec(select(ProvenKeyRow))
    return {row.id: ProvenKey(row.generation, row.public, row.made) for row in rows}


def store_proven(session: Session, book: KeyBook) -> dict[str, ProvenKey]:
    """Store what is new in the book; returns it, for `KeyBook.stored` once it is committed."""
    done = dict(book.unstored)
    rows = [(name, each.generation, each.public, each.made) for name, each in done.items()]
    if rows:
        upsert(session, "proven_key", ("id",), ("id", "generation", "public", "made"), rows)
    return done
