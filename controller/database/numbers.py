"""Counters that rise by one and give no number twice: revisions, order ids, audit entries."""

from sqlalchemy import text, update
from sqlmodel import Session, col

from controller.database.tables import CounterRow

# The same statement on both databases. It locks the counter's row: the next writer waits for our commit.
_DRAW = text(
    "INSERT INTO counter (name, value) VALUES (:name, :count) "
    "ON CONFLICT (name) DO UPDATE SET value = counter.value + :count RETURNING value"
)

_RAISE = text(
    "INSERT INTO counter (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET "
    "value = CASE WHEN counter.value < :value THEN :value ELSE counter.value END"
)


def next_number(session: Session, name: str) -> int:
    """The next number of the counter `name`, beginning with 1. A rollback gives the number back."""
    return next_numbers(session, name, 1)[0]


def next_numbers(session: Session, name: str, count: int) -> range:
    """The next numbers of the counter `name`, as `count` calls of `next_number` would give them."""
    last = int(session.connection().execute(_DRAW, {"name": name, "count": count}).scalar_one())
    return range(last - count + 1, last + 1)


def raise_number(session: Session, name: str, value: int) -> None:
    """Let the counter `name` stand at `value` at least: the next number is above it."""
    session.connection().execute(_RAISE, {"name": name, "value": value})


def lift_numbers(session: Session, prefix: str, by: int, highest: int) -> None:
    """Let every counter whose name begins so stand higher by `by`; not one that stands above `highest`."""
    named = col(CounterRow.name).startswith(prefix, autoescape=True)
    lifted = update(CounterRow).where(named, col(CounterRow.value) <= highest)
    session.execute(lifted.values(value=CounterRow.value + by))
