"""Who looked at which household, and when a reading was received (design §6). Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Nobody was noted before. Of readings that are here nobody knows when they came."""
    op.add_column("reading", sa.Column("received_ms", Int64(), nullable=True))
    op.create_table(
        "access",
        sa.Column("number", Int64(), nullable=False),
        sa.Column("at_ms", Int64(), nullable=False),
        sa.Column("operator", TextColumn(), nullable=True),
        sa.Column("os_user", TextColumn(), nullable=False),
        sa.Column("command", TextColumn(), nullable=False),
        sa.Column("shown", Int64(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_access")),
        sqlite_strict=True,
    )
    op.create_table(
        "accessed",
        sa.Column("meter", TextColumn(), nullable=False),
        sa.Column("access", Int64(), nullable=False),
        sa.Column("ean", TextColumn(), nullable=True),
        sa.PrimaryKeyConstraint("meter", "access", name=op.f("pk_accessed")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_accessed_ean"), "accessed", ["ean"])
    op.create_index(op.f("ix_accessed_access"), "accessed", ["access"])
