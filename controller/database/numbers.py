"""Numbers that rise by one and are never given twice: revisions, order ids, audit entries."""

from sqlalchemy import text
from sqlmodel import Session

# One statement on both databases: it locks the counter's row, so that the next one waits for our commit.
_DRAW = text(
    "INSERT INTO counter (name, value) VALUES (:name, 1) "
    "ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value"
)
_RAISE = text(
    "INSERT INTO counter (name, value) VALUES (:name, :value) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE counter.value < excluded.value"
)


def next_number(session: Session, name: str) -> int:
    """The next number of this name, 1 first. Given back where the transaction is rolled back."""
    return int(session.connection().execute(_DRAW, {"name": name}).scalar_one())


def raise_number(session: Session, name: str, value: int) -> None:
    """The next number shall be above `value`, which came from elsewhere."""
    session.connection().execute(_RAISE, {"name": name, "value": value})
