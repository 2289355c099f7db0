"""What comes up from the links, into the store; a batch of messages is one transaction.

A report counts only with a MAC under its meter's own key: a link, or whoever sits on it, cannot speak for
its meters. Everything is idempotent: numbers and keys make a repeated message no news. What is refused
changes nothing and is counted by its reason.

Receipts and reports of a meter may overtake each other: brokers keep an order only within a
subscription. What reads an order back is decided by their numbers and not by their coming.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from enum import StrEnum, unique
from functools import cache
from typing import Final, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, and_, exists, func, or_, true
from sqlmodel import Session, col, select

from controller.database.bulk import Value, in_batches, insert_new, number_receipts, update_newer
from controller.database.tables import DeliveryRow, MeterRow, OrderRow
from controller.exchange import sync_answer
from controller.exchange.sync_answer import RootSent
from controller.meters.registry import register_link, register_meters
from controller.orders import deliveries
from controller.orders.life import DeliveryEvent, reads_back
from protocols.documents.kind_rule import Kind
from protocols.errors import DocumentError
from protocols.link.carriage import Arrival
from protocols.link.messages import (
    Int,
    MeterEvent,
    Reading,
    Readings,
    Receipt,
    Report,
    Reported,
    Status,
    Sync,
    is_authentic,
    meter_key,
    read_message,
    read_report,
)
from protocols.link.records import ClaimHeard
from protocols.link.topics import Channel, Place
from protocols.reasons import NoOrder, OrderVerdict, Supply

M = TypeVar("M", Status, Sync, Readings)


@unique
class Refused(StrEnum):
    """Why a message from a link is not taken in."""

    MALFORMED = "malformed"
    NOT_AUTHENTIC = "not_authentic"
    WRONG_PLACE = "wrong_place"
    NOT_EXPECTED = "not_expected"


class _Heard(Struct):
    """What a part of a batch holds, by kind, each in the order of arrival."""

    statuses: list[Status] = []
    syncs: list[Sync] = []
    receipts: list[Receipt] = []
    events: list[MeterEvent] = []
    readings: list[Reading] = []
    reported: dict[str, Reported] = {}
    links: dict[str, str] = {}


class _Columns(Struct, frozen=True):
    """The parts of a black box's record that have columns.

    Not the types of `protocols.link.records`: here nothing is decided by a record's words, so that those
    of a newer firmware are stored like any other. `Int` keeps out what no database takes.
    """

    event: str
    source: str = ""
    verdict: str = ""
    offset_ms: Int | None = None
    time_ms: Int = 0


_records: msgspec.json.Decoder[_Columns] = msgspec.json.Decoder(_Columns)
_encoder = msgspec.json.Encoder()
_CLAIM: Final = ClaimHeard.__struct_config__.tag


def take_in(
    session: Session, arrivals: Sequence[Arrival], fleet_key: bytes, root: RootSent, now_ms: int
) -> Counter[Refused]:
    """Take in a batch, in the caller's transaction. Returns how many were refused, by reason."""
    refused: Counter[Refused] = Counter()
    heard = _Heard()
    for arrival in arrivals:
        message = _read(arrival, fleet_key)
        if isinstance(message, Refused):
            refused[message] += 1
            continue
        if _must_wait(heard, message):
            _store(session, heard, root, now_ms)
            heard = _Heard()
        _sort(heard, message, arrival.place)
    _store(session, heard, root, now_ms)
    return refused


def _read(arrival: Arrival, fleet_key: bytes) -> Status | Sync | Readings | Report | Refused:
    place = arrival.place
    if _NUL in arrival.payload:
        return Refused.MALFORMED
    try:
        match place.channel:
            case Channel.STATUS:
                return _if_of(read_message(arrival.payload, Status), place)
            case Channel.SYNC:
                return _if_of(read_message(arrival.payload, Sync), place)
            case Channel.READINGS:
                return _if_of(read_message(arrival.payload, Readings), place)
            case Channel.RECEIPTS | Channel.REPORTED | Channel.EVENTS:
                return _read_report(arrival, fleet_key)
            case _:
                return Refused.NOT_EXPECTED
    except DocumentError:
        return Refused.MALFORMED


def _if_of(message: M, place: Place) -> M | Refused:
    return message if message.link == place.link else Refused.WRONG_PLACE


