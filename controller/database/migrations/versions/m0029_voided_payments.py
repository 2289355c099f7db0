"""What kiosks have given back themselves, in the ledger and of refunds of before. Never edited again."""

import json
from base64 import b64decode
from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64

revision = "0029"
down_revision = "0028"
_Purse = tuple[str, str, str, int]


def upgrade() -> None:
    """A void was in the ledger for ever, and 0027 gave a refund whose payment was voided as owed."""
    op.add_column("payment", sa.Column("voided_ueur", Int64(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE kiosk_refund SET voided = 1 WHERE EXISTS (SELECT 1 FROM kiosk_receipt AS given "
        "WHERE given.kiosk = kiosk_refund.kiosk AND given.meter = kiosk_refund.meter "
        "AND given.payment = kiosk_refund.payment AND given.amount_ueur = kiosk_refund.amount_ueur "
        "AND given.deed = 'voided')"
    )
    connection = op.get_bind()
    receipts = _voided(connection)
    for purse, statements in _stated(connection).items():
        highest, last = max(total for _, total in statements), max(statements)[1]
        _mark(connection, purse, min(highest - last, receipts.get(purse, 0)))


def _stated(connection: sa.Connection) -> dict[_Purse, list[tuple[int, int]]]:
    """Number and total of the statements that are booked, by kiosk, meter, issuer and epoch."""
    query = (
        "SELECT kiosk, meter, issuer, epoch, number, total_ueur "
        "FROM kiosk_statement WHERE standing = 'booked' ORDER BY number"
    )
    found: dict[_Purse, list[tuple[int, int]]] = defaultdict(list)
    for kiosk, meter, issuer, epoch, number, total_ueur in connection.execute(sa.text(query)).all():
        found[kiosk, meter, issuer, epoch].append((number, total_ueur))
    return found


def _voided(connection: sa.Connection) -> dict[_Purse, int]:
    """What receipts say was given back of what statements had carried; of each payment once."""
    query = "SELECT kiosk, envelope FROM kiosk_receipt WHERE deed = 'voided'"
    given: dict[_Purse, set[tuple[str, int]]] = defaultdict(set)
    for kiosk, envelope in connection.execute(sa.text(query)).all():
        said = json.loads(b64decode(json.loads(bytes(envelope))["payload"]))
        if said.get("number", 0):
            purse = (kiosk, said["meter"], said["issuer"], said["epoch"])
            given[purse].add((said["payment"], said["amount_ueur"]))
    return {purse: sum(amount_ueur for _, amount_ueur in each) for purse, each in given.items()}


def _mark(connection: sa.Connection, purse: _Purse, given_ueur: int) -> None:
    _, meter, issuer, epoch = purse
    key = {"meter": meter, "issuer": issuer, "epoch": epoch}
    query = (
        "SELECT id, amount_ueur FROM payment WHERE meter = :meter AND issuer = :issuer AND epoch = :epoch "
        "ORDER BY total_ueur DESC"
    )
    for name, amount_ueur in connection.execute(sa.text(query), key).all():
        of_it_ueur = min(amount_ueur, given_ueur)
        given_ueur -= of_it_ueur
        if of_it_ueur:
            update = "UPDATE payment SET voided_ueur = :voided_ueur WHERE id = :id"
            connection.execute(sa.text(update), {"voided_ueur": of_it_ueur, "id": name})
