"""A meter says with its report what went in and out of its purse (design §4.3). Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import TextColumn

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """What meters have said so far held no account: null, as for whatever a meter has never said."""
    op.add_column("meter", sa.Column("account", TextColumn(), nullable=True))
