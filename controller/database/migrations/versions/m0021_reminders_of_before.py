"""Deadlines of a reactivation, and since when it was unknown whether a reminder went. Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0021"
down_revision = "0018"


def upgrade() -> None:
    """Of a deadline of before only the last is known: it counts from the opening on."""
    op.add_column("contact", sa.Column("told_ms", Int64(), nullable=True))
    op.add_column("notice", sa.Column("doubtful_ms", Int64(), nullable=True))
    op.create_table(
        "campaign_deadline",
        sa.Column("campaign", TextColumn(), nullable=False),
        sa.Column("number", Int64(), nullable=False),
        sa.Column("since_ms", Int64(), nullable=False),
        sa.Column("deadline_ms", Int64(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "number", name=op.f("pk_campaign_deadline")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO campaign_deadline (campaign, number, since_ms, deadline_ms) "
        "SELECT name, 1, opened_ms, deadline_ms FROM campaign"
    )
