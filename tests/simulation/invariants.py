"""What must be true when all has healed; money and effects also on the way. `watch` judges cuts."""

from collections.abc import Iterable, Iterator
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from sqlmodel import Session, col, select

from controller.database.tables import DeliveryRow, EventRow, LinkRow, MeterRow, OrderRow, PaymentRow
from controller.faces.cli import meters as face
from controller.faces.cli.presence import Seen
from controller.meters.black_boxes import boxes_of, missing_of
from controller.meters.registry import LinkState
from controller.meters.views import list_meters
from controller.orders.life import DeliveryState
from controller.service.liveness import ServiceState
from emulator.firmware.credit import has_nothing_left
from emulator.firmware.guarded.clock import earliest_ms, latest_ms
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.journal import read_body
from emulator.links.link import Link
from emulator.links.reporting import ReportingMeter, is_event
from emulator.population.plan import FleetPlan, household_plan
from protocols.documents.bodies import HoldBody, PaymentBody
from protocols.documents.kind_rule import Kind, Silence
from protocols.documents.kinds import KINDS
from protocols.documents.orders import body_of
from protocols.instants import HOUR_MS, SECOND_MS, iso_from_ms
from protocols.link.records import read_record
from protocols.reasons import ClockStatus, Supply
from protocols.units import QUANTA_PER_UEUR, QUANTA_PER_WS_PER_UEUR_KWH, UEUR_PER_EUR
from tests.simulation.book import Book, Page, hold_covers
from tests.simulation.money import has_credited
from tests.simulation.watch import Watch

# More than a household here uses between two readings.
_STALE_UEUR: Final = 60 * UEUR_PER_EUR
_STALE_WH: Final = 100_000
# A day, and two runs of the jobs.
_RENEWED_MS: Final = 28 * HOUR_MS

# How often links may sync while somebody floods them: once a minute each, and at a connect.
_SYNCS_MAX: Final = 14
_PROTECTING: Final = (Kind.HOLD, Kind.SET_FLAG, Kind.RELEASE, Kind.CANCEL_CUT)
_LISTED_IN: Final = ZoneInfo("Europe/Brussels")
_SEEN: Final = Seen(ServiceState.SERVING, None, None)

Meters = dict[str, GuardedMeter]


def purse_is_exact(plan: FleetPlan, name: str, meter: GuardedMeter) -> str | None:
    """To the quantum: balance - emergency drawn = start + payments - energy * price (design §4.3)."""
    credit = meter.point.credit
    spent_mq = credit.energy_mj * credit.price_ueur_per_kwh * QUANTA_PER_WS_PER_UEUR_KWH - credit.carry_mq
    spent_q, rest_mq = divmod(spent_mq, SECOND_MS)
    start_q = household_plan(plan, name).balance_q
    expected_q = start_q + meter.memory.totals.credited_ueur * QUANTA_PER_UEUR - spent_q
    found_q = credit.balance_q - (credit.emergency_limit_q - credit.emergency_left_q)
    if rest_mq or found_q != expected_q:
        return f"{name} has {found_q} quanta; start, payments and register say {expected_q}"
    return None


def missing_protection(book: Book, watch: Watch, meters: Meters, end_ms: int) -> Iterator[str]:
    """Every protecting act of people has reached each meter that it names."""
    for page in book.of(*_PROTECTING):
        if not page.ours or page.lost or watch._is_undone(page, end_ms):
            continue
        if page.order.kind is Kind.HOLD and not hold_covers(page, end_ms, end_ms + 1):
            continue
        for name in meters:
            # The hours of a release were those of the meter that was there.
            is_over = page.order.kind is Kind.RELEASE and page.at_ms < watch.of(name).made_ms
            if page.addresses(name) and not is_over and not has_or_more(watch, name, page):
                yield f"{name} never took {page.order.id} {page.order.object} of {iso_from_ms(page.at_ms)}"


def protects(page: Page) -> bool:
    """Whether somebody waits for this document: it protects a household, or gives it what it has paid."""
    return page.order.kind in (*_PROTECTING, Kind.PAYMENT)


def has_come(watch: Watch, name: str, meter: GuardedMeter, page: Page) -> bool:
    """Whether a document has done what it is there for: what two people countersign is credited."""
    if page.order.kind is Kind.PAYMENT and len(page.keyids) > 1:
        return has_credited(meter, body_of(page.order, PaymentBody))
    return has_or_more(watch, name, page)


