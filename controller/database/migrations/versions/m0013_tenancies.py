"""Households that have left a connection, and what their purse held (design §6). Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Nobody has left yet, as far as anybody knows."""
    op.create_table(
        "tenancy",
        sa.Column("ean", TextColumn(), nullable=False),
        sa.Column("number", Int64(), nullable=False),
        sa.Column("meter", TextColumn(), nullable=False),
        sa.Column("until_ms", Int64(), nullable=False),
        sa.Column("category", TextColumn(), nullable=True),
        sa.Column("language", TextColumn(), nullable=True),
        sa.Column("flags", TextColumn(), nullable=True),
        sa.Column("balance_ueur", Int64(), nullable=True),
        sa.Column("reported_ms", Int64(), nullable=True),
        sa.Column("recorded_by", TextColumn(), nullable=False),
        sa.Column("recorded_ms", Int64(), nullable=False),
        sa.PrimaryKeyConstraint("ean", "number", name=op.f("pk_tenancy")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
