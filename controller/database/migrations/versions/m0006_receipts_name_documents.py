"""A receipt names its document; without that it proves only that the order is stored. Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import TextColumn
from protocols.documents.envelope import document_digest

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """The digest of every order; a delivery that is stored waits for a receipt that names it."""
    op.add_column("signed_order", sa.Column("digest", TextColumn(), nullable=False, server_default=""))
    orders = sa.table(
        "signed_order", sa.column("id"), sa.column("envelope", sa.LargeBinary()), sa.column("digest")
    )
    connection = op.get_bind()
    for order_id, envelope in connection.execute(sa.select(orders.c.id, orders.c.envelope)).all():
        digest = document_digest(bytes(envelope))
        connection.execute(sa.update(orders).where(orders.c.id == order_id).values(digest=digest))
    op.execute("UPDATE delivery SET receipt_number = NULL WHERE state <> 'effective'")
