"""The tables (design §6). This module says what they hold; the migrations build exactly the same.

Instants are UTC milliseconds (`_ms`), money is micro-euro (`_ueur`), all of it 64-bit. Names of states are
those of `orders.life` and `protocols.reasons`. Rows of class `XRow` belong to this module; an
`Order` without `Row` is always the signed document of `protocols.documents.orders`.

What can be derived is not stored: signatures come from the envelope, the progress of a moratorium from the
deliveries, the lease that a meter should have from the active orders.
"""

from typing import Any, ClassVar

from sqlalchemy import Index, LargeBinary, MetaData, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.database.columns import Int64, TextColumn

_STRICT: dict[str, Any] = {"sqlite_strict": True}
# WITHOUT ROWID: SQLite stores rows in the B-tree of the primary key. A reading takes some 32 bytes, not twice
# that.
_KEYED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


class Table(SQLModel):
    """Base of the tables. It has its own metadata, so that models of a library never enter our schema."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class LinkRow(Table, table=True):
    """A connection that carries meters. `state`: of `meters.registry.LinkState`; `sequence`: its births.

    `epoch` is the life of the link in which they are counted.
    """

    __tablename__ = "link"
    __table_args__ = _STRICT

    id: str = Field(primary_key=True, sa_type=TextColumn)
    state: str = Field(sa_type=TextColumn)
    sequence: int = Field(sa_type=Int64)
    meters: int = Field(sa_type=Int64)
    seen_ms: int = Field(sa_type=Int64)
    epoch: int = Field(default=0, sa_type=Int64)


class MeterRow(Table, table=True):
    """A meter as it last described itself. None: it has never reported the value.

    `earliest_ms`, `latest_ms`: the meter's interval of true time at its last report (`latest_ms` None with
    `report_number` > 0: unbounded). `estimate_ms`: the meter's own date then; `reported_ms`: ours.
    `witnesses`: the sources that last gave it the time, the latest first, as JSON of
    `protocols.link.messages.Witness`. `account`: what went in and out of its purse, as JSON of
    `protocols.documents.accounts.Account`. `last_event`, `oldest_entry`: of its black box, as its last report
    said; 0: an older firmware. `holds_number`: of its last authentic holdings; 0: it has never
    proved any. `epoch`: the life of the meter in which all numbers here are counted.
    `issuers_version`: of its issuers document; 0: it has none; -1: its firmware knows none.
    `claimed`: what words without a MAC say of it, as JSON of `meters.claimed`.
    """

    __tablename__ = "meter"
    __table_args__ = _STRICT

    id: str = Field(primary_key=True, sa_type=TextColumn)
    link: str = Field(foreign_key="link.id", index=True, sa_type=TextColumn)
    energy: str | None = Field(default=None, sa_type=TextColumn)
    firmware: str | None = Field(default=None, sa_type=TextColumn)
    profile: str | None = Field(default=None, sa_type=TextColumn)
    supply: str | None = Field(default=None, sa_type=TextColumn)
    supply_reason: str | None = Field(default=None, sa_type=TextColumn)
    clock: str | None = Field(default=None, sa_type=TextColumn)
    earliest_ms: int | None = Field(default=None, sa_type=Int64)
    latest_ms: int | None = Field(default=None, sa_type=Int64)
    estimate_ms: int | None = Field(default=None, sa_type=Int64)
    witnesses: str | None = Field(default=None, sa_type=TextColumn)
    account: str | None = Field(default=None, sa_type=TextColumn)
    report_number: int = Field(default=0, sa_type=Int64)
    report_journal: int = Field(default=0, sa_type=Int64)
    last_event: int = Field(default=0, sa_type=Int64)
    oldest_entry: int = Field(default=0, sa_type=Int64)
    holds_number: int = Field(default=0, sa_type=Int64)
    claimed: str | None = Field(default=None, sa_type=TextColumn)
    epoch: int = Field(default=0, sa_type=Int64)
    reported_ms: int | None = Field(default=None, sa_type=Int64)
    balance_ueur: int | None = Field(default=None, sa_type=Int64)
    emergency_ueur: int | None = Field(default=None, sa_type=Int64)
    next_possible_ms: int | None = Field(default=None, sa_type=Int64)
    dispute_nonce: str = Field(default="", sa_type=TextColumn)
    code: str = Field(default="", sa_type=TextColumn)
    lease_rev: int = Field(default=0, sa_type=Int64)
    lease_ends_ms: int = Field(default=0, sa_type=Int64)
    root_version: int = Field(default=0, sa_type=Int64)
    reading_number: int = Field(default=0, sa_type=Int64)
    energy_wh: int | None = Field(default=None, sa_type=Int64)
    first_seen_ms: int = Field(sa_type=Int64)
    last_seen_ms: int | None = Field(default=None, sa_type=Int64)
    synced_ms: int | None = Field(default=None, sa_type=Int64)
    issuers_version: int | None = Field(default=None, sa_type=Int64)


class HouseholdRow(Table, table=True):
    """A connection to the grid and who lives behind it, as the DSO's file says. Its meter may be silent yet.

    `meter`: the id under which its meter speaks; the EAN itself where nobody has named one. `energy`,
    `profile`, `firmware`, `link`: what the meter should be; what it says itself stands in `MeterRow`.
    `groups`, `flags`: words, sorted, with a blank between them. None: not known, or none.
    """

    __tablename__ = "household"
    __table_args__ = (Index(None, "meter", unique=True), _KEYED)

    ean: str = Field(primary_key=True, sa_type=TextColumn)
    meter: str = Field(sa_type=TextColumn)
    area: str | None = Field(default=None, sa_type=TextColumn)
    dso: str | None = Field(default=None, sa_type=TextColumn)
    category: str | None = Field(default=None, sa_type=TextColumn)
    energy: str | None = Field(default=None, sa_type=TextColumn)
    profile: str | None = Field(default=None, sa_type=TextColumn)
    firmware: str | None = Field(default=None, sa_type=TextColumn)
    link: str | None = Field(default=None, sa_type=TextColumn)
    groups: str | None = Field(default=None, sa_type=TextColumn)
    language: str | None = Field(default=None, sa_type=TextColumn)
    flags: str | None = Field(default=None, sa_type=TextColumn)


class HouseholdGroupRow(Table, table=True):
    """A free group that a household is in: the words of `HouseholdRow.groups`, each with its own row."""

    __tablename__ = "household_group"
    __table_args__ = _KEYED

    ean: str = Field(primary_key=True, sa_type=TextColumn)
    name: str = Field(primary_key=True, sa_type=TextColumn)


class TenancyRow(Table, table=True):
    """A household that has left a connection, the `number`-th one, and what the file said of it.

    `balance_ueur`: of its meter's purse, by the report of `reported_ms`; None: it had reported nothing.
    """

    __tablename__ = "tenancy"
    __table_args__ = _KEYED

    ean: str = Field(primary_key=True, sa_type=TextColumn)
    number: int = Field(primary_key=True, sa_type=Int64)
    meter: str = Field(sa_type=TextColumn)
    until_ms: int = Field(sa_type=Int64)
    category: str | None = Field(default=None, sa_type=TextColumn)
    language: str | None = Field(default=None, sa_type=TextColumn)
    flags: str | None = Field(default=None, sa_type=TextColumn)
    balance_ueur: int | None = Field(default=None, sa_type=Int64)
    reported_ms: int | None = Field(default=None, sa_type=Int64)
    recorded_by: str = Field(sa_type=TextColumn)
    recorded_ms: int = Field(sa_type=Int64)


class RetiredRow(Table, table=True):
    """A meter that was taken out of the fleet. `successor`: the meter in its place; None: it was removed.

    `worth_ueur`: what of its purse was the household's, below 0 where it owed; None: not known. `said`: 1
    where a person has read the balance from its display. `payment`: by which the successor got it.
    `late_number`, `late_ms`, `late_balance_ueur`, `late_account`: of the newest report that came afterwards.
    """

    __tablename__ = "retired"
    __table_args__ = _STRICT

    meter: str = Field(primary_key=True, foreign_key="meter.id", sa_type=TextColumn)
    ean: str | None = Field(default=None, sa_type=TextColumn)
    successor: str | None = Field(default=None, index=True, sa_type=TextColumn)
    at_ms: int = Field(sa_type=Int64)
    by: str = Field(sa_type=TextColumn)
    basis: str = Field(sa_type=TextColumn)
    worth_ueur: int | None = Field(default=None, sa_type=Int64)
    said: int = Field(default=0, sa_type=Int64)
    payment: str | None = Field(default=None, index=True, sa_type=TextColumn)
    late_number: int = Field(default=0, sa_type=Int64)
    late_ms: int | None = Field(default=None, sa_type=Int64)
    late_balance_ueur: int | None = Field(default=None, sa_type=Int64)
    late_account: str | None = Field(default=None, sa_type=TextColumn)


class OrderRow(Table, table=True):
    """An order and its state (design §5). `envelope` holds the signed bytes exactly as they are sent.

    `digest` names the document in it (`envelope.document_digest`), as a receipt does.

    `scope` is the JSON of `protocols.documents.orders.Scope`; `changed_ms` is when `state` was last changed.
    """

    __tablename__ = "signed_order"
    __table_args__ = (Index(None, "object", "rev"), Index(None, "state", "kind"), _STRICT)

    id: str = Field(primary_key=True, sa_type=TextColumn)
    kind: str = Field(sa_type=TextColumn)
    object: str = Field(sa_type=TextColumn)
    rev: int = Field(sa_type=Int64)
    scope: str = Field(sa_type=TextColumn)
    state: str = Field(sa_type=TextColumn)
    issued_at_ms: int = Field(sa_type=Int64)
    not_before_ms: int = Field(sa_type=Int64)
    not_after_ms: int = Field(sa_type=Int64)
    basis: str = Field(sa_type=TextColumn)
    envelope: bytes = Field(sa_type=LargeBinary)
    digest: str = Field(default="", sa_type=TextColumn)
    created_by: str = Field(sa_type=TextColumn)
    created_ms: int = Field(sa_type=Int64)
    changed_ms: int = Field(sa_type=Int64)


class DeliveryRow(Table, table=True):
    """The delivery of an order to one meter. `reason`: why it ended, such as the meter's reason to refuse it.

    `sent_ms` is when the broker last acknowledged it, for the `attempts`-th time; `queued_ms`, `stored_ms`,
    `effective_ms` and `closed_ms` are when the delivery came into that state.
    `receipt_number`: of the receipt that names the digest of the order's document.
    """

    __tablename__ = "delivery"
    __table_args__ = (Index(None, "meter", "state"), Index(None, "state", "sent_ms"), _KEYED)

    order_id: str = Field(primary_key=True, foreign_key="signed_order.id", sa_type=TextColumn)
    meter: str = Field(primary_key=True, foreign_key="meter.id", sa_type=TextColumn)
    state: str = Field(sa_type=TextColumn)
    attempts: int = Field(default=0, sa_type=Int64)
    queued_ms: int = Field(sa_type=Int64)
    sent_ms: int | None = Field(default=None, sa_type=Int64)
    stored_ms: int | None = Field(default=None, sa_type=Int64)
    effective_ms: int | None = Field(default=None, sa_type=Int64)
    closed_ms: int | None = Field(default=None, sa_type=Int64)
    receipt_number: int | None = Field(default=None, sa_type=Int64)
    reason: str = Field(default="", sa_type=TextColumn)


class OutboxRow(Table, table=True):
    """A message that the broker has not acknowledged yet. It is deleted then: no row means nothing to send.

    `order_id` names the order whose envelope is sent; without one `payload` is sent (empty: it clears the
    retained message of the topic). `meter` is the meter whose delivery becomes *sent*; empty: every delivery
    of the order. Sent in `[not_before_ms, not_after_ms)` and deleted after that. `once`: 1 for harm, which is
    deleted before it is published, so that no crash sends it twice; 0 for the rest.
    """

    __tablename__ = "outbox"
    __table_args__ = {"sqlite_autoincrement": True, **_STRICT}

    seq: int | None = Field(default=None, primary_key=True, sa_type=Int64)
    topic: str = Field(sa_type=TextColumn)
    order_id: str | None = Field(default=None, foreign_key="signed_order.id", index=True, sa_type=TextColumn)
    meter: str = Field(default="", sa_type=TextColumn)
    payload: bytes = Field(default=b"", sa_type=LargeBinary)
    retain: int = Field(default=0, sa_type=Int64)
    expiry_s: int | None = Field(default=None, sa_type=Int64)
    once: int = Field(default=0, sa_type=Int64)
    not_before_ms: int = Field(sa_type=Int64)
    not_after_ms: int = Field(sa_type=Int64)


class PaymentRow(Table, table=True):
    """A payment. `id` is given by whoever took the money; `number`, `epoch`, `total_ueur`: its statement.

    `found`: 1 for money that the meter holds and no payment here explains; it has no order. `voided_ueur`:
    what of it a kiosk has given back since by a lower statement; no household has paid that.
    """

    __tablename__ = "payment"
    __table_args__ = (UniqueConstraint("meter", "issuer", "number"), _STRICT)

    id: str = Field(primary_key=True, sa_type=TextColumn)
    meter: str = Field(foreign_key="meter.id", sa_type=TextColumn)
    issuer: str = Field(sa_type=TextColumn)
    amount_ueur: int = Field(sa_type=Int64)
    number: int = Field(sa_type=Int64)
    total_ueur: int = Field(sa_type=Int64)
    order_id: str | None = Field(default=None, foreign_key="signed_order.id", sa_type=TextColumn)
    created_by: str = Field(sa_type=TextColumn)
    created_ms: int = Field(sa_type=Int64)
    epoch: int = Field(default=0, sa_type=Int64)
    found: int = Field(default=0, sa_type=Int64)
    voided_ueur: int = Field(default=0, sa_type=Int64)


class PaymentRequestRow(Table, table=True):
    """What a clerk asks the service to book: `envelope` holds the request, signed by the clerk.

    `state`: of `payments.requests.RequestState`. `id` is the payment's.
    """

    __tablename__ = "payment_request"
    __table_args__ = _STRICT

    id: str = Field(primary_key=True, sa_type=TextColumn)
    meter: str = Field(foreign_key="meter.id", sa_type=TextColumn)
    amount_ueur: int = Field(sa_type=Int64)
    envelope: bytes = Field(sa_type=LargeBinary)
    state: str = Field(index=True, sa_type=TextColumn)
    created_by: str = Field(sa_type=TextColumn)
    created_ms: int = Field(sa_type=Int64)


class ReadingRow(Table, table=True):
    """One register reading, under the meter's own number. Written without the ORM (`bulk.insert_new`).

    `received_ms`: None: stored by an earlier version, and not looked at by a purge yet.
    """

    __tablename__ = "reading"
    __table_args__ = _KEYED

    meter: str = Field(primary_key=True, sa_type=TextColumn)
    epoch: int = Field(default=0, primary_key=True, sa_type=Int64)
    number: int = Field(primary_key=True, sa_type=Int64)
    time_ms: int = Field(sa_type=Int64)
    energy_wh: int = Field(sa_type=Int64)
    balance_ueur: int = Field(sa_type=Int64)
    supply: str = Field(sa_type=TextColumn)
    received_ms: int | None = Field(default=None, sa_type=Int64)


class EventRow(Table, table=True):
    """One record of a meter's black box. `event` is the record's tag. Sorted by `number`, never by time."""

    __tablename__ = "meter_event"
    __table_args__ = (Index(None, "event", "received_ms"), _KEYED)

    meter: str = Field(primary_key=True, sa_type=TextColumn)
    epoch: int = Field(default=0, primary_key=True, sa_type=Int64)
    number: int = Field(primary_key=True, sa_type=Int64)
    time_ms: int = Field(sa_type=Int64)
    received_ms: int = Field(sa_type=Int64)
    event: str = Field(sa_type=TextColumn)
    record: str = Field(sa_type=TextColumn)


class BlackBoxRow(Table, table=True):
    """Which entries of a black box are stored: all up to `upto`, and the spans `beyond` (`black_boxes`).

    `lost`: the spans up to `upto` that nobody has any more. Spans are JSON: `[[first,last],…]`.
    """

    __tablename__ = "black_box"
    __table_args__ = _KEYED

    meter: str = Field(primary_key=True, sa_type=TextColumn)
    epoch: int = Field(primary_key=True, sa_type=Int64)
    upto: int = Field(sa_type=Int64)
    beyond: str = Field(sa_type=TextColumn)
    lost: str = Field(sa_type=TextColumn)


class ClaimRow(Table, table=True):
    """A date that a meter heard, and how far it was from the meter's own estimate (design §4.1)."""

    __tablename__ = "claim"
    __table_args__ = (Index(None, "received_ms"), _KEYED)

    meter: str = Field(primary_key=True, sa_type=TextColumn)
    epoch: int = Field(default=0, primary_key=True, sa_type=Int64)
    number: int = Field(primary_key=True, sa_type=Int64)
    source: str = Field(sa_type=TextColumn)
    verdict: str = Field(sa_type=TextColumn)
    offset_ms: int | None = Field(default=None, sa_type=Int64)
    time_ms: int = Field(sa_type=Int64)
    received_ms: int = Field(sa_type=Int64)


