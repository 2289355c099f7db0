"""The tables of a kiosk's store; `schema.py` leads an older store to them.

Instants are UTC milliseconds by the kiosk's clock (`_ms`) and decide nothing; money is micro-euro (`_ueur`).
What is signed lies here as it was signed.
"""

from enum import StrEnum, unique
from typing import Any, ClassVar, Final

from sqlalchemy import Index, Integer, LargeBinary, MetaData, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

_STRICT: dict[str, Any] = {"sqlite_strict": True}
# Of `OutgoingRow`: what the controller has not acknowledged. Text, as the condition of an index must be.
WAITING: Final = text("acknowledged = 0")


@unique
class UpChannel(StrEnum):
    """What goes up to the controller: the last part of its topic (`relance/v1/kiosks/KIOSK/CHANNEL`)."""

    STATEMENTS = "statements"
    RECEIPTS = "receipts"


class KioskTable(SQLModel):
    """Base of the tables, with a metadata of their own."""

    metadata: ClassVar[MetaData] = MetaData()


def _int(*, default: int = 0) -> Any:  # noqa: ANN401 # what SQLModel's Field returns
    return Field(default=default, sa_type=Integer)


class ShiftRow(KioskTable, table=True):
    """A clerk at this kiosk. `is_open`: 1 for the one that is open, else NULL; so there is never a second.

    `float_ueur`: the cash that lay in the drawer at the beginning. `booked_ueur`: the cash that must lie
    there at the end; `counted_ueur`: what did.
    """

    __tablename__ = "shift"
    __table_args__ = (UniqueConstraint("is_open"), _STRICT)

    number: int | None = Field(default=None, primary_key=True)
    clerk: str = Field(sa_type=Text)
    language: str = Field(sa_type=Text)
    opened_ms: int = _int()
    closed_ms: int | None = Field(default=None, sa_type=Integer)
    float_ueur: int = _int()
    booked_ueur: int | None = Field(default=None, sa_type=Integer)
    counted_ueur: int | None = Field(default=None, sa_type=Integer)
    is_open: int | None = None


class TakenPaymentRow(KioskTable, table=True):
    """A payment, by the id that whoever took it gave. `state`: how far it has come.

    `card` is the serial number (hex) of the card that was there. `epoch` is that of the issuer in which the
    payment counts. `number`, `total_ueur`: of the latest statement that carries it; 0: none yet. `terminal`:
    what a card terminal calls it. `outgoing`: the number of its latest item for the controller. `chain`: of
    the card, when a statement with it was first offered to that card; 0: never yet; -1: more than one card
    was offered one. `closed_shift`: the shift in which its money was given back.
    """

    __tablename__ = "payment"
    __table_args__ = _STRICT

    id: str = Field(primary_key=True, sa_type=Text)
    meter: str = Field(index=True, sa_type=Text)
    card: str = Field(index=True, sa_type=Text)
    reference: str = Field(default="", sa_type=Text)
    issuer: str = Field(sa_type=Text)
    epoch: int = _int()
    amount_ueur: int = _int()
    means: str = Field(sa_type=Text)
    state: str = Field(index=True, sa_type=Text)
    terminal: str = Field(default="", sa_type=Text)
    shift: int | None = Field(default=None, foreign_key="shift.number")
    clerk: str = Field(default="", sa_type=Text)
    asked_ms: int = _int()
    changed_ms: int = _int()
    number: int = _int()
    total_ueur: int = _int()
    outgoing: int = _int()
    chain: int = _int()
    closed_shift: int | None = None


class CountedPaymentRow(KioskTable, table=True):
    """When a payment was asked for, by the kiosk's own count of time (`elapsed`), which no clock sets."""

    __tablename__ = "counted_payment"
    __table_args__ = _STRICT

    payment: str = Field(primary_key=True, sa_type=Text)
    counted_ms: int = _int()


class FoundMoneyRow(KioskTable, table=True):
    """Money of this issuer that the meter has, or its card brings, and that this store does not know of.

    It is proved: by a statement of the kiosk's own key, or by the meter's MAC. A store that was put back to
    an earlier copy finds it, and goes on from there. `amount_ueur` below zero: a payment that was entered
    again has explained so much of it.
    """

    __tablename__ = "found_money"
    __table_args__ = _STRICT

    number: int | None = Field(default=None, primary_key=True)
    meter: str = Field(index=True, sa_type=Text)
    issuer: str = Field(sa_type=Text)
    epoch: int = _int()
    amount_ueur: int = _int()
    at_ms: int = _int()


