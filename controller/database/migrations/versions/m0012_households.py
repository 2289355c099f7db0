"""Households are known before their meters speak, and belong to groups (design §6). Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import TextColumn

revision = "0012"
down_revision = "0010"

_TEXTS = ("area", "dso", "category", "energy", "profile", "firmware", "link", "groups", "language", "flags")


def upgrade() -> None:
    """No household is known yet: the DSO's file names them."""
    op.create_table(
        "household",
        sa.Column("ean", TextColumn(), nullable=False),
        sa.Column("meter", TextColumn(), nullable=False),
        *(sa.Column(name, TextColumn(), nullable=True) for name in _TEXTS),
        sa.PrimaryKeyConstraint("ean", name=op.f("pk_household")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_household_meter"), "household", ["meter"], unique=True)
    op.create_table(
        "household_group",
        sa.Column("ean", TextColumn(), nullable=False),
        sa.Column("name", TextColumn(), nullable=False),
        sa.PrimaryKeyConstraint("ean", "name", name=op.f("pk_household_group")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