class ClosedRow(Table, table=True):
    """A life of a meter or link that is over: no word of it counts. `name`: `meter/ID` or `link/ID`."""

    __tablename__ = "closed"
    __table_args__ = _KEYED

    name: str = Field(primary_key=True, sa_type=TextColumn)
    epoch: int = Field(primary_key=True, sa_type=Int64)


class QuarantineRow(Table, table=True):
    """A meter or link that is not admitted, and how many messages named it. `why`: of `admission.Waits`."""

    __tablename__ = "quarantine"
    __table_args__ = _KEYED

    name: str = Field(primary_key=True, sa_type=TextColumn)
    link: str = Field(sa_type=TextColumn)
    why: str = Field(sa_type=TextColumn)
    count: int = Field(sa_type=Int64)
    first_ms: int = Field(sa_type=Int64)
    last_ms: int = Field(sa_type=Int64)


class AuditRow(Table, table=True):
    """One act, in a chain of hashes (`protocols.chain`). `body` is JSON; see `office.audit`."""

    __tablename__ = "audit"
    __table_args__ = _STRICT

    number: int = Field(primary_key=True, sa_type=Int64)
    previous_hash: bytes = Field(sa_type=LargeBinary)
    body: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)


class AccessRow(Table, table=True):
    """Somebody has looked at households: `operator` as they said (None: they did not), `os_user` as it is.

    `shown`: how many; of more than a list's limit it is not kept which (`privacy.accesses`).
    """

    __tablename__ = "access"
    __table_args__ = _STRICT

    number: int = Field(primary_key=True, sa_type=Int64)
    at_ms: int = Field(sa_type=Int64)
    operator: str | None = Field(default=None, sa_type=TextColumn)
    os_user: str = Field(sa_type=TextColumn)
    command: str = Field(sa_type=TextColumn)
    shown: int = Field(sa_type=Int64)


