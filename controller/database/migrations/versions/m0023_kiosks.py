"""Kiosks, what they state, and meters that only cards reach (docs/kiosk.md). Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0023"
down_revision = "0021"


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, TextColumn(), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, Int64(), nullable=nullable)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def upgrade() -> None:
    """There is no kiosk yet."""
    keyed = {"sqlite_strict": True, "sqlite_with_rowid": False}
    op.create_table(
        "kiosk",
        *map(_text, ("id", "office", "public", "limits", "added_by")),
        _number("added_ms"),
        _number("revoked_ms", nullable=True),
        *map(_number, ("online", "sequence", "count")),
        _number("heard_ms", nullable=True),
        _text("status", nullable=True),
        _number("numbered"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kiosk")),
        **keyed,
    )
    op.create_index(op.f("ix_kiosk_office"), "kiosk", ["office"])
    op.create_table(
        "kiosk_statement",
        *map(_text, ("meter", "issuer")),
        *map(_number, ("epoch", "total_ueur", "number")),
        _text("kiosk"),
        _bytes("envelope"),
        _text("standing"),
        _number("received_ms"),
        sa.PrimaryKeyConstraint("meter", "issuer", "epoch", "total_ueur", name=op.f("pk_kiosk_statement")),
        **keyed,
    )
    op.create_index(op.f("ix_kiosk_statement_kiosk_standing"), "kiosk_statement", ["kiosk", "standing"])
    op.create_table(
        "kiosk_receipt",
        *map(_text, ("kiosk", "digest")),
        *map(_number, ("number", "at_ms", "received_ms")),
        _bytes("envelope"),
        sa.PrimaryKeyConstraint("kiosk", "digest", name=op.f("pk_kiosk_receipt")),
        **keyed,
    )
    op.create_table(
        "kiosk_document",
        *map(_text, ("kiosk", "meter", "object")),
        _number("number"),
        _text("digest"),
        _bytes("envelope"),
        sa.PrimaryKeyConstraint("kiosk", "meter", "object", name=op.f("pk_kiosk_document")),
        **keyed,
    )
    op.create_index(op.f("ix_kiosk_document_kiosk_number"), "kiosk_document", ["kiosk", "number"])
    op.create_table(
        "card_meter",
        *map(_text, ("meter", "kiosk", "card")),
        *map(_number, ("pairing", "epoch", "number")),
        _text("state"),
        _number("journal"),
        _text("journal_hash"),
        _number("seen_ms"),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name=op.f("fk_card_meter_meter")),
        sa.PrimaryKeyConstraint("meter", name=op.f("pk_card_meter")),
        **keyed,
    )
    op.create_index(op.f("ix_card_meter_kiosk"), "card_meter", ["kiosk"])
