"""Meters that were taken out of the fleet, and whose their money was (design §6). Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Every meter that is known is in the fleet."""
    op.create_table(
        "retired",
        sa.Column("meter", TextColumn(), nullable=False),
        sa.Column("ean", TextColumn(), nullable=True),
        sa.Column("successor", TextColumn(), nullable=True),
        sa.Column("at_ms", Int64(), nullable=False),
        sa.Column("by", TextColumn(), nullable=False),
        sa.Column("basis", TextColumn(), nullable=False),
        sa.Column("worth_ueur", Int64(), nullable=True),
        sa.Column("said", Int64(), nullable=False),
        sa.Column("payment", TextColumn(), nullable=True),
        sa.Column("late_number", Int64(), nullable=False),
        sa.Column("late_ms", Int64(), nullable=True),
        sa.Column("late_balance_ueur", Int64(), nullable=True),
        sa.Column("late_account", TextColumn(), nullable=True),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name=op.f("fk_retired_meter")),
        sa.PrimaryKeyConstraint("meter", name=op.f("pk_retired")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_retired_successor"), "retired", ["successor"])
    op.create_index(op.f("ix_retired_payment"), "retired", ["payment"])
