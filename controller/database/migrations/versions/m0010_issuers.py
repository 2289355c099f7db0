"""Issuers sign statements, at the request of a clerk, counted by epoch (design §4.3). Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """All that is booked is of epoch 0; no meter has said yet whether it knows issuers."""
    op.add_column("payment", sa.Column("epoch", Int64(), nullable=False, server_default="0"))
    op.add_column("payment", sa.Column("found", Int64(), nullable=False, server_default="0"))
    op.add_column("meter", sa.Column("issuers_version", Int64(), nullable=True))
    op.create_table(
        "payment_request",
        sa.Column("id", TextColumn(), nullable=False),
        sa.Column("meter", TextColumn(), nullable=False),
        sa.Column("amount_ueur", Int64(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("state", TextColumn(), nullable=False),
        sa.Column("created_by", TextColumn(), nullable=False),
        sa.Column("created_ms", Int64(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_request")),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name=op.f("fk_payment_request_meter")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_payment_request_state"), "payment_request", ["state"])