def has_or_more(watch: Watch, meter: str, page: Page) -> bool:
    """Whether a meter took this document, or a later one that protects as much."""
    for other, _ in watch.of(meter).pages(page.order.kind):
        if other is page:
            return True
        if (
            other.order.object != page.order.object
            or other.order.rev < page.order.rev
            or other.life < page.life
        ):
            continue
        if page.order.kind is not Kind.HOLD:
            return True
        body, more = body_of(page.order, HoldBody), body_of(other.order, HoldBody)
        if more.from_ms <= body.from_ms and body.until_ms <= more.until_ms:
            return True
    return False


def unpaid(session: Session, payment: str, book: Book, watch: Watch) -> Iterator[str]:
    """A payment that was requested some minutes ago is booked, and its meter has taken the statement."""
    row = session.get(PaymentRow, payment)
    if row is None or row.order_id is None:
        yield f"payment {payment} is not booked in calm weather"
        return
    order = session.get(OrderRow, row.order_id)
    assert order is not None, row.order_id
    page = book.judged(order.id, order.object, order.rev, row.meter)
    if page is None or not has_or_more(watch, row.meter, page):
        yield f"{row.meter} has not taken {row.order_id}, the statement of {payment}, in calm weather"


def untrue_effects(session: Session, book: Book, watch: Watch, meters: Meters) -> Iterator[str]:
    """What the store calls effective has truly come into effect at that meter."""
    kinds = (Kind.HOLD, Kind.SET_FLAG, Kind.RELEASE, Kind.CANCEL_CUT, Kind.PAYMENT)
    query = (
        select(DeliveryRow, OrderRow)
        .join(OrderRow, col(OrderRow.id) == col(DeliveryRow.order_id))
        .where(DeliveryRow.state == DeliveryState.EFFECTIVE, col(OrderRow.kind).in_(kinds))
        .order_by(OrderRow.id, DeliveryRow.meter)
    )
    for delivery, row in session.exec(query):
        page = book.judged(row.id, row.object, row.rev, delivery.meter)
        if page is None or delivery.meter not in meters:
            continue
        if page.order.kind is Kind.PAYMENT:
            body = body_of(page.order, PaymentBody)
            before_ueur = watch.of(delivery.meter).credited_before_ueur
            true = has_credited(meters[delivery.meter], body) or before_ueur >= body.total_ueur
        else:
            true = (
                has_or_more(watch, delivery.meter, page)
                or id(page) in watch.of(delivery.meter).before
                or watch._is_undone(page, page.at_ms + 10**12)
            )
        if not true:
            yield f"{row.id} {row.object} is called effective at {delivery.meter}, which never took it"


def untrue_sendings(session: Session, book: Book) -> Iterator[str]:
    """What the store calls sent, the broker has taken; harm is noted before it is sent."""
    query = (
        select(DeliveryRow.meter, OrderRow.id, OrderRow.kind, OrderRow.digest)
        .join(OrderRow, col(OrderRow.id) == col(DeliveryRow.order_id))
        .where(DeliveryRow.state == DeliveryState.SENT)
        .order_by(OrderRow.id, DeliveryRow.meter)
    )
    for meter, order, kind, digest in session.exec(query):
        lapses = KINDS[Kind(kind)].silence is Silence.LAPSES
        if not lapses and not {(digest, meter), (digest, "")} & book.carried:
            yield f"{order} is called sent to {meter}, and no broker has taken it"


def unlisted(session: Session) -> Iterator[str]:
    """Every meter can be listed, for people and for programs, whatever it has reported."""
    for view in list_meters(session, now_ms=0):
        try:
            face._row(view, _LISTED_IN, view.last_seen_ms or 0)
            face._wide_row(view, _LISTED_IN, _SEEN)
            msgspec.json.encode(face._fields(view, view.witnesses, _SEEN))
        except (ArithmeticError, ValueError, OSError) as error:
            yield f"{view.id} cannot be listed: {error!r}"


def talkative(syncs: int) -> Iterator[str]:
    """A flood makes no link say over and over what its meters hold."""
    if syncs > _SYNCS_MAX:
        yield f"the links synced {syncs} times in ten minutes; at most {_SYNCS_MAX}"


