"""A meter says with its report who told it the time last (design §6). Never edited again.

Two columns go that nobody read: the highest number of its events, which they say themselves, and a link's
last sync, which each of its meters has.
"""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import TextColumn

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """What meters have said so far named no witnesses: null, as for whatever a meter has never said."""
    op.add_column("meter", sa.Column("witnesses", TextColumn(), nullable=True))
    op.drop_column("meter", "event_number")
    op.drop_column("link", "synced_ms")
