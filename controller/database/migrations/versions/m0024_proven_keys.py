"""Under which key a meter or a link speaks. Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Nobody has proved another key than the first one."""
    op.create_table(
        "proven_key",
        sa.Column("id", TextColumn(), nullable=False),
        sa.Column("generation", Int64(), nullable=False),
        sa.Column("public", TextColumn(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proven_key")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
