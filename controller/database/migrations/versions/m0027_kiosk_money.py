"""Receipts of kiosks by meter, their refunds, and their statements in sequence. Never edited again."""

import json
from base64 import b64decode

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0027"
down_revision = "0024"


def upgrade() -> None:
    """What was stored before is read, and gets its place: refunds that are owed were only kept as signed."""
    op.add_column("kiosk", sa.Column("stored", Int64(), nullable=True))
    op.add_column("kiosk_statement", sa.Column("place", Int64(), nullable=False, server_default="0"))
    for name in ("meter", "deed", "payment"):
        op.add_column("kiosk_receipt", sa.Column(name, TextColumn(), nullable=False, server_default=""))
    op.add_column("kiosk_receipt", sa.Column("amount_ueur", Int64(), nullable=False, server_default="0"))
    op.create_table(
        "kiosk_refund",
        *(sa.Column(name, TextColumn(), nullable=False) for name in ("kiosk", "payment", "meter")),
        sa.Column("amount_ueur", Int64(), nullable=False),
        *(sa.Column(name, TextColumn(), nullable=False) for name in ("means", "clerk", "orders")),
        sa.Column("asked_ms", Int64(), nullable=False),
        sa.Column("received_ms", Int64(), nullable=False),
        sa.Column("voided", Int64(), nullable=False),
        *(sa.Column(name, TextColumn(), nullable=False) for name in ("found", "ending", "ended_by", "proof")),
        sa.Column("ended_ms", Int64(), nullable=True),
        sa.PrimaryKeyConstraint("kiosk", "payment", "meter", "amount_ueur", name=op.f("pk_kiosk_refund")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    _fill_receipts(op.get_bind())
    _fill_places(op.get_bind())
    op.create_index(op.f("ix_kiosk_receipt_meter"), "kiosk_receipt", ["meter"])
    op.create_index(op.f("ix_kiosk_receipt_received_ms"), "kiosk_receipt", ["received_ms"])
    op.create_index(op.f("ix_kiosk_statement_kiosk_place"), "kiosk_statement", ["kiosk", "place"])


def _fill_receipts(connection: sa.Connection) -> None:
    query = (
        "SELECT kiosk, digest, received_ms, envelope FROM kiosk_receipt ORDER BY received_ms, kiosk, number"
    )
    for kiosk, digest, received_ms, envelope in connection.execute(sa.text(query)).all():
        try:
            said = json.loads(b64decode(json.loads(bytes(envelope))["payload"]))
            names = {name: str(said[name]) for name in ("meter", "deed", "payment")}
            amount_ueur, at_ms = int(said["amount_ueur"]), int(said["at_ms"])
        except (ValueError, KeyError, TypeError):
            continue  # a kiosk of before may sign what is no receipt; it is kept as it is
        update = (
            "UPDATE kiosk_receipt SET meter = :meter, deed = :deed, payment = :payment, "
            "amount_ueur = :amount_ueur WHERE kiosk = :kiosk AND digest = :digest"
        )
        place = {"kiosk": kiosk, "digest": digest}
        connection.execute(sa.text(update), names | place | {"amount_ueur": amount_ueur})
        if names["deed"] == "refund":
            key = {"kiosk": kiosk, "meter": names["meter"], "payment": names["payment"]}
            _add_refund(connection, key | {"amount_ueur": amount_ueur}, said, at_ms, received_ms)


def _add_refund(
    connection: sa.Connection, key: dict[str, object], said: dict[str, object], at_ms: int, received_ms: int
) -> None:
    found = "SELECT 1 FROM kiosk_refund WHERE kiosk = :kiosk AND payment = :payment AND meter = :meter"
    if connection.execute(sa.text(f"{found} AND amount_ueur = :amount_ueur"), key).first() is not None:
        return
    values = {"means": str(said.get("means", "")), "clerk": str(said.get("clerk", ""))}
    insert = (
        "INSERT INTO kiosk_refund (kiosk, payment, meter, amount_ueur, means, clerk, orders, asked_ms, "
        "received_ms, voided, found, ending, ended_by, proof) VALUES (:kiosk, :payment, :meter, "
        ":amount_ueur, :means, :clerk, '', :asked_ms, :received_ms, 0, '', '', '', '')"
    )
    times = {"asked_ms": at_ms, "received_ms": received_ms}
    connection.execute(sa.text(insert), key | values | times)


def _fill_places(connection: sa.Connection) -> None:
    """Statements that are booked, in the sequence in which they came."""
    query = (
        "SELECT kiosk, meter, issuer, epoch, total_ueur FROM kiosk_statement WHERE standing = 'booked' "
        "ORDER BY received_ms, meter, epoch, total_ueur"
    )
    places: dict[str, int] = {}
    for kiosk, meter, issuer, epoch, total_ueur in connection.execute(sa.text(query)).all():
        places[kiosk] = places.get(kiosk, 0) + 1
        update = (
            "UPDATE kiosk_statement SET place = :place WHERE meter = :meter AND issuer = :issuer "
            "AND epoch = :epoch AND total_ueur = :total_ueur"
        )
        key = {"meter": meter, "issuer": issuer, "epoch": epoch, "total_ueur": total_ueur}
        connection.execute(sa.text(update), key | {"place": places[kiosk]})