def _read_report(arrival: Arrival, fleet_key: bytes) -> Report | Refused:
    report, body, mac = read_report(arrival.payload)
    if report.meter != arrival.place.meter or not isinstance(report, _REPORTS[arrival.place.channel]):
        return Refused.WRONG_PLACE
    return report if is_authentic(body, mac, meter_key(fleet_key, report.meter)) else Refused.NOT_AUTHENTIC


def _must_wait(heard: _Heard, message: Status | Sync | Readings | Report) -> bool:
    """Whether a sync would be taken before what came earlier: it says what a meter holds after that."""
    return isinstance(message, Sync) and bool(heard.reported or heard.receipts)


def _sort(heard: _Heard, message: Status | Sync | Readings | Report, place: Place) -> None:
    if isinstance(message, Status):
        heard.statuses.append(message)
        return
    if isinstance(message, Sync):
        heard.syncs.append(message)
        return
    if isinstance(message, Readings):
        heard.readings.extend(message.readings)
        heard.links.update({reading.meter: place.link for reading in message.readings})
        return
    heard.links[message.meter] = place.link
    if isinstance(message, Receipt):
        heard.receipts.append(message)
    elif isinstance(message, MeterEvent):
        heard.events.append(message)
    else:
        last = heard.reported.get(message.meter)
        if last is None or last.number < message.number:
            heard.reported[message.meter] = message


def _store(session: Session, heard: _Heard, root: RootSent, now_ms: int) -> None:
    for status in heard.statuses:
        register_link(session, status, now_ms)
    for sync in heard.syncs:
        sync_answer.answer_sync(session, sync, root, now_ms)
    sync_answer.welcome(session, register_meters(session, heard.links, now_ms), now_ms)
    _store_receipts(session, heard.receipts, now_ms)
    _store_events(session, heard.events, now_ms)
    _store_readings(session, heard.readings, now_ms)
    _store_reported(session, heard.reported, now_ms)
    spoken = heard.reported.keys() | {receipt.meter for receipt in heard.receipts}
    if spoken:
        _read_back(session, spoken, now_ms)


def _store_receipts(session: Session, receipts: Sequence[Receipt], now_ms: int) -> None:
    by_outcome: dict[tuple[str, DeliveryEvent, str], list[str]] = {}
    for receipt in receipts:
        accepted = receipt.verdict is OrderVerdict.ACCEPTED
        event = DeliveryEvent.ACCEPTED if accepted else DeliveryEvent.REFUSED
        by_outcome.setdefault((receipt.order, event, receipt.reason), []).append(receipt.meter)
    for (order_id, event, reason), meters in by_outcome.items():
        for some in in_batches(meters):
            deliveries.step(session, event, now_ms, order_id=order_id, meters=some, reason=reason)
    accepted_ones = [receipt for receipt in receipts if receipt.verdict is OrderVerdict.ACCEPTED]
    number_receipts(session, [(each.number, each.order, each.meter) for each in accepted_ones])
    _note_leases(session, [receipt for receipt in accepted_ones if receipt.kind == Kind.LEASE])
    roots: list[tuple[Value, ...]] = [
        (each.rev, each.meter, each.rev) for each in accepted_ones if each.kind == NoOrder.ROOT
    ]
    update_newer(session, "meter", ("root_version",), "root_version", roots)


def _note_leases(session: Session, receipts: Sequence[Receipt]) -> None:
    """What lease each of these meters has accepted."""
    if not receipts:
        return
    ids = {receipt.order for receipt in receipts}
    leases = select(OrderRow.id, OrderRow.not_after_ms).where(OrderRow.kind == Kind.LEASE)
    ends_ms = dict(iter(session.exec(leases.where(col(OrderRow.id).in_(ids)))))
    rows: list[tuple[Value, ...]] = [
        (each.rev, ends_ms[each.order], each.meter, each.rev) for each in receipts if each.order in ends_ms
    ]
    update_newer(session, "meter", ("lease_rev", "lease_ends_ms"), "lease_rev", rows)


def _store_events(session: Session, events: Sequence[MeterEvent], now_ms: int) -> None:
    rows: list[tuple[Value, ...]] = []
    claims: list[tuple[Value, ...]] = []
    for each in events:
        text = bytes(each.record).decode()
        try:
            record = _records.decode(text)
        except msgspec.MsgspecError:
            # Signed by the meter all the same: kept as it came, under a name that says so.
            record = _Columns("unreadable")
        rows.append((each.meter, each.number, each.time_ms, now_ms, record.event, text))
        if record.event == _CLAIM:
            claim = (record.source, record.verdict, record.offset_ms, record.time_ms)
            claims.append((each.meter, each.number, *claim, now_ms))
    insert_new(session, "meter_event", _EVENT_COLUMNS, rows)
    insert_new(session, "claim", _CLAIM_COLUMNS, claims)


