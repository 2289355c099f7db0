"""The first tables: fleet, orders, reports, books. As `database.tables` stood then; never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0001"
down_revision = None


def upgrade() -> None:
    """From an empty database."""
    _create_fleet()
    _create_orders()
    _create_reports()
    _create_books()


def _create_fleet() -> None:
    op.create_table(
        "link",
        sa.Column("id", TextColumn(), nullable=False),
        sa.Column("state", TextColumn(), nullable=False),
        sa.Column("sequence", Int64(), nullable=False),
        sa.Column("meters", Int64(), nullable=False),
        sa.Column("seen_ms", Int64(), nullable=False),
        sa.Column("synced_ms", Int64(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
        sqlite_strict=True,
    )
    op.create_table(
        "meter",
        sa.Column("id", TextColumn(), nullable=False),
        sa.Column("link", TextColumn(), nullable=False),
        sa.Column("energy", TextColumn(), nullable=True),
        sa.Column("firmware", TextColumn(), nullable=True),
        sa.Column("profile", TextColumn(), nullable=True),
        sa.Column("supply", TextColumn(), nullable=True),
        sa.Column("supply_reason", TextColumn(), nullable=True),
        sa.Column("clock", TextColumn(), nullable=True),
        sa.Column("earliest_ms", Int64(), nullable=True),
        sa.Column("latest_ms", Int64(), nullable=True),
        sa.Column("estimate_ms", Int64(), nullable=True),
        sa.Column("report_number", Int64(), nullable=False),
        sa.Column("report_journal", Int64(), nullable=False),
        sa.Column("reported_ms", Int64(), nullable=True),
        sa.Column("event_number", Int64(), nullable=False),
        sa.Column("balance_ueur", Int64(), nullable=True),
        sa.Column("emergency_ueur", Int64(), nullable=True),
        sa.Column("next_possible_ms", Int64(), nullable=True),
        sa.Column("dispute_nonce", TextColumn(), nullable=False),
        sa.Column("code", TextColumn(), nullable=False),
        sa.Column("lease_rev", Int64(), nullable=False),
        sa.Column("lease_ends_ms", Int64(), nullable=False),
        sa.Column("root_version", Int64(), nullable=False),
        sa.Column("reading_number", Int64(), nullable=False),
        sa.Column("energy_wh", Int64(), nullable=True),
        sa.Column("first_seen_ms", Int64(), nullable=False),
        sa.Column("last_seen_ms", Int64(), nullable=True),
        sa.Column("synced_ms", Int64(), nullable=True),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_meter_link")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_meter_link"), "meter", ["link"], unique=False)


def _create_orders() -> None:
    op.create_table(
        "signed_order",
        sa.Column("id", TextColumn(), nullable=False),
        sa.Column("kind", TextColumn(), nullable=False),
        sa.Column("object", TextColumn(), nullable=False),
        sa.Column("rev", Int64(), nullable=False),
        sa.Column("scope", TextColumn(), nullable=False),
        sa.Column("state", TextColumn(), nullable=False),
        sa.Column("issued_at_ms", Int64(), nullable=False),
        sa.Column("not_before_ms", Int64(), nullable=False),
        sa.Column("not_after_ms", Int64(), nullable=False),
        sa.Column("basis", TextColumn(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", TextColumn(), nullable=False),
        sa.Column("created_ms", Int64(), nullable=False),
        sa.Column("changed_ms", Int64(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signed_order")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_signed_order_object_rev"), "signed_order", ["object", "rev"], unique=False)
    op.create_index(op.f("ix_signed_order_state_kind"), "signed_order", ["state", "kind"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("order_id", TextColumn(), nullable=False),
        sa.Column("meter", TextColumn(), nullable=False),
        sa.Column("state", TextColumn(), nullable=False),
        sa.Column("attempts", Int64(), nullable=False),
        sa.Column("queued_ms", Int64(), nullable=False),
        sa.Column("sent_ms", Int64(), nullable=True),
        sa.Column("stored_ms", Int64(), nullable=True),
        sa.Column("effective_ms", Int64(), nullable=True),
        sa.Column("closed_ms", Int64(), nullable=True),
        sa.Column("receipt_number", Int64(), nullable=True),
        sa.Column("reason", TextColumn(), nullable=False),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name=op.f("fk_delivery_meter")),
        sa.ForeignKeyConstraint(["order_id"], ["signed_order.id"], name=op.f("fk_delivery_order_id")),
        sa.PrimaryKeyConstraint("order_id", "meter", name=op.f("pk_delivery")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_delivery_meter_state"), "delivery", ["meter", "state"], unique=False)
    op.create_index(op.f("ix_delivery_state_sent_ms"), "delivery", ["state", "sent_ms"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("seq", Int64(), nullable=False),
        sa.Column("topic", TextColumn(), nullable=False),
        sa.Column("order_id", TextColumn(), nullable=True),
        sa.Column("meter", TextColumn(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("retain", Int64(), nullable=False),
        sa.Column("expiry_s", Int64(), nullable=True),
        sa.Column("once", Int64(), nullable=False),
        sa.Column("not_before_ms", Int64(), nullable=False),
        sa.Column("not_after_ms", Int64(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["signed_order.id"], name=op.f("fk_outbox_order_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_outbox_order_id"), "outbox", ["order_id"], unique=False)


def _create_reports() -> None:
    op.create_table(
        "reading",
        sa.Column("meter", TextColumn(), nullable=False),
        sa.Column("number", Int64(), nullable=False),
        sa.Column("time_ms", Int64(), nullable=False),
        sa.Column("energy_wh", Int64(), nullable=False),
        sa.Column("balance_ueur", Int64(), nullable=False),
        sa.Column("supply", TextColumn(), nullable=False),
        sa.PrimaryKeyConstraint("meter", "number", name=op.f("pk_reading")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "meter_event",
        sa.Column("meter", TextColumn(), nullable=False),
        sa.Column("number", Int64(), nullable=False),
        sa.Column("time_ms", Int64(), nullable=False),
        sa.Column("received_ms", Int64(), nullable=False),
        sa.Column("event", TextColumn(), nullable=False),
        sa.Column("record", TextColumn(), nullable=False),
        sa.PrimaryKeyConstraint("meter", "number", name=op.f("pk_meter_event")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_meter_event_event_received_ms"), "meter_event", ["event", "received_ms"], unique=False
    )
    op.create_table(
        "claim",
        sa.Column("meter", TextColumn(), nullable=False),
        sa.Column("number", Int64(), nullable=False),
        sa.Column("source", TextColumn(), nullable=False),
        sa.Column("verdict", TextColumn(), nullable=False),
        sa.Column("offset_ms", Int64(), nullable=True),
        sa.Column("time_ms", Int64(), nullable=False),
        sa.Column("received_ms", Int64(), nullable=False),
        sa.PrimaryKeyConstraint("meter", "number", name=op.f("pk_claim")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_claim_received_ms"), "claim", ["received_ms"], unique=False)


def _create_books() -> None:
    op.create_table(
        "payment",
        sa.Column("id", TextColumn(), nullable=False),
        sa.Column("meter", TextColumn(), nullable=False),
        sa.Column("issuer", TextColumn(), nullable=False),
        sa.Column("amount_ueur", Int64(), nullable=False),
        sa.Column("number", Int64(), nullable=False),
        sa.Column("total_ueur", Int64(), nullable=False),
        sa.Column("order_id", TextColumn(), nullable=True),
        sa.Column("created_by", TextColumn(), nullable=False),
        sa.Column("created_ms", Int64(), nullable=False),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name=op.f("fk_payment_meter")),
        sa.ForeignKeyConstraint(["order_id"], ["signed_order.id"], name=op.f("fk_payment_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("meter", "issuer", "number", name=op.f("uq_payment_meter_issuer_number")),
        sqlite_strict=True,
    )
    op.create_table(
        "audit",
        sa.Column("number", Int64(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
        sqlite_strict=True,
    )
    op.create_table(
        "counter",
        sa.Column("name", TextColumn(), nullable=False),
        sa.Column("value", Int64(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counter")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "setting",
        sa.Column("name", TextColumn(), nullable=False),
        sa.Column("value", TextColumn(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
