"""The tables of reactivations (docs/reactivation.md): whom they are for, what happened, and what was sent.

`tables` says what all columns have in common. What happened is only ever added to: a mistake is withdrawn by
a further row, so that what was known on any day can be asked again.
"""

from typing import Any, Final

from sqlalchemy import Index
from sqlmodel import Field

from controller.database.columns import Int64, TextColumn
from controller.database.tables import Table

_KEYED: Final[dict[str, Any]] = {"sqlite_strict": True, "sqlite_with_rowid": False}


class ContactRow(Table, table=True):
    """How the household at a connection is written to and found, as the DSO says; it goes when they leave.

    `told_ms`: when a file last said so; None: before that was noted.
    """

    __tablename__ = "contact"
    __table_args__ = _KEYED

    ean: str = Field(primary_key=True, sa_type=TextColumn)
    name: str | None = Field(default=None, sa_type=TextColumn)
    email: str | None = Field(default=None, sa_type=TextColumn)
    phone: str | None = Field(default=None, sa_type=TextColumn)
    street: str | None = Field(default=None, sa_type=TextColumn)
    postcode: str | None = Field(default=None, sa_type=TextColumn)
    town: str | None = Field(default=None, sa_type=TextColumn)
    told_ms: int | None = Field(default=None, sa_type=Int64)


class CampaignRow(Table, table=True):
    """A reactivation. `zone`: of its nights and of the dates in its letters.

    `sender`, `phone`: who writes, and whom households call. `language`: for those whose own is not known.
    `order_id`: the order that a connected meter must have, so that nobody needs a card. `closed_ms`:
    nothing is sent any more since then.
    """

    __tablename__ = "campaign"
    __table_args__ = _KEYED

    name: str = Field(primary_key=True, sa_type=TextColumn)
    query: str = Field(sa_type=TextColumn)
    basis: str = Field(sa_type=TextColumn)
    zone: str = Field(sa_type=TextColumn)
    deadline_ms: int = Field(sa_type=Int64)
    sender: str = Field(sa_type=TextColumn)
    phone: str = Field(sa_type=TextColumn)
    language: str = Field(sa_type=TextColumn)
    order_id: str | None = Field(default=None, sa_type=TextColumn)
    opened_by: str = Field(sa_type=TextColumn)
    opened_ms: int = Field(sa_type=Int64)
    closed_ms: int | None = Field(default=None, sa_type=Int64)


class CampaignDeadlineRow(Table, table=True):
    """A deadline that a reactivation has had since an instant; the highest number is the one in force."""

    __tablename__ = "campaign_deadline"
    __table_args__ = _KEYED

    campaign: str = Field(primary_key=True, sa_type=TextColumn)
    number: int = Field(primary_key=True, sa_type=Int64)
    since_ms: int = Field(sa_type=Int64)
    deadline_ms: int = Field(sa_type=Int64)


class CampaignHouseholdRow(Table, table=True):
    """A household that a reactivation is for. `tenancies`: how many had left the connection when it opened.

    Where more have left since, the household is another one, and nothing is sent to it.
    """

    __tablename__ = "campaign_household"
    __table_args__ = _KEYED

    campaign: str = Field(primary_key=True, sa_type=TextColumn)
    ean: str = Field(primary_key=True, sa_type=TextColumn)
    tenancies: int = Field(sa_type=Int64)


class HappeningRow(Table, table=True):
    """What a household did, or who met it. Never changed: `withdrawn` 1 takes earlier ones of its kind back.

    `what`, `channel`: of `reactivation.rules`. `happened_ms`: when it was;
    `learned_ms`: when it was recorded.
    """

    __tablename__ = "happening"
    __table_args__ = (Index(None, "campaign", "ean"), _KEYED)

    campaign: str = Field(primary_key=True, sa_type=TextColumn)
    number: int = Field(primary_key=True, sa_type=Int64)
    ean: str = Field(sa_type=TextColumn)
    what: str = Field(sa_type=TextColumn)
    channel: str = Field(sa_type=TextColumn)
    proof: str = Field(sa_type=TextColumn)
    happened_ms: int = Field(sa_type=Int64)
    learned_ms: int = Field(sa_type=Int64)
    recorded_by: str = Field(sa_type=TextColumn)
    withdrawn: int = Field(default=0, sa_type=Int64)


class NoticeRow(Table, table=True):
    """A reminder to one household, in one wave, by one means: its key lets nothing be sent twice.

    `message_id` names it for mail servers, and its file in the drop folder. `address`: where it is sent.
    `not_before_ms`: when it may leave; once it is being sent, since when. `told_ms`: the deadline that it
    named. `ended_ms`: when it came back, or was dropped, for this `reason`. `doubtful_ms`: since when nobody
    knew whether it had gone, where a person has it sent again since, or its file has answered.
    """

    __tablename__ = "notice"
    __table_args__ = (Index(None, "message_id", unique=True), Index(None, "campaign", "state"), _KEYED)

    campaign: str = Field(primary_key=True, sa_type=TextColumn)
    ean: str = Field(primary_key=True, sa_type=TextColumn)
    wave: str = Field(primary_key=True, sa_type=TextColumn)
    means: str = Field(primary_key=True, sa_type=TextColumn)
    message_id: str = Field(sa_type=TextColumn)
    address: str = Field(sa_type=TextColumn)
    state: str = Field(sa_type=TextColumn)
    attempts: int = Field(default=0, sa_type=Int64)
    not_before_ms: int = Field(sa_type=Int64)
    planned_ms: int = Field(sa_type=Int64)
    sent_ms: int | None = Field(default=None, sa_type=Int64)
    told_ms: int | None = Field(default=None, sa_type=Int64)
    ended_ms: int | None = Field(default=None, sa_type=Int64)
    reason: str = Field(default="", sa_type=TextColumn)
    doubtful_ms: int | None = Field(default=None, sa_type=Int64)