def untrue_lists(session: Session, meters: Meters, links: dict[str, str]) -> Iterator[str]:
    """The lists show who is there, on which link, with which supply."""
    for link in sorted(set(links.values())):
        row = session.get(LinkRow, link)
        if row is None or row.state != LinkState.ONLINE:
            yield f"{link} is online; the list says {'nothing' if row is None else row.state}"
    rows = {row.id: row for row in session.exec(select(MeterRow).order_by(MeterRow.id))}
    for name in sorted(rows.keys() - meters.keys()):
        yield f"{name} does not exist, and is listed"
    for name, meter in meters.items():
        row_ = rows.get(name)
        if row_ is None:
            yield f"{name} is not listed"
        elif row_.link != links[name]:
            yield f"{name} is on {links[name]}; the list says {row_.link}"
        elif abs((row_.balance_ueur or 0) - meter.purse.balance_ueur) > _STALE_UEUR:
            yield f"{name} has {meter.purse.balance_ueur} µ€; the list says {row_.balance_ueur} µ€"
        elif abs((row_.energy_wh or 0) - meter.purse.energy_wh) > _STALE_WH:
            yield f"{name} has drawn {meter.purse.energy_wh} Wh; the list says {row_.energy_wh} Wh"
        elif row_.supply != meter.point.supply:
            yield f"{name} is {meter.point.supply}; the list says {row_.supply}"


def lost_entries(session: Session, links: Iterable[Link]) -> Iterator[str]:
    """Every entry of a black box that concerns the controller is in the store, as the meter wrote it."""
    for link in links:
        for name, meter in link.meters.items():
            yield from _lost_entries(session, name, meter)


def _lost_entries(session: Session, name: str, meter: ReportingMeter) -> Iterator[str]:
    epoch = meter.household.meter.epoch
    query = select(EventRow).where(EventRow.meter == name, EventRow.epoch == epoch)
    stored = {row.number: row.record for row in session.exec(query)}
    entries = {entry.number: read_body(entry.body).record for entry in meter.entries}
    told = {number: record for number, record in entries.items() if is_event(record)}
    for number, record in told.items():
        if number not in stored:
            yield f"{name}: entry {number} is in the black box, and not in the store"
        elif read_record(stored[number]) != record:
            yield f"{name}: entry {number} is another one in the store"
    row = session.get(MeterRow, name)
    if row is None:
        return
    missing = missing_of(boxes_of(session, [(name, epoch)])[name, epoch], row.last_event, row.oldest_entry)
    if missing.asked:
        yield f"{name}: the store waits for {missing.asked}"
    named = {number for first, last in missing.lost for number in range(first, last + 1)}
    if wrong := sorted(named & told.keys()):
        yield f"{name}: entries {wrong} are called lost, and the black box has them"


def trusted(meters: Meters) -> Meters:
    """The meters whose clock is trusted."""
    return {name: meter for name, meter in meters.items() if meter.memory.clock.status is ClockStatus.TRUSTED}


def certain(meters: Meters) -> Meters:
    """Those of them that know the time to the hour: a lie leaves a wide interval for six hours."""
    found: Meters = {}
    for name, meter in trusted(meters).items():
        low_ms, high_ms = (end(meter.memory.clock, meter.tick) for end in (earliest_ms, latest_ms))
        if low_ms is not None and high_ms is not None and high_ms - low_ms < HOUR_MS:
            found[name] = meter
    return found


def stale_leases(watch: Watch, meters: Meters, now_ms: int) -> Iterator[str]:
    """Whoever can be reached has a lease of the last day."""
    for name in trusted(meters):
        last_ms = max((page.at_ms for page, _ in watch.of(name).pages(Kind.LEASE)), default=0)
        if now_ms - last_ms > _RENEWED_MS:
            yield f"{name} has its last lease from {iso_from_ms(last_ms)}"


def late(book: Book, watch: Watch, meters: Meters) -> Iterator[str]:
    """Whoever can be reached has the release that was signed five minutes ago."""
    release = max(book.of(Kind.RELEASE), key=lambda page: page.at_ms)
    for name in meters:
        if not watch.of(name).has(release):
            yield f"{name} has not taken {release.order.id} {release.order.object}"


def owing(meters: Meters) -> set[str]:
    """The meters with nothing left; what they owe only grows until somebody pays."""
    return {name for name, meter in meters.items() if has_nothing_left(meter.point.credit)}


def still_supplied(watch: Watch, meters: Meters, owed: set[str], window_ms: tuple[int, int]) -> Iterator[str]:
    """Whoever owed through the whole window, and whom nothing protected in it, is off at its end."""
    for name in sorted(owed):
        meter = meters[name]
        leases: list[Page] = [page for page, _ in watch.of(name).pages(Kind.LEASE)][-1:]
        if any(watch.forbids(name, *window_ms, leases, to=Supply.OFF, meter=meter)):
            continue
        if meter.point.supply is Supply.ON:
            status = "" if meter.memory.clock.status is ClockStatus.TRUSTED else " (clock not trusted)"
            yield f"{name} owes, nothing protects it, and it has supply after a whole window{status}"
