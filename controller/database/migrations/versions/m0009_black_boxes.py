"""The store knows which entries of a black box it has (design §5). Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """What came before is taken as all there was: no word of before said what came between two events."""
    op.add_column("meter", sa.Column("last_event", Int64(), nullable=False, server_default="0"))
    op.add_column("meter", sa.Column("oldest_entry", Int64(), nullable=False, server_default="0"))
    op.create_table(
        "black_box",
        sa.Column("meter", TextColumn(), nullable=False),
        sa.Column("epoch", Int64(), nullable=False),
        sa.Column("upto", Int64(), nullable=False),
        sa.Column("beyond", TextColumn(), nullable=False),
        sa.Column("lost", TextColumn(), nullable=False),
        sa.PrimaryKeyConstraint("meter", "epoch", name=op.f("pk_black_box")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
