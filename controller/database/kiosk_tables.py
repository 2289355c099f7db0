"""The tables of kiosks, and of meters that only cards reach (docs/kiosk.md)."""

from typing import Any, Final

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field

from controller.database.columns import Int64, TextColumn
from controller.database.tables import Table

_KEYED: Final[dict[str, Any]] = {"sqlite_strict": True, "sqlite_with_rowid": False}


class KioskRow(Table, table=True):
    """A kiosk. `public`: the key of its issuer, as hex; `office`: the issuer's name.

    `limits`: the newest, as a signed envelope; `revoked_ms`: since then nothing that it says is believed.
    `status`: its last authentic word of how it stands, as JSON of `kiosk_words.KioskStatus`; `online`,
    `sequence`, `count`, `heard_ms` are those of it, the last by our clock. `numbered`: the highest number of
    a document for cards that was given for it. `stored`: up to which number all items of it are stored
    here; None: of a kiosk from before, of which it was not counted yet.
    """

    __tablename__ = "kiosk"
    __table_args__ = _KEYED

    id: str = Field(primary_key=True, sa_type=TextColumn)
    office: str = Field(index=True, sa_type=TextColumn)
    public: str = Field(sa_type=TextColumn)
    limits: str = Field(sa_type=TextColumn)
    added_by: str = Field(sa_type=TextColumn)
    added_ms: int = Field(sa_type=Int64)
    revoked_ms: int | None = Field(default=None, sa_type=Int64)
    online: int = Field(default=0, sa_type=Int64)
    sequence: int = Field(default=0, sa_type=Int64)
    count: int = Field(default=0, sa_type=Int64)
    heard_ms: int | None = Field(default=None, sa_type=Int64)
    status: str | None = Field(default=None, sa_type=TextColumn)
    numbered: int = Field(default=0, sa_type=Int64)
    stored: int | None = Field(default=0, sa_type=Int64)


class KioskStatementRow(Table, table=True):
    """A statement that a kiosk's issuer key has signed: of each total the one with the highest number.

    `standing`: of `kiosks.rules.StatementStanding`. `place`: in the sequence in which those of a kiosk
    were booked, from 1; 0: not booked.
    """

    __tablename__ = "kiosk_statement"
    __table_args__ = (Index(None, "kiosk", "standing"), Index(None, "kiosk", "place"), _KEYED)

    meter: str = Field(primary_key=True, sa_type=TextColumn)
    issuer: str = Field(primary_key=True, sa_type=TextColumn)
    epoch: int = Field(primary_key=True, sa_type=Int64)
    total_ueur: int = Field(primary_key=True, sa_type=Int64)
    number: int = Field(sa_type=Int64)
    kiosk: str = Field(sa_type=TextColumn)
    envelope: bytes = Field(sa_type=LargeBinary)
    standing: str = Field(sa_type=TextColumn)
    received_ms: int = Field(sa_type=Int64)
    place: int = Field(default=0, sa_type=Int64)


class KioskReceiptRow(Table, table=True):
    """A receipt that a kiosk has signed, by its digest. `at_ms`: the kiosk's own clock.

    `meter`, `deed`, `payment`, `amount_ueur`: what it says (`till_receipts.TillReceipt`); empty where what
    was signed is no receipt.
    """

    __tablename__ = "kiosk_receipt"
    __table_args__ = (Index(None, "meter"), Index(None, "received_ms"), _KEYED)

    kiosk: str = Field(primary_key=True, sa_type=TextColumn)
    digest: str = Field(primary_key=True, sa_type=TextColumn)
    number: int = Field(sa_type=Int64)
    at_ms: int = Field(sa_type=Int64)
    received_ms: int = Field(sa_type=Int64)
    envelope: bytes = Field(sa_type=LargeBinary)
    meter: str = Field(default="", sa_type=TextColumn)
    deed: str = Field(default="", sa_type=TextColumn)
    payment: str = Field(default="", sa_type=TextColumn)
    amount_ueur: int = Field(default=0, sa_type=Int64)


class KioskRefundRow(Table, table=True):
    """A payment that a household wants back, as a kiosk has signed it; once, whatever it is called again.

    `orders`: the refunds that were ordered for it, by their ids with a space between. `voided`: 1 where the
    kiosk says that it gave the money back itself. `found`: the end that the kiosk was told of, and this store
    does not know: it was restored. `ending`: of `till_receipts.RefundStanding`, by whom and when; empty: it
    is open, and `ended_by` is the first of the two people who reject it. `proof`: how it was paid, or why
    not.
    """

    __tablename__ = "kiosk_refund"
    __table_args__ = _KEYED

    kiosk: str = Field(primary_key=True, sa_type=TextColumn)
    payment: str = Field(primary_key=True, sa_type=TextColumn)
    meter: str = Field(primary_key=True, sa_type=TextColumn)
    amount_ueur: int = Field(primary_key=True, sa_type=Int64)
    means: str = Field(default="", sa_type=TextColumn)
    clerk: str = Field(default="", sa_type=TextColumn)
    orders: str = Field(default="", sa_type=TextColumn)
    asked_ms: int = Field(sa_type=Int64)
    received_ms: int = Field(sa_type=Int64)
    voided: int = Field(default=0, sa_type=Int64)
    found: str = Field(default="", sa_type=TextColumn)
    ending: str = Field(default="", sa_type=TextColumn)
    ended_by: str = Field(default="", sa_type=TextColumn)
    proof: str = Field(default="", sa_type=TextColumn)
    ended_ms: int | None = Field(default=None, sa_type=Int64)


class KioskDocumentRow(Table, table=True):
    """A document that a kiosk is to put onto the cards of a meter. `number`: it rises with each change.

    `digest`: of the envelope; empty: nothing of this object is to go there any more.
    """

    __tablename__ = "kiosk_document"
    __table_args__ = (Index(None, "kiosk", "number"), _KEYED)

    kiosk: str = Field(primary_key=True, sa_type=TextColumn)
    meter: str = Field(primary_key=True, sa_type=TextColumn)
    object: str = Field(primary_key=True, sa_type=TextColumn)
    number: int = Field(sa_type=Int64)
    digest: str = Field(sa_type=TextColumn)
    envelope: bytes = Field(sa_type=LargeBinary)


class CardMeterRow(Table, table=True):
    """What a meter has said on a card, by its own MAC. `kiosk`: where that card was seen last.

    `number`: of that word, in the meter's life `epoch`: words on cards have a count of their own. `state`: as
    JSON of `cardreader.files.meter_state.MeterState`. `journal_hash`: of the last entry of its black box.
    """

    __tablename__ = "card_meter"
    __table_args__ = (Index(None, "kiosk"), _KEYED)

    meter: str = Field(primary_key=True, foreign_key="meter.id", sa_type=TextColumn)
    kiosk: str = Field(sa_type=TextColumn)
    card: str = Field(sa_type=TextColumn)
    pairing: int = Field(sa_type=Int64)
    epoch: int = Field(sa_type=Int64)
    number: int = Field(sa_type=Int64)
    state: str = Field(sa_type=TextColumn)
    journal: int = Field(sa_type=Int64)
    journal_hash: str = Field(sa_type=TextColumn)
    seen_ms: int = Field(sa_type=Int64)
