"""A service that runs leaves a sign of life in the store (design §6). Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """No row: no service has run since, or the last one ended in order."""
    op.create_table(
        "service",
        sa.Column("name", TextColumn(), nullable=False),
        sa.Column("run", TextColumn(), nullable=False),
        sa.Column("host", TextColumn(), nullable=False),
        sa.Column("boot_id", TextColumn(), nullable=False),
        sa.Column("began_tick_ms", Int64(), nullable=False),
        sa.Column("tick_ms", Int64(), nullable=False),
        sa.Column("beat", Int64(), nullable=False),
        sa.Column("broker", TextColumn(), nullable=False),
        sa.Column("connected", Int64(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_service"),
        sqlite_strict=True,
    )
