"""Counters that rise by one and give no number twice: revisions, order ids, audit entries."""

from sqlalchemy import text
from sqlmodel import Session

# The same statement on both databases. It locks the counter's row: the next writer waits for our commit.
_DRAW = text(
    "INSERT INTO counter (name, value) VALUES (:name, 1) "
    "ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value"
)


def next_number(session: Session, name: str) -> int:
    """The next number of the counter `name`, beginning with 1. A rollback gives the number back."""
    return int(session.connection().execute(_DRAW, {"name": name}).scalar_one())