class AccessedRow(Table, table=True):
    """A household that an access has shown, by its meter then, and its EAN where it was known."""

    __tablename__ = "accessed"
    __table_args__ = (Index(None, "ean"), Index(None, "access"), _KEYED)

    meter: str = Field(primary_key=True, sa_type=TextColumn)
    access: int = Field(primary_key=True, sa_type=Int64)
    ean: str | None = Field(default=None, sa_type=TextColumn)


class CounterRow(Table, table=True):
    """The last number drawn from a counter: `rev/OBJECT`, `order`, `audit`."""

    __tablename__ = "counter"
    __table_args__ = _KEYED

    name: str = Field(primary_key=True, sa_type=TextColumn)
    value: int = Field(sa_type=Int64)


class SettingRow(Table, table=True):
    """A value that the service keeps between runs: how many meters can have no lease."""

    __tablename__ = "setting"
    __table_args__ = _KEYED

    name: str = Field(primary_key=True, sa_type=TextColumn)
    value: str = Field(sa_type=TextColumn)


class ServiceRow(Table, table=True):
    """The sign of life of a running service, `name`; it deletes its row when it ends in order.

    `run` names the process at random. `tick_ms`: milliseconds since the boot `boot_id` of its machine at the
    last beat, the `beat`-th, and `began_tick_ms` at the first: whoever reads them needs no wall clock.
    `connected`: 1 while it has its broker.
    """

    __tablename__ = "service"
    __table_args__ = _STRICT

    name: str = Field(primary_key=True, sa_type=TextColumn)
    run: str = Field(sa_type=TextColumn)
    host: str = Field(sa_type=TextColumn)
    boot_id: str = Field(sa_type=TextColumn)
    began_tick_ms: int = Field(sa_type=Int64)
    tick_ms: int = Field(sa_type=Int64)
    beat: int = Field(sa_type=Int64)
    broker: str = Field(sa_type=TextColumn)
    connected: int = Field(sa_type=Int64)
