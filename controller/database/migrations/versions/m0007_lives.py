"""Numbers are counted in one life of a meter or link, its epoch (design §5). Never edited again.

All that is stored so far belongs to life 0. Readings had no proof then, and their numbers may have been
burnt: they are kept as life -1, which no word can claim.
"""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0007"
down_revision = "0006"

_UNPROVEN = -1


def upgrade() -> None:
    """Add the life to every number, and the lives that are over."""
    for table in ("meter", "link"):
        op.add_column(table, sa.Column("epoch", Int64(), nullable=False, server_default="0"))
    _add_to_key("reading", _UNPROVEN)
    _add_to_key("meter_event", 0)
    _add_to_key("claim", 0)
    op.create_table(
        "closed",
        sa.Column("name", TextColumn(), nullable=False),
        sa.Column("epoch", Int64(), nullable=False),
        sa.PrimaryKeyConstraint("name", "epoch", name=op.f("pk_closed")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _add_to_key(table: str, epoch: int) -> None:
    """Put the life into the primary key: meter, epoch, number."""
    if op.get_bind().dialect.name == "sqlite":
        _copy(table, epoch)
        return
    op.add_column(table, sa.Column("epoch", Int64(), nullable=False, server_default=str(epoch)))
    op.alter_column(table, "epoch", server_default=None)
    op.drop_constraint(op.f(f"pk_{table}"), table)
    op.create_primary_key(op.f(f"pk_{table}"), table, ["meter", "epoch", "number"])


def _copy(table: str, epoch: int) -> None:
    """SQLite cannot change a primary key: a new table takes the rows and the name."""
    found = sa.inspect(op.get_bind())
    columns = {column["name"]: bool(column["nullable"]) for column in found.get_columns(table)}
    indexes = [(str(index["name"]), index["column_names"]) for index in found.get_indexes(table)]
    texts = {"meter", "supply", "event", "record", "source", "verdict"}
    others = [name for name in columns if name not in {"meter", "number"}]
    op.create_table(
        f"{table}_new",
        sa.Column("meter", TextColumn(), nullable=False),
        sa.Column("epoch", Int64(), nullable=False),
        sa.Column("number", Int64(), nullable=False),
        *(
            sa.Column(name, TextColumn() if name in texts else Int64(), nullable=columns[name])
            for name in others
        ),
        sa.PrimaryKeyConstraint("meter", "epoch", "number", name=op.f(f"pk_{table}")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    names = ", ".join(others)
    # S608: the names are the schema's own.
    op.execute(
        f"INSERT INTO {table}_new (meter, epoch, number, {names}) "  # noqa: S608
        f"SELECT meter, {epoch}, number, {names} FROM {table}"
    )
    op.drop_table(table)
    op.rename_table(f"{table}_new", table)
    for name, indexed in indexes:
        op.create_index(op.f(name), table, [each for each in indexed if each is not None])
