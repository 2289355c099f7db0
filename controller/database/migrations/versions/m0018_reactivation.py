"""Reactivations: for whom, what happened, and what was sent (docs/reactivation.md). Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0018"
down_revision = "0015"

_CONTACT = ("name", "email", "phone", "street", "postcode", "town")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, TextColumn(), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, Int64(), nullable=nullable)


def upgrade() -> None:
    """Nobody is to be reached yet, and nobody's address is known."""
    keyed = {"sqlite_strict": True, "sqlite_with_rowid": False}
    op.create_table(
        "contact",
        _text("ean"),
        *(_text(name, nullable=True) for name in _CONTACT),
        sa.PrimaryKeyConstraint("ean", name=op.f("pk_contact")),
        **keyed,
    )
    op.create_table(
        "campaign",
        *map(_text, ("name", "query", "basis", "zone")),
        _number("deadline_ms"),
        *map(_text, ("sender", "phone", "language")),
        _text("order_id", nullable=True),
        _text("opened_by"),
        _number("opened_ms"),
        _number("closed_ms", nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_campaign")),
        **keyed,
    )
    op.create_table(
        "campaign_household",
        *map(_text, ("campaign", "ean")),
        _number("tenancies"),
        sa.PrimaryKeyConstraint("campaign", "ean", name=op.f("pk_campaign_household")),
        **keyed,
    )
    op.create_table(
        "happening",
        _text("campaign"),
        _number("number"),
        *map(_text, ("ean", "what", "channel", "proof")),
        *map(_number, ("happened_ms", "learned_ms")),
        _text("recorded_by"),
        _number("withdrawn"),
        sa.PrimaryKeyConstraint("campaign", "number", name=op.f("pk_happening")),
        **keyed,
    )
    op.create_index(op.f("ix_happening_campaign_ean"), "happening", ["campaign", "ean"])
    op.create_table(
        "notice",
        *map(_text, ("campaign", "ean", "wave", "means", "message_id", "address", "state")),
        *map(_number, ("attempts", "not_before_ms", "planned_ms")),
        *(_number(name, nullable=True) for name in ("sent_ms", "told_ms", "ended_ms")),
        _text("reason"),
        sa.PrimaryKeyConstraint("campaign", "ean", "wave", "means", name=op.f("pk_notice")),
        **keyed,
    )
    op.create_index(op.f("ix_notice_message_id"), "notice", ["message_id"], unique=True)
    op.create_index(op.f("ix_notice_campaign_state"), "notice", ["campaign", "state"])
