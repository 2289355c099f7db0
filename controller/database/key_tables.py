"""The table of proved keys: under which key a meter or a link speaks, where it is not the first one.

`tables` says what all columns have in common. No secret is here: without the fleet's keys of the home these
rows give no key.
"""

from typing import Any, Final

from sqlmodel import Field

from controller.database.columns import Int64, TextColumn
from controller.database.tables import Table
from protocols.link.keys import FIRST_GENERATION

_KEYED: Final[dict[str, Any]] = {"sqlite_strict": True, "sqlite_with_rowid": False}


class ProvenKeyRow(Table, table=True):
    """`id`: `meter/NAME` or `link/NAME`. `generation`: of the fleet's key, from which on its words count.

    `public`: the half that a meter drew (`protocols.link.agreement`); empty: its key derives from the
    fleet's. `made`: the generation from which the key of a meter's manufacture derives.
    """

    __tablename__ = "proven_key"
    __table_args__ = _KEYED

    id: str = Field(primary_key=True, sa_type=TextColumn)
    generation: int = Field(sa_type=Int64)
    public: str = Field(sa_type=TextColumn)
    made: int = Field(default=FIRST_GENERATION, sa_type=Int64)
