"""A step of the schema reads what an earlier relance has stored; it is not asked for again."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, text
from sqlmodel import Session

from controller.database import engine as opening
from controller.database.engine import open_store
from controller.meters.registry import place_at_cards
from protocols.documents.till_receipts import PaymentMeans, TillDeed, TillReceipt, write_till_receipt
from tests.controller.postgresql_server import PostgresqlServer

_BEFORE_KIOSK_MONEY = "0024"
_AT_MS = 1_593_720_000_000


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'before.db'}"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    yield server.create("before")
    server.drop("before")


def at_version(address: str, version: str) -> Engine:
    """A store as an earlier relance had it."""
    found = create_engine(opening._address(address))
    config = Config()
    config.set_main_option("script_location", str(opening._MIGRATIONS))
    with found.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    return found


def enveloped(payload: bytes) -> bytes:
    return msgspec.json.encode({"payload": b64encode(payload).decode(), "signatures": []})


def receipt(deed: TillDeed, payment: str, eur: int, number: int = 0) -> bytes:
    """As a kiosk has signed it."""
    said = TillReceipt(
        kiosk="k1",
        deed=deed,
        payment=payment,
        meter="m1",
        card="0a0b0c0d0e0f1011",
        issuer="k1",
        epoch=1,
        amount_ueur=eur * 1_000_000,
        means=PaymentMeans.CASH,
        clerk="anna",
        number=number,
        at_ms=_AT_MS,
    )
    return enveloped(write_till_receipt(said))


def receipt_row(digest: str, envelope: bytes, received_ms: int) -> dict[str, Any]:
    return {"kiosk": "k1", "digest": digest, "number": 1, "received_ms": received_ms, "envelope": envelope}


def statement_row(meter: str, total_eur: int, standing: str, received_ms: int) -> dict[str, Any]:
    return {
        "meter": meter,
        "total_ueur": total_eur * 1_000_000,
        "standing": standing,
        "received_ms": received_ms,
        "envelope": b"",
    }


def test_receipts_and_statements_of_kiosks_are_read_once_more(address: str) -> None:
    before = at_version(address, _BEFORE_KIOSK_MONEY)
    with before.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO kiosk_receipt (kiosk, digest, number, at_ms, received_ms, envelope) "
                "VALUES (:kiosk, :digest, :number, 0, :received_ms, :envelope)"
            ),
            [
                receipt_row("d1", receipt(TillDeed.TAKEN, "p1", 20), 10),
                receipt_row("d2", receipt(TillDeed.REFUND, "p1", 20), 20),
                receipt_row("d3", receipt(TillDeed.REFUND, "p1", 20), 30),  # the same deed, signed again
                receipt_row("d4", enveloped(b"no receipt"), 40),
                receipt_row("d5", b"nothing", 50),
            ],
        )
        connection.execute(
            text(
                "INSERT INTO kiosk_statement (meter, issuer, epoch, total_ueur, number, kiosk, envelope, "
                "standing, received_ms) VALUES (:meter, 'k1', 1, :total_ueur, 1, 'k1', :envelope, "
                ":standing, :received_ms)"
            ),
            [
                statement_row("m1", 20, "booked", 10),
                statement_row("m2", 50, "waiting", 20),
                statement_row("m1", 45, "booked", 30),
            ],
        )
    before.dispose()
    now = open_store(address)
    with now.connect() as connection:
        receipts = connection.execute(
            text("SELECT digest, meter, deed, payment, amount_ueur FROM kiosk_receipt ORDER BY digest")
        ).all()
        refunds = connection.execute(
            text("SELECT kiosk, payment, meter, amount_ueur, clerk, asked_ms, received_ms FROM kiosk_refund")
        ).all()
        places = connection.execute(
            text("SELECT meter, total_ueur, place FROM kiosk_statement ORDER BY received_ms")
        ).all()
    now.dispose()
    assert [tuple(each) for each in receipts] == [
        ("d1", "m1", "taken", "p1", 20_000_000),
        ("d2", "m1", "refund", "p1", 20_000_000),
        ("d3", "m1", "refund", "p1", 20_000_000),
        ("d4", "", "", "", 0),
        ("d5", "", "", "", 0),
    ]
    assert [tuple(each) for each in refunds] == [("k1", "p1", "m1", 20_000_000, "anna", _AT_MS, 20)]
    assert [tuple(each) for each in places] == [
        ("m1", 20_000_000, 1),
        ("m2", 50_000_000, 0),
        ("m1", 45_000_000, 2),
    ]


def test_what_kiosks_had_given_back_is_marked_in_ledger_and_refunds(address: str) -> None:
    """A store of 0024 in which one payment was voided on its card, one of two that were asked back."""
    before = at_version(address, _BEFORE_KIOSK_MONEY)
    with Session(before) as session:
        place_at_cards(session, "m1", 1, _AT_MS)
        session.commit()
    with before.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO kiosk_receipt (kiosk, digest, number, at_ms, received_ms, envelope) "
                "VALUES (:kiosk, :digest, :number, 0, :received_ms, :envelope)"
            ),
            [
                receipt_row("d1", receipt(TillDeed.VOIDED, "p2", 25, 2), 10),
                receipt_row("d2", receipt(TillDeed.VOIDED, "p2", 25, 2), 11),  # signed twice
                receipt_row("d3", receipt(TillDeed.VOIDED, "p9", 25), 12),  # no statement had carried it
                receipt_row("d4", receipt(TillDeed.REFUND, "p2", 25), 20),
                receipt_row("d5", receipt(TillDeed.REFUND, "p1", 20), 30),
            ],
        )
        connection.execute(
            text(
                "INSERT INTO kiosk_statement (meter, issuer, epoch, total_ueur, number, kiosk, envelope, "
                "standing, received_ms) VALUES ('m1', 'k1', 1, :total_ueur, :number, 'k1', :envelope, "
                "'booked', 1)"
            ),
            [
                {"number": number, "total_ueur": total * 1_000_000, "envelope": b""}
                for number, total in ((1, 30), (2, 55), (4, 35))
            ],
        )
        connection.execute(
            text(
                "INSERT INTO payment (id, meter, issuer, amount_ueur, number, total_ueur, created_by, "
                "created_ms, epoch, found) VALUES (:id, 'm1', 'k1', :amount_ueur, :number, :total_ueur, "
                "'kiosk/k1', 1, 1, 0)"
            ),
            [
                {
                    "id": f"k1.{total}",
                    "amount_ueur": of_it * 1_000_000,
                    "number": number,
                    "total_ueur": total * 1_000_000,
                }
                for number, total, of_it in ((1, 30, 30), (2, 35, 5), (3, 55, 20))
            ],
        )
    before.dispose()
    now = open_store(address)
    with now.connect() as connection:
        payments = connection.execute(text("SELECT id, voided_ueur FROM payment ORDER BY id")).all()
        refunds = connection.execute(text("SELECT payment, voided FROM kiosk_refund ORDER BY payment")).all()
    now.dispose()
    assert [tuple(each) for each in payments] == [("k1.30", 0), ("k1.35", 0), ("k1.55", 20_000_000)]
    assert [tuple(each) for each in refunds] == [("p1", 0), ("p2", 1)]
