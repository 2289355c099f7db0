"""Numbers that rise by one and are never given twice: revisions, order ids, audit entries."""

from sqlalchemy import text
from sqlmodel import Session

# One statement on both databases: it locks the counter's row, so that the next one waits for our commit.
_DRAW = text(
    "INSERT INTO counter (name, value) VALUES (:name, 1) "
    "ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value"
)


def next_number(session: Session, name: str) -> int:
    """The next number of this name, 1 first. Given back where the transaction is rolled back."""
    return int(session.connection().execute(_DRAW, {"name": name}).scalar_one())