def _store_readings(session: Session, readings: Sequence[Reading], now_ms: int) -> None:
    rows: list[tuple[Value, ...]] = [
        (each.meter, each.number, each.time_ms, each.energy_wh, each.balance_ueur, each.supply.value)
        for each in readings
    ]
    insert_new(session, "reading", _READING_COLUMNS, rows)
    latest: dict[str, Reading] = {}
    for each in readings:
        if each.meter not in latest or latest[each.meter].number < each.number:
            latest[each.meter] = each
    news: list[tuple[Value, ...]] = [
        (each.number, each.energy_wh, each.balance_ueur, now_ms, meter, each.number)
        for meter, each in latest.items()
    ]
    columns = ("reading_number", "energy_wh", "balance_ueur", "last_seen_ms")
    update_newer(session, "meter", columns, "reading_number", news)


def _store_reported(session: Session, reported: dict[str, Reported], now_ms: int) -> None:
    rows: list[tuple[Value, ...]] = [
        (*_state_of(each), now_ms, now_ms, meter, each.number) for meter, each in reported.items()
    ]
    update_newer(session, "meter", _STATE_COLUMNS, "report_number", rows)


def _read_back(session: Session, meters: Collection[str], now_ms: int) -> None:
    """What these meters have stored is effective, once a report has covered its receipt (design §5)."""
    for some in in_batches(meters):
        where = [col(DeliveryRow.meter).in_(some), _is_covered()]
        deliveries.step_where(session, DeliveryEvent.READ_BACK, now_ms, where)


@cache
def _is_covered() -> ColumnElement[bool]:
    """Whether the meter's last report reads a delivery back; the same for every batch, and dear to make.

    Receipts and reports may overtake each other: the number of the receipt and the black box's number in
    the report say which came first at the meter.
    """
    proven = [
        and_(col(MeterRow.supply) == supply.value, _is_none_of(OrderRow.kind, unproven))
        for supply in Supply
        for unproven in [[kind.value for kind in Kind if not reads_back(kind, supply)]]
    ]
    return (
        exists()
        .where(col(MeterRow.id) == col(DeliveryRow.meter), col(OrderRow.id) == col(DeliveryRow.order_id))
        .where(col(MeterRow.report_journal) >= func.coalesce(col(DeliveryRow.receipt_number), 0))
        .where(or_(*proven))
    )


def _is_none_of(column: str, kinds: Sequence[str]) -> ColumnElement[bool]:
    return col(column).not_in(kinds) if kinds else true()


def _state_of(report: Reported) -> tuple[Value, ...]:
    return (
        report.supply.value,
        report.reason.value,
        report.clock.value,
        report.earliest_ms,
        report.latest_ms,
        report.time_ms,
        report.number,
        report.journal,
        report.balance_ueur,
        report.emergency_ueur,
        report.next_possible_ms,
        report.dispute_nonce,
        report.code,
        _encoder.encode(report.witnesses).decode(),
    )


# JSON has the character NUL in this form only. PostgreSQL stores none, and no text of ours holds one.
_NUL: Final = b"\\u0000"
_STATE_COLUMNS: Final = (
    "supply",
    "supply_reason",
    "clock",
    "earliest_ms",
    "latest_ms",
    "estimate_ms",
    "report_number",
    "report_journal",
    "balance_ueur",
    "emergency_ueur",
    "next_possible_ms",
    "dispute_nonce",
    "code",
    "witnesses",
    "reported_ms",
    "last_seen_ms",
)
_READING_COLUMNS: Final = ("meter", "number", "time_ms", "energy_wh", "balance_ueur", "supply")
_EVENT_COLUMNS: Final = ("meter", "number", "time_ms", "received_ms", "event", "record")
_CLAIM_COLUMNS: Final = ("meter", "number", "source", "verdict", "offset_ms", "time_ms", "received_ms")
_REPORTS: Final[dict[Channel, type[Report]]] = {
    Channel.RECEIPTS: Receipt,
    Channel.REPORTED: Reported,
    Channel.EVENTS: MeterEvent,
}
