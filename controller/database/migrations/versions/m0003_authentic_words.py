"""Only authentic words change what is known of a meter or link (design §5). Never edited again.

Until now nobody had to prove a birth or a reading, so their numbers may have been burnt: a link's last birth
and a meter's last reading count as not heard yet. Each says them again by itself.
"""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64, TextColumn

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """What links and meters have said without proof gives way to what they prove."""
    op.add_column("meter", sa.Column("holds_number", Int64(), nullable=False, server_default="0"))
    op.add_column("meter", sa.Column("claimed", TextColumn(), nullable=True))
    op.execute("UPDATE link SET sequence = 0")
    op.execute("UPDATE meter SET reading_number = 0")