class StatementRow(KioskTable, table=True):
    """A statement that was signed. `offered`: 1 once it may be on a card: written down before the commit.

    `confirmed`: 1 once a card has confirmed it, after it was verified.
    """

    __tablename__ = "statement"
    __table_args__ = _STRICT

    meter: str = Field(primary_key=True, sa_type=Text)
    issuer: str = Field(primary_key=True, sa_type=Text)
    epoch: int = Field(primary_key=True, sa_type=Integer)
    number: int = Field(primary_key=True, sa_type=Integer)
    total_ueur: int = _int()
    envelope: bytes = Field(sa_type=LargeBinary)
    at_ms: int = _int()
    offered: int = _int()
    confirmed: int = _int()


class ForgottenStatementRow(KioskTable, table=True):
    """A statement that the office has told and this store had not: it waits until the last was told.

    `place`: in the office's sequence. See `cardreader.line.forgotten`.
    """

    __tablename__ = "forgotten_statement"
    __table_args__ = _STRICT

    place: int = Field(primary_key=True, sa_type=Integer)
    meter: str = Field(sa_type=Text)
    issuer: str = Field(sa_type=Text)
    epoch: int = _int()
    number: int = _int()
    total_ueur: int = _int()


class ReceiptRow(KioskTable, table=True):
    """A receipt: its number, and its content as JSON: it can be printed again."""

    __tablename__ = "receipt"
    __table_args__ = _STRICT

    number: int | None = Field(default=None, primary_key=True)
    kind: str = Field(sa_type=Text)
    payment: str = Field(default="", index=True, sa_type=Text)
    meter: str = Field(default="", index=True, sa_type=Text)
    shift: int | None = None
    at_ms: int = _int()
    content: bytes = Field(sa_type=LargeBinary)
    printed: int = _int()


class OutgoingRow(KioskTable, table=True):
    """What is to go to the controller. It waits until that has acknowledged it, and stays after that.

    A controller whose store was put back gets again what it had acknowledged. Numbers only rise.
    """

    __tablename__ = "outgoing"
    __table_args__ = (
        Index("ix_outgoing_waiting", "number", sqlite_where=WAITING),
        {"sqlite_strict": True, "sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True)
    channel: str = Field(sa_type=Text)
    payload: bytes = Field(sa_type=LargeBinary)
    at_ms: int = _int()
    acknowledged: int = _int()


class CardDocumentRow(KioskTable, table=True):
    """What is to go onto the card of a meter when it comes: one document of each object."""

    __tablename__ = "card_document"
    __table_args__ = _STRICT

    meter: str = Field(primary_key=True, sa_type=Text)
    object: str = Field(primary_key=True, sa_type=Text)
    envelope: bytes = Field(sa_type=LargeBinary)
    since_ms: int = _int()


class MeterAskRow(KioskTable, table=True):
    """A meter's ask for the time to one authority, as this card brought it. `sent`: 1 once it is answered.

    Nobody here can check an ask: so another card's takes the place of none, and of each card the last ones
    are kept (`store.keep_ask`).
    """

    __tablename__ = "card_ask"
    __table_args__ = (UniqueConstraint("meter", "source", "card", "nonce"), _STRICT)

    number: int | None = Field(default=None, primary_key=True)
    meter: str = Field(index=True, sa_type=Text)
    source: str = Field(sa_type=Text)
    card: str = Field(sa_type=Text)
    nonce: str = Field(sa_type=Text)
    word: bytes = Field(sa_type=LargeBinary)
    at_ms: int = _int()
    sent: int = _int()


class CardSeenRow(KioskTable, table=True):
    """A card that was here. `sequence`: how many authentications it had counted when it left; -1: unknown.

    A card counts every attempt of anybody. So a card that comes back with the next number was in no meter;
    one that comes back with another begins a new `chain`, counted from 1.
    `words`: the digest of what it last brought from its meter, which goes to the controller once.
    """

    __tablename__ = "card_seen"
    __table_args__ = _STRICT

    serial: str = Field(primary_key=True, sa_type=Text)
    meter: str = Field(index=True, sa_type=Text)
    pairing: int = _int()
    reference: str = Field(default="", index=True, sa_type=Text)
    sequence: int = _int(default=-1)
    chain: int = _int()
    words: str = Field(default="", sa_type=Text)
    seen_ms: int = _int()
    energy: str | None = Field(default=None, sa_type=Text)


class RefundToldRow(KioskTable, table=True):
    """How far the office is with a refund, as it has told this kiosk. `standing`: of `RefundStanding`."""

    __tablename__ = "refund_told"
    __table_args__ = _STRICT

    payment: str = Field(primary_key=True, sa_type=Text)
    meter: str = Field(primary_key=True, sa_type=Text)
    amount_ueur: int = Field(primary_key=True, sa_type=Integer)
    standing: str = Field(sa_type=Text)
    at_ms: int = _int()


class MarkRow(KioskTable, table=True):
    """A number that the kiosk remembers by its name, such as when it heard the controller last."""

    __tablename__ = "mark"
    __table_args__ = _STRICT

    name: str = Field(primary_key=True, sa_type=Text)
    value: int = _int()
