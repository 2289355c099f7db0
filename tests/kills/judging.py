"""What must hold after the kills, by the fleet's own black boxes, its memories, the store, and truth."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct
from sqlmodel import Session, select

from controller.database.tables import DeliveryRow, EventRow, MeterRow, OrderRow
from controller.meters.black_boxes import boxes_of, missing_of
from controller.orders.life import DeliveryState
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.links.reporting import is_event
from emulator.population.plan import FleetPlan
from protocols.documents.bodies import HoldBody
from protocols.documents.envelope import read_envelope
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, body_of, read_order
from protocols.instants import iso_from_ms
from protocols.link.records import OrderJudged, SupplyChanged, read_record
from protocols.reasons import Did, OrderVerdict, Supply
from tests.kills.black_boxes import BlackBoxes, Cut, Written, cuts_of
from tests.simulation import invariants
from tests.simulation.money import Paid, Till, lost

# A second's warning, less a crystal's drift and a step of the meter's main loop.
_WARNED_TICKS_MIN: Final = 998

# What must be *effective* where it is not superseded; of anything else it is enough that a meter stores it.
EFFECTIVE: Final = (Kind.RELEASE, Kind.SET_FLAG, Kind.PAYMENT)
_DONE: Final = (DeliveryState.EFFECTIVE, DeliveryState.SUPERSEDED)
_THERE: Final = (*_DONE, DeliveryState.STORED)

Windows = Sequence[tuple[int, int]]


class Facts(Struct, frozen=True):
    """What people did. `flagged`: protected before the first window; `released`: orders, by meter."""

    windows_ms: Windows
    flagged: tuple[str, ...]
    released: dict[str, list[str]]
    paid: tuple[Paid, ...]


class Found(Struct):
    """What a run has shown."""

    wrong: list[str]
    cuts: int = 0
    wrong_cuts: int = 0
    entries: int = 0
    missing: int = 0


def judge(
    session: Session, boxes: BlackBoxes, meters: dict[str, GuardedMeter], plan: FleetPlan, facts: Facts
) -> Found:
    """Everything that did not hold, in words; and how much was looked at."""
    found = Found([])
    orders = {
        row.id: read_order(read_envelope(row.envelope).payload) for row in session.exec(select(OrderRow))
    }
    for name in sorted(meters):
        written = boxes.of(name)
        for cut in cuts_of(name, written):
            found.cuts += 1
            why = list(wrong_cut(cut, orders, facts))
            found.wrong_cuts += bool(why)
            found.wrong += (f"WRONG CUT {name} entry {cut.written.number}: {each}" for each in why)
        found.wrong += releases(name, written, facts.released.get(name, ()))
        missing = list(missing_entries(session, name, written))
        found.entries += sum(is_event(each.record) for each in written)
        found.missing += len(missing)
        found.wrong += missing
    exact = (invariants.purse_is_exact(plan, *each) for each in meters.items())
    found.wrong += (each for each in exact if each is not None)
    till = Till({str(number): each for number, each in enumerate(facts.paid)})
    found.wrong += lost(till, dict.fromkeys(meters, 0), session, meters)
    found.wrong += undelivered(session)
    return found


def wrong_cut(cut: Cut, orders: dict[str, Order], facts: Facts) -> Iterator[str]:
    """Why a cut was wrong."""
    verdict = cut.verdict
    if verdict is None:
        yield "the gate was not asked"
        return
    interval = verdict.question.interval
    earliest_ms, latest_ms = interval.earliest_ms, interval.latest_ms
    if latest_ms is None:
        yield "the meter did not know the time"
        return
    said = f"{iso_from_ms(earliest_ms)} to {iso_from_ms(latest_ms)}"
    if not any(begin <= earliest_ms and latest_ms < end for begin, end in facts.windows_ms):
        yield f"in no window: {said}"
    if cut.written.seen_ms < earliest_ms:
        yield f"the meter's clock is ahead: {said}, and it stood there at {iso_from_ms(cut.written.seen_ms)}"
    if cut.meter in facts.flagged:
        yield "its household is flagged"
    if cut.warned_ticks is None or cut.warned_ticks < _WARNED_TICKS_MIN:
        yield f"warned of it {cut.warned_ticks} ms before"
    if not verdict.question.evidence.nothing_left:
        yield "there is credit left"
    for name in sorted(cut.taken & orders.keys()):
        order = orders[name]
        match order.kind:
            case Kind.RELEASE | Kind.SET_FLAG:
                yield f"{name} {order.object} stands"
            case Kind.HOLD:
                body = body_of(order, HoldBody)
                if body.from_ms <= latest_ms and earliest_ms < body.until_ms:
                    yield f"{name} {order.object} stands"
            case _:
                continue


def releases(meter: str, written: Iterable[Written], ordered: Iterable[str]) -> Iterator[str]:
    """Each release was carried out exactly once, and whoever was released has supply."""
    done: list[str] = []
    supply = Supply.ON
    for each in written:
        match each.record:
            case OrderJudged(kind=Kind.RELEASE, verdict=OrderVerdict.ACCEPTED, order=order, reason=reason):
                if reason != Did.REPEATED:
                    done.append(order)
            case SupplyChanged(after=supply):
                continue
            case _:
                continue
    for order in ordered:
        if done.count(order) != 1:
            yield f"{meter} has carried out release {order} {done.count(order)} times"
        if supply not in (Supply.ON, Supply.ARMED):
            yield f"{meter} was released by {order}, and is {supply}"


def missing_entries(session: Session, meter: str, written: Iterable[Written]) -> Iterator[str]:
    """Every entry that concerns the controller is in its store as the meter wrote it, and no other is."""
    row = session.get(MeterRow, meter)
    if row is None:
        yield f"{meter} is not known"
        return
    query = select(EventRow).where(EventRow.meter == meter, EventRow.epoch == row.epoch)
    stored = {each.number: each.record for each in session.exec(query)}
    told = {each.number: each.record for each in written if is_event(each.record)}
    for number in sorted(told.keys() - stored.keys()):
        yield f"MISSING {meter} entry {number}: {told[number]}"
    for number, text in sorted(stored.items()):
        if number not in told:
            yield f"{meter} entry {number} is in the store, and in no black box: {text}"
        elif read_record(text) != told[number]:
            yield f"{meter} entry {number} is another one in the store: {text}"
    box = boxes_of(session, [(meter, row.epoch)])[meter, row.epoch]
    missing = missing_of(box, row.last_event, row.oldest_entry)
    if missing.asked or missing.lost:
        yield f"{meter}: the store waits for {missing.asked}, and calls lost {missing.lost}"


def undelivered(session: Session, kinds: Sequence[Kind] = EFFECTIVE) -> Iterator[str]:
    """Orders of these kinds that have not arrived at each meter that they name; or that there are none."""
    for kind in kinds:
        rows = session.exec(select(OrderRow).where(OrderRow.kind == kind).order_by(OrderRow.id)).all()
        if not rows:
            yield f"no {kind}"
        for order in rows:
            for delivery in session.exec(select(DeliveryRow).where(DeliveryRow.order_id == order.id)):
                if delivery.state not in (_DONE if kind in EFFECTIVE else _THERE):
                    yield f"{order.id} {order.object} is {delivery.state} at {delivery.meter}"
