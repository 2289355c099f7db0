"""Names that are not admitted wait in a bounded list (design §5). Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nobody waits yet."""
    op.create_table(
        "quarantine",
        sa.Column("name", TextColumn(), nullable=False),
        sa.Column("link", TextColumn(), nullable=False),
        sa.Column("why", TextColumn(), nullable=False),
        sa.Column("count", Int64(), nullable=False),
        sa.Column("first_ms", Int64(), nullable=False),
        sa.Column("last_ms", Int64(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_quarantine")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
