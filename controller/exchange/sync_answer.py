"""Answers a link's sync: queues what each of its meters lacks (design §5).

`exchange.syncing` decides; this module loads the facts and stores the decision, in one transaction.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import update
from sqlmodel import Session, col, select

from controller.database.bulk import in_batches
from controller.database.tables import DeliveryRow, MeterRow, OrderRow
from controller.exchange import proving
from controller.exchange.syncing import Answer, answer
from controller.meters.registry import KnownMeter, Spoke, known_meters, place_meters
from controller.office import audit
from controller.office.audit import AuditAct
from controller.office.issuers_store import IssuersSealed
from controller.office.root_chain import RootChain
from controller.orders import deliveries
from controller.orders.active import active_orders
from controller.orders.life import DeliveryEvent, DeliveryState, OrderState
from controller.orders.numbering import note_held, numbers_held
from controller.orders.outbox import enqueue_missing, enqueue_root
from controller.orders.reaching import FLEET_SCOPE, add_group_deliveries
from controller.orders.sending import requeue
from controller.orders.store import active_for_groups
from controller.orders.superseding import is_sent_again, sending_key
from protocols.documents.orders import Order
from protocols.link.messages import MeterHolds


class RootSent(Struct, frozen=True):
    """The version of the root in force, and its signed envelope as it is sent to meters.

    `issuers`: the issuers document in force, which is sent alike; None where there is none. `chain`: the
    roots before it, for meters that have missed some; None where nobody knows them.
    """

    version: int
    envelope: bytes
    issuers: IssuersSealed | None = None
    chain: RootChain | None = None

    def steps_from(self, version: int) -> tuple[bytes, ...]:
        """The roots that a meter lacks which holds this version, in the sequence of sending."""
        return (self.envelope,) if self.chain is None else self.chain.steps_from(version)


def answer_sync(
    session: Session, link: str, holds: Sequence[MeterHolds], root: RootSent, now_ms: int
) -> None:
    """Register the meters of an authentic sync, store what they say of themselves, and queue what they lack.

    What is not newer than a meter's last holdings is a repetition, and changes nothing.
    """
    known = known_meters(session, [each.meter for each in holds])
    said = {
        each.meter: each
        for each in holds
        if each.meter not in known or each.number > known[each.meter].holds_number
    }
    spoke = {name: Spoke(link, each.number, each.epoch) for name, each in said.items()}
    place_meters(session, known, spoke, now_ms)
    _store_holds(session, known, said.values(), now_ms)
    note_held(session, {name: numbers_held(each) for name, each in said.items()})
    add_shared_deliveries(session, said.keys(), now_ms)
    active = active_orders(session, said.keys())
    issuers_version = 0 if root.issuers is None else root.issuers.issuers.version
    answers = {
        name: answer(holding, active.get(name, ()), root.version, now_ms, issuers_version)
        for name, holding in said.items()
    }
    _note_held(session, answers, now_ms)
    proving.credit(session, {name: each.statements for name, each in said.items()}, now_ms)
    roots = {name: said[name].root_version for name, found in answers.items() if found.root}
    send_answers(session, link, answers, roots, root, now_ms)


def note_card_holdings(session: Session, holds: MeterHolds, root: RootSent, now_ms: int) -> None:
    """Store what a meter holds that says it on a card; what it lacks goes onto its next card.

    The words on cards have a count of their own: their numbers are none of a link's.
    """
    unnumbered = replace(holds, number=0)
    _store_holds(session, {}, [unnumbered], now_ms)
    note_held(session, {holds.meter: numbers_held(holds)})
    add_shared_deliveries(session, [holds.meter], now_ms)
    active = active_orders(session, [holds.meter]).get(holds.meter, ())
    _note_held(session, {holds.meter: answer(holds, active, root.version, now_ms)}, now_ms)
    proving.credit(session, {holds.meter: holds.statements}, now_ms)


def _note_held(session: Session, answers: Mapping[str, Answer], now_ms: int) -> None:
    held: dict[str, list[str]] = {}
    for meter, found in answers.items():
        for order in found.held:
            held.setdefault(order.id, []).append(meter)
    for order_id, meters in held.items():
        for batch in in_batches(meters):
            deliveries.step(session, DeliveryEvent.HELD, now_ms, order_id=order_id, meters=batch)


def send_answers(
    session: Session,
    link: str,
    answers: Mapping[str, Answer],
    roots: Mapping[str, int],
    root: RootSent,
    now_ms: int,
) -> None:
    """Queue what these meters of a link lack; `roots`: those that lack a root, and the version they hold."""
    send: dict[str, tuple[Order, list[str]]] = {}
    unproven: dict[str, tuple[Order, list[str]]] = {}
    for meter, found in answers.items():
        for orders, chosen in ((found.send, send), (found.unproven, unproven)):
            for order in orders:
                chosen.setdefault(order.id, (order, []))[1].append(meter)
    for version in sorted(set(roots.values())):
        meters = [name for name, held in roots.items() if held == version]
        # One after another, and before the orders, which the last of them lets pass.
        for envelope in root.steps_from(version):
            enqueue_root(session, envelope, meters, link)
    if root.issuers is not None:
        # Before any statement: a meter takes none of an issuer or epoch that it does not know.
        lacking = [name for name, found in answers.items() if found.issuers]
        enqueue_root(session, root.issuers.envelope, lacking, link)
    for order, meters in unproven.values():
        # The meter has it: its delivery stays stored, and the receipt for this copy will name the document.
        enqueue_missing(session, order, meters, now_ms)
    _send(session, list(send.values()), now_ms)
    sent = sum(len(meters) for _, meters in send.values())
    if sent or roots:
        counts = {"orders": sent, "roots": len(roots)}
        audit.record(session, now_ms, audit.SERVICE, AuditAct.ANSWER_SYNC, link, **counts)


def welcome(session: Session, meters: Collection[str], now_ms: int) -> None:
    """Queue all orders that may be sent again for meters that became known by a report, not by a sync."""
    if not meters:
        return
    add_shared_deliveries(session, meters, now_ms)
    by_order: dict[str, tuple[Order, list[str]]] = {}
    for meter, active in active_orders(session, meters).items():
        for each in active:
            if is_sent_again(each.order) and each.state is DeliveryState.QUEUED:
                by_order.setdefault(each.order.id, (each.order, []))[1].append(meter)
    _send(session, list(by_order.values()), now_ms)


def add_shared_deliveries(session: Session, meters: Collection[str], now_ms: int) -> None:
    """Add deliveries of the active orders of fleet and groups for meters that joined after the approval."""
    add_group_deliveries(session, active_for_groups(session), meters, now_ms)
    fleet = select(OrderRow).where(OrderRow.state == OrderState.ACTIVE, OrderRow.scope == FLEET_SCOPE)
    for row in session.exec(fleet).all():
        for batch in in_batches(meters):
            have = set(
                session.exec(
                    select(DeliveryRow.meter).where(
                        DeliveryRow.order_id == row.id, col(DeliveryRow.meter).in_(batch)
                    )
                )
            )
            deliveries.add_deliveries(session, row.id, set(batch) - have, now_ms)


def _send(session: Session, found: Sequence[tuple[Order, list[str]]], now_ms: int) -> None:
    """Queue order by order, in the sequence of the kinds: a meter gets a lease after all that it names."""
    for order, meters in sorted(found, key=lambda each: sending_key(each[0])):
        requeue(session, order, meters, now_ms)


def _store_holds(
    session: Session, known: Mapping[str, KnownMeter], holds: Iterable[MeterHolds], now_ms: int
) -> None:
    rows: list[dict[str, Any]] = []
    states: list[dict[str, Any]] = []
    for each in holds:
        rows.append(
            {
                "id": each.meter,
                "energy": each.energy,
                "firmware": each.firmware,
                "profile": each.profile,
                "lease_rev": each.lease_rev,
                "lease_ends_ms": each.lease_ends_ms,
                "root_version": each.root_version,
                "issuers_version": each.issuers_version if isinstance(each.issuers_version, int) else -1,
                "holds_number": each.number,
                "claimed": None,
                "synced_ms": now_ms,
                "last_seen_ms": now_ms,
            }
        )
        # A report that was made later has said it better.
        if each.meter not in known or each.number > known[each.meter].report_number:
            states.append({"id": each.meter, "supply": each.supply, "clock": each.clock})
    for found in (rows, states):
        if found:
            session.execute(update(MeterRow), found)
