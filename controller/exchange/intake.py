"""Takes messages from the links into the store; a batch of messages is one transaction.

Only authentic words change what the store knows (`exchange.words`): a meter's under its own key, a link's
birth under the link's. So neither a link nor an intruder on a link can speak for a meter. Intake is
idempotent: by its number or key a repeated message is recognised, and ignored. A refused message changes
nothing, and is counted by its reason.

Receipts and reports of a meter may overtake each other: MQTT orders messages only within one topic (MQTT 5,
4.6). So their numbers, and not their arrival, decide which report shows a stored order in effect (`proving`).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.bulk import Value, in_batches, insert_new, number_receipts, update_newer
from controller.database.tables import OrderRow
from controller.exchange import proving, sync_answer, unverified_words
from controller.exchange.key_book import KeyBook
from controller.exchange.present import MeterWord, is_present_birth, present_lives
from controller.exchange.proven_keys import store_proven
from controller.exchange.purses import PursesHeard
from controller.exchange.sync_answer import RootSent
from controller.exchange.words import HeardWords, IntakeRefusal, hear
from controller.meters.admission import Admission, Waiting, Waits, admission_of, quarantine
from controller.meters.black_boxes import note_events
from controller.meters.registry import (
    NOT_HEARD,
    KnownMeter,
    Spoke,
    known_meters,
    place_meters,
    register_link,
)
from controller.meters.retired import note_late, retired_among
from controller.orders import deliveries
from controller.orders.life import DeliveryEvent
from controller.orders.numbering import note_known_number
from protocols.documents.kind_rule import Kind
from protocols.link.carriage import Arrival
from protocols.link.messages import Int, MeterEvent, MeterHolds, Reading, Receipt, Report, Reported, Status
from protocols.link.records import ClaimHeard
from protocols.reasons import NoOrder, OrderVerdict

_CLAIM: Final = ClaimHeard.__struct_config__.tag
_READING_COLUMNS: Final = (
    *("meter", "epoch", "number", "time_ms", "energy_wh", "balance_ueur", "supply", "received_ms"),
)
_EVENT_COLUMNS: Final = ("meter", "epoch", "number", "time_ms", "received_ms", "event", "record")
_CLAIM_COLUMNS: Final = (
    "meter",
    "epoch",
    "number",
    "source",
    "verdict",
    "offset_ms",
    "time_ms",
    "received_ms",
)


class _Words(Struct):
    """The words of a batch, sorted by kind; each kind in the order of arrival.

    `reported`: the newest of each meter and life. `spoke`: over which link each spoke in that life. `syncs`,
    `unverified`: the words of one arrival, with its link.
    """

    # An empty list or dict as default is safe in a msgspec Struct: each instance gets a new one.
    statuses: list[Status] = []
    syncs: list[tuple[str, list[MeterHolds]]] = []
    receipts: list[Receipt] = []
    events: list[MeterEvent] = []
    readings: list[Reading] = []
    reported: dict[tuple[str, int], Reported] = {}
    spoke: dict[tuple[str, int], Spoke] = {}
    unverified: list[unverified_words.Heard] = []

    def of_meters(self) -> Iterator[MeterWord]:
        """The authentic words of meters; those first that can prove a new life."""
        for _, holds in self.syncs:
            yield from holds
        yield from self.reported.values()
        for found in (self.receipts, self.events, self.readings):
            yield from found

    def lives(self) -> set[tuple[str, int]]:
        """Every meter of which there is an authentic word, with the life in which it spoke."""
        return set(self.spoke) | {(each.meter, each.epoch) for _, holds in self.syncs for each in holds}

    def keep(self, is_kept: Callable[[str, int], bool]) -> int:
        """Keep the words for which this says so, by meter and life; returns how many were dropped."""
        if all(is_kept(word.meter, word.epoch) for word in self.of_meters()):
            return 0

        def keeps(word: MeterWord) -> bool:
            return is_kept(word.meter, word.epoch)

        before = sum(1 for _ in self.of_meters())
        self.syncs = [(link, list(filter(keeps, holds))) for link, holds in self.syncs]
        self.receipts = list(filter(keeps, self.receipts))
        self.events = list(filter(keeps, self.events))
        self.readings = list(filter(keeps, self.readings))
        self.reported = {key: each for key, each in self.reported.items() if is_kept(*key)}
        self.spoke = {key: each for key, each in self.spoke.items() if is_kept(*key)}
        return before - sum(1 for _ in self.of_meters())


class _Columns(Struct, frozen=True):
    """The fields of a black box's record that have columns of their own.

    Not the types of `protocols.link.records`: nothing is decided here by what a record says, so that a record
    of a newer firmware is stored like any other. `Int` refuses integers that do not fit into 64 bits.
    """

    event: str
    source: str = ""
    verdict: str = ""
    offset_ms: Int | None = None
    time_ms: Int = 0


_records: msgspec.json.Decoder[_Columns] = msgspec.json.Decoder(_Columns)
_encoder = msgspec.json.Encoder()


def take_in(
    session: Session,
    arrivals: Sequence[Arrival],
    book: KeyBook,
    root: RootSent,
    now_ms: int,
    *,
    nonce: str = "",
    purses: PursesHeard | None = None,
) -> Counter[IntakeRefusal]:
    """Take in a batch, in the caller's transaction. Returns how many were refused, by reason.

    `book`: under which keys meters and links speak; what it has learnt is stored too. `nonce`: of the
    controller's present birth; empty: it has none, and no new life can begin. `purses`: notes
    what meters of a present life say that they have credited.
    """
    purses = PursesHeard() if purses is None else purses
    refused: Counter[IntakeRefusal] = Counter()
    words = _Words()
    for arrival in arrivals:
        heard = hear(arrival, book)
        if isinstance(heard, IntakeRefusal):
            refused[heard] += 1
            continue
        if heard.forged:
            refused[IntakeRefusal.NOT_AUTHENTIC] += 1
        if _needs_new_batch(words, heard):
            refused += _store(session, words, root, now_ms, nonce, purses)
            words = _Words()
        _add(words, heard)
    refused += _store(session, words, root, now_ms, nonce, purses)
    store_proven(session, book)
    return refused


def _needs_new_batch(words: _Words, heard: HeardWords) -> bool:
    """Whether what came earlier must be stored first: a sync says what the meter holds after its reports."""
    is_sync = any(isinstance(word, MeterHolds) for word in (*heard.authentic[:1], *heard.unverified[:1]))
    return is_sync and bool(words.reported or words.receipts)


def _add(words: _Words, heard: HeardWords) -> None:
    """Sort the words of one arrival; all of them are of one kind."""
    if heard.unverified:
        words.unverified.append((heard.link, heard.unverified))
    if not heard.authentic:
        return
    match heard.authentic[0]:
        case Status() as status:
            words.statuses.append(status)
        case MeterHolds():
            words.syncs.append(
                (heard.link, [each for each in heard.authentic if isinstance(each, MeterHolds)])
            )
        case Reading():
            for reading in heard.authentic:
                assert isinstance(reading, Reading)
                words.readings.append(reading)
                key = reading.meter, reading.epoch
                if key not in words.spoke:
                    words.spoke[key] = Spoke(heard.link, epoch=reading.epoch)
        case report:
            _add_report(words, report, heard.link)


def _add_report(words: _Words, report: Report, link: str) -> None:
    key = report.meter, report.epoch
    named = 0
    if isinstance(report, Receipt):
        words.receipts.append(report)
    elif isinstance(report, MeterEvent):
        words.events.append(report)
    else:
        if key not in words.reported or words.reported[key].number < report.number:
            words.reported[key] = report
        named = report.number if report.link else 0
    # The newest word that names its link says where the meter is.
    if key not in words.spoke or words.spoke[key].number < named:
        words.spoke[key] = Spoke(link, named, report.epoch)


def _store(
    session: Session, words: _Words, root: RootSent, now_ms: int, nonce: str, purses: PursesHeard
) -> Counter[IntakeRefusal]:
    refused: Counter[IntakeRefusal] = Counter()
    for status in words.statuses:
        if is_present_birth(session, status, nonce):
            register_link(session, status, now_ms)
        else:
            refused[IntakeRefusal.UNKNOWN_EPOCH] += 1
    known = known_meters(session, {meter for meter, _ in words.lives()})
    refused[IntakeRefusal.NOT_ADMITTED] += _keep_admitted(session, words, known, now_ms)
    kept = {meter for meter, _ in words.lives()}
    first_heard = [name for name, meter in known.items() if meter.epoch == NOT_HEARD and name in kept]
    if not _is_one_life_each(words.lives(), known):
        lives = present_lives(session, known, words.of_meters(), nonce)
        refused[IntakeRefusal.UNKNOWN_EPOCH] += words.keep(lambda meter, epoch: lives.get(meter) == epoch)
        known = known_meters(session, {meter for meter, _ in words.spoke})
    for link, holds in words.syncs:
        sync_answer.answer_sync(session, link, holds, root, now_ms)
        for each in holds:
            purses.hear_holdings(each)
    spoke = {meter: each for (meter, _), each in words.spoke.items()}
    if words.syncs:
        known = known_meters(session, spoke)
    new = {*place_meters(session, known, spoke, now_ms), *first_heard}
    sync_answer.welcome(session, new, now_ms)
    refused += store_receipts(session, words.receipts, now_ms)
    _store_events(session, words.events, now_ms)
    _store_readings(session, words.readings, now_ms)
    reported = {meter: each for (meter, _), each in words.reported.items()}
    _store_reported(session, reported, now_ms)
    spoken = reported.keys() | {receipt.meter for receipt in words.receipts}
    if spoken:
        proving.read_back(session, spoken, now_ms)
    credited = {meter: report.totals for meter, report in reported.items() if report.totals}
    proving.credit(session, credited, now_ms)
    for report in reported.values():
        purses.hear_report(report)
    refused[IntakeRefusal.UNVERIFIED] += unverified_words.take(session, words.unverified, root, now_ms)
    return +refused


def _is_one_life_each(heard: Collection[tuple[str, int]], known: Mapping[str, KnownMeter]) -> bool:
    """Whether every meter spoke in one life, and in the one that is known of it: as nearly always."""
    strange = any(meter in known and known[meter].epoch != epoch for meter, epoch in heard)
    return not strange and len({meter for meter, _ in heard}) == len(heard)


def _keep_admitted(session: Session, words: _Words, known: Mapping[str, KnownMeter], now_ms: int) -> int:
    """Drop the words of retired meters, and while admission is closed of meters that are not known.

    Returns how many there were. Of a retired meter it is noted what it reports last.
    """
    named = {meter for meter, _ in words.lives()}
    why = dict.fromkeys(retired_among(session, named), Waits.RETIRED)
    if why:
        note_late(session, [each for (name, _), each in words.reported.items() if name in why], now_ms)
    if (strangers := named - known.keys()) and admission_of(session) is Admission.CLOSED:
        why |= dict.fromkeys(strangers, Waits.NOT_ADMITTED)
    if not why:
        return 0
    links = {meter: spoke.link for (meter, _), spoke in words.spoke.items()}
    links |= {each.meter: link for link, holds in words.syncs for each in holds}
    quarantine(
        session,
        {f"meter/{name}": Waiting(links[name], wait) for name, wait in why.items()},
        now_ms,
    )
    return words.keep(lambda meter, _: meter not in why)


def store_receipts(session: Session, receipts: Sequence[Receipt], now_ms: int) -> Counter[IntakeRefusal]:
    """Store what receipts say of our orders: one of another document with that id says nothing of it."""
    told = proving.told_by(session, receipts)
    by_outcome: dict[tuple[str, DeliveryEvent, str], list[str]] = {}
    for receipt in told.of_our_orders:
        accepted = receipt.verdict is OrderVerdict.ACCEPTED
        event = DeliveryEvent.ACCEPTED if accepted else DeliveryEvent.REFUSED
        by_outcome.setdefault((receipt.order, event, receipt.reason), []).append(receipt.meter)
    for (order_id, event, reason), meters in by_outcome.items():
        for batch in in_batches(meters):
            deliveries.step(session, event, now_ms, order_id=order_id, meters=batch, reason=reason)
    for receipt in told.of_our_orders:
        if isinstance(receipt.known_number, int):
            note_known_number(session, receipt.order, receipt.meter, receipt.known_number)
    number_receipts(session, [(each.number, each.order, each.meter) for each in told.proofs])
    accepted_ones = [each for each in told.of_our_orders if each.verdict is OrderVerdict.ACCEPTED]
    _note_leases(session, [receipt for receipt in accepted_ones if receipt.kind == Kind.LEASE])
    roots: list[tuple[Value, ...]] = [
        (each.rev, each.meter, each.rev) for each in accepted_ones if each.kind == NoOrder.ROOT
    ]
    update_newer(session, "meter", ("root_version",), "root_version", roots)
    return Counter({IntakeRefusal.OTHER_DOCUMENT: told.of_others} if told.of_others else {})


def _note_leases(session: Session, receipts: Sequence[Receipt]) -> None:
    """Store the revision and the end of the leases that these meters have accepted."""
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
            # The meter has signed it all the same, so it is stored unchanged, as "unreadable".
            record = _Columns("unreadable")
        key = each.meter, each.epoch, each.number
        rows.append((*key, each.time_ms, now_ms, record.event, text))
        if record.event == _CLAIM:
            claim = (record.source, record.verdict, record.offset_ms, record.time_ms)
            claims.append((*key, *claim, now_ms))
    note_events(session, events)
    insert_new(session, "meter_event", _EVENT_COLUMNS, rows)
    insert_new(session, "claim", _CLAIM_COLUMNS, claims)


def _store_readings(session: Session, readings: Sequence[Reading], now_ms: int) -> None:
    rows: list[tuple[Value, ...]] = [
        (
            each.meter,
            each.epoch,
            each.number,
            each.time_ms,
            each.energy_wh,
            each.balance_ueur,
            each.supply.value,
            now_ms,
        )
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
    names: tuple[str, ...] = ()
    rows: list[tuple[Value, ...]] = []
    for meter, report in reported.items():
        columns = columns_of_report(report, now_ms)
        # Every report sets the same columns, so the first one names them for all.
        names = names or tuple(columns)
        rows.append((*columns.values(), meter, report.number))
    update_newer(session, "meter", names, "report_number", rows)


def columns_of_report(report: Reported, now_ms: int) -> dict[str, Value]:
    """The columns of its meter's row that a report sets, each with its value."""
    return {
        "supply": report.supply.value,
        "supply_reason": report.reason.value,
        "clock": report.clock.value,
        "earliest_ms": report.earliest_ms,
        "latest_ms": report.latest_ms,
        "estimate_ms": report.time_ms,
        "report_number": report.number,
        "report_journal": report.journal,
        "last_event": report.last_event,
        "oldest_entry": report.oldest_entry,
        "balance_ueur": report.balance_ueur,
        "emergency_ueur": report.emergency_ueur,
        "next_possible_ms": report.next_possible_ms,
        "dispute_nonce": report.dispute_nonce,
        "code": report.code,
        "account": None if report.account is None else _encoder.encode(report.account).decode(),
        "witnesses": _encoder.encode(report.witnesses).decode(),
        "reported_ms": now_ms,
        "last_seen_ms": now_ms,
    }
