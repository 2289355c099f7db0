"""The generation of the fleet's key that each meter was made with: for its cards. Never edited again."""

import sqlalchemy as sa
from alembic import op

from controller.database.columns import Int64

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """A derived key is that of the manufacture; of who has drawn one since nobody noted it: the first one."""
    op.add_column("proven_key", sa.Column("made", Int64(), nullable=False, server_default="1"))
    op.execute("UPDATE proven_key SET made = generation WHERE public = ''")
