"""The tables (design §6). What they hold is said here once; migrations/ builds exactly this.

Instants are UTC milliseconds (`_ms`), money is micro-euro (`_ueur`), all of it 64-bit. Names of states are
those of `orders.life` and `protocols.reasons`. Rows of class `XRow` belong to this module; an
`Order` without `Row` is always the signed document of `protocols.documents.orders`.

What can be derived is not stored: signatures stand in the envelope, the progress of a moratorium in
the deliveries, a meter's desired lease in the orders that are active.
"""

from typing import Any, ClassVar

from sqlalchemy import Index, LargeBinary, MetaData, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.database.columns import Int64, Words

_STRICT: dict[str, Any] = {"sqlite_strict": True}
# Rows live in the key's own tree: 26 bytes a reading instead of twice that.
_KEYED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


class Table(SQLModel):
    """Base of the tables, with metadata of its own: a library's models never get into our schema."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class LinkRow(Table, table=True):
    """A connection that carries meters. `state`: online, offline; `sequence` counts births."""

    __tablename__ = "link"
    __table_args__ = _STRICT

    id: str = Field(primary_key=True, sa_type=Words)
    state: str = Field(sa_type=Words)
    sequence: int = Field(sa_type=Int64)
    meters: int = Field(sa_type=Int64)
    seen_ms: int = Field(sa_type=Int64)


class MeterRow(Table, table=True):
    """A meter as it last described itself. None: it has never said.

    `earliest_ms`, `latest_ms`: the believed interval at the last report (`latest_ms` None with
    `report_number` > 0: unbounded); `estimate_ms` its own date then, `reported_ms` ours; `witnesses` who told
    it the time last, the JSON of `protocols.link.messages.Witness`, the latest first.
    """

    __tablename__ = "meter"
    __table_args__ = _STRICT

    id: str = Field(primary_key=True, sa_type=Words)
    link: str = Field(foreign_key="link.id", index=True, sa_type=Words)
    energy: str | None = Field(default=None, sa_type=Words)
    firmware: str | None = Field(default=None, sa_type=Words)
    profile: str | None = Field(default=None, sa_type=Words)
    supply: str | None = Field(default=None, sa_type=Words)
    supply_reason: str | None = Field(default=None, sa_type=Words)
    clock: str | None = Field(default=None, sa_type=Words)
    earliest_ms: int | None = Field(default=None, sa_type=Int64)
    latest_ms: int | None = Field(default=None, sa_type=Int64)
    estimate_ms: int | None = Field(default=None, sa_type=Int64)
    witnesses: str | None = Field(default=None, sa_type=Words)
    report_number: int = Field(default=0, sa_type=Int64)
    report_journal: int = Field(default=0, sa_type=Int64)
    reported_ms: int | None = Field(default=None, sa_type=Int64)
    balance_ueur: int | None = Field(default=None, sa_type=Int64)
    emergency_ueur: int | None = Field(default=None, sa_type=Int64)
    next_possible_ms: int | None = Field(default=None, sa_type=Int64)
    dispute_nonce: str = Field(default="", sa_type=Words)
    code: str = Field(default="", sa_type=Words)
    lease_rev: int = Field(default=0, sa_type=Int64)
    lease_ends_ms: int = Field(default=0, sa_type=Int64)
    root_version: int = Field(default=0, sa_type=Int64)
    reading_number: int = Field(default=0, sa_type=Int64)
    energy_wh: int | None = Field(default=None, sa_type=Int64)
    first_seen_ms: int = Field(sa_type=Int64)
    last_seen_ms: int | None = Field(default=None, sa_type=Int64)
    synced_ms: int | None = Field(default=None, sa_type=Int64)


class OrderRow(Table, table=True):
    """A signed document on its way through the states of design §5. `envelope` is what is sent, byte by byte.

    `scope` is the JSON of `protocols.documents.orders.Scope`; `changed_ms` when `state` was last changed.
    """

    __tablename__ = "signed_order"
    __table_args__ = (Index(None, "object", "rev"), Index(None, "state", "kind"), _STRICT)

    id: str = Field(primary_key=True, sa_type=Words)
    kind: str = Field(sa_type=Words)
    object: str = Field(sa_type=Words)
    rev: int = Field(sa_type=Int64)
    scope: str = Field(sa_type=Words)
    state: str = Field(sa_type=Words)
    issued_at_ms: int = Field(sa_type=Int64)
    not_before_ms: int = Field(sa_type=Int64)
    not_after_ms: int = Field(sa_type=Int64)
    basis: str = Field(sa_type=Words)
    envelope: bytes = Field(sa_type=LargeBinary)
    created_by: str = Field(sa_type=Words)
    created_ms: int = Field(sa_type=Int64)
    changed_ms: int = Field(sa_type=Int64)


class DeliveryRow(Table, table=True):
    """An order on its way to one meter. `reason` is the meter's own word where it refused.

    `sent_ms` is when the broker took it last, for the `attempts`-th time; the other marks are when the
    delivery came into that state.
    """

    __tablename__ = "delivery"
    __table_args__ = (Index(None, "meter", "state"), Index(None, "state", "sent_ms"), _KEYED)

    order_id: str = Field(primary_key=True, foreign_key="signed_order.id", sa_type=Words)
    meter: str = Field(primary_key=True, foreign_key="meter.id", sa_type=Words)
    state: str = Field(sa_type=Words)
    attempts: int = Field(default=0, sa_type=Int64)
    queued_ms: int = Field(sa_type=Int64)
    sent_ms: int | None = Field(default=None, sa_type=Int64)
    stored_ms: int | None = Field(default=None, sa_type=Int64)
    effective_ms: int | None = Field(default=None, sa_type=Int64)
    closed_ms: int | None = Field(default=None, sa_type=Int64)
    receipt_number: int | None = Field(default=None, sa_type=Int64)
    reason: str = Field(default="", sa_type=Words)


class OutboxRow(Table, table=True):
    """A message that the broker has not taken yet. Deleted when it has, so that an empty table is "drained".

    `order_id` names the envelope to send; without one `payload` is sent as it stands (empty: clear what is
    retained there). `meter` is whose delivery becomes *sent*; empty: every delivery of the order. Not sent
    before `not_before_ms`, dropped from `not_after_ms` on. `once`: 1 for harm, which is forgotten before it
    is sent, so that no crash sends it twice; 0 for the rest, which is forgotten after.
    """

    __tablename__ = "outbox"
    __table_args__ = {"sqlite_autoincrement": True, **_STRICT}

    seq: int | None = Field(default=None, primary_key=True, sa_type=Int64)
    topic: str = Field(sa_type=Words)
    order_id: str | None = Field(default=None, foreign_key="signed_order.id", index=True, sa_type=Words)
    meter: str = Field(default="", sa_type=Words)
    payload: bytes = Field(default=b"", sa_type=LargeBinary)
    retain: int = Field(default=0, sa_type=Int64)
    expiry_s: int | None = Field(default=None, sa_type=Int64)
    once: int = Field(default=0, sa_type=Int64)
    not_before_ms: int = Field(sa_type=Int64)
    not_after_ms: int = Field(sa_type=Int64)


class PaymentRow(Table, table=True):
    """A payment, once: `id` is the payer's side's own. `number` and `total_ueur` are its statement."""

    __tablename__ = "payment"
    __table_args__ = (UniqueConstraint("meter", "issuer", "number"), _STRICT)

    id: str = Field(primary_key=True, sa_type=Words)
    meter: str = Field(foreign_key="meter.id", sa_type=Words)
    issuer: str = Field(sa_type=Words)
    amount_ueur: int = Field(sa_type=Int64)
    number: int = Field(sa_type=Int64)
    total_ueur: int = Field(sa_type=Int64)
    order_id: str | None = Field(default=None, foreign_key="signed_order.id", sa_type=Words)
    created_by: str = Field(sa_type=Words)
    created_ms: int = Field(sa_type=Int64)


class ReadingRow(Table, table=True):
    """One register reading, as the meter numbered it. Written without the ORM (`bulk.insert_new`)."""

    __tablename__ = "reading"
    __table_args__ = _KEYED

    meter: str = Field(primary_key=True, sa_type=Words)
    number: int = Field(primary_key=True, sa_type=Int64)
    time_ms: int = Field(sa_type=Int64)
    energy_wh: int = Field(sa_type=Int64)
    balance_ueur: int = Field(sa_type=Int64)
    supply: str = Field(sa_type=Words)


class EventRow(Table, table=True):
    """One record of a meter's black box. `event` is the record's tag; ordered by `number`, never by time."""

    __tablename__ = "meter_event"
    __table_args__ = (Index(None, "event", "received_ms"), _KEYED)

    meter: str = Field(primary_key=True, sa_type=Words)
    number: int = Field(primary_key=True, sa_type=Int64)
    time_ms: int = Field(sa_type=Int64)
    received_ms: int = Field(sa_type=Int64)
    event: str = Field(sa_type=Words)
    record: str = Field(sa_type=Words)


class ClaimRow(Table, table=True):
    """A date that a meter heard, and how far it was from the meter's own estimate (design §4.1)."""

    __tablename__ = "claim"
    __table_args__ = (Index(None, "received_ms"), _KEYED)

    meter: str = Field(primary_key=True, sa_type=Words)
    number: int = Field(primary_key=True, sa_type=Int64)
    source: str = Field(sa_type=Words)
    verdict: str = Field(sa_type=Words)
    offset_ms: int | None = Field(default=None, sa_type=Int64)
    time_ms: int = Field(sa_type=Int64)
    received_ms: int = Field(sa_type=Int64)


class AuditRow(Table, table=True):
    """One act, in a chain of hashes (`protocols.chain`). `body` is JSON; see `office.audit`."""

    __tablename__ = "audit"
    __table_args__ = _STRICT

    number: int = Field(primary_key=True, sa_type=Int64)
    previous_hash: bytes = Field(sa_type=LargeBinary)
    body: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)


class CounterRow(Table, table=True):
    """The last number drawn of a sequence: `rev/OBJECT`, `order`, `audit`."""

    __tablename__ = "counter"
    __table_args__ = _KEYED

    name: str = Field(primary_key=True, sa_type=Words)
    value: int = Field(sa_type=Int64)


class SettingRow(Table, table=True):
    """A setting or a mark of the service, such as the instant of its last work on leases."""

    __tablename__ = "setting"
    __table_args__ = _KEYED

    name: str = Field(primary_key=True, sa_type=Words)
    value: str = Field(sa_type=Words)
