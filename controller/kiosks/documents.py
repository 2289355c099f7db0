"""Chooses what a kiosk puts onto cards: of the meters whose card was seen there last, and of its areas.

It is what a link's sync would be answered with, as far as receipts say what the meter has; besides it the
roots and issuers that it lacks, and a key letter where the generation of the kiosks' keys has changed.
"""

from collections.abc import Collection, Sequence
from typing import Final

from sqlmodel import Session, col, select

from cardreader.channel.keys import issuer_keys
from cardreader.issuing.kit import kiosk_letter
from controller.database.bulk import in_batches
from controller.database.kiosk_tables import CardMeterRow, KioskDocumentRow, KioskRow
from controller.database.tables import MeterRow, OrderRow
from controller.exchange.sync_answer import RootSent, add_shared_deliveries
from controller.exchange.syncing import answer
from controller.kiosks.areas import meters_in_areas
from controller.kiosks.rules import FIRST_CARD_GENERATION, CardGenerations
from controller.kiosks.store import generations_in, put_documents
from controller.meters.registry import BY_CARD
from controller.orders.active import active_orders
from controller.orders.life import ActiveOrder, DeliveryState, OrderState
from controller.orders.on_cards import document_name
from controller.orders.store import order_of
from protocols.documents.orders import Order

# With the serial number of the card that it is for.
LETTER: Final = "letter/"
# The version of the root of a founding, with which meters are made.
FIRST_ROOT: Final = 1


def refresh_documents(
    session: Session,
    kiosk: KioskRow,
    fleet_key: bytes,
    root: RootSent,
    now_ms: int,
    meters: Collection[str] | None = None,
) -> int:
    """Choose anew for all meters that a kiosk serves, or for these; returns how many documents changed."""
    query = select(CardMeterRow).where(CardMeterRow.kiosk == kiosk.id)
    served = {row.meter: row for row in session.exec(query) if meters is None or row.meter in meters}
    near = meters_in_areas(session, kiosk).spoke if meters is None else {}
    generations, changed = generations_in(session), 0
    for batch in in_batches([*served, *(meter for meter, spoke in near.items() if spoke)]):
        add_shared_deliveries(session, batch, now_ms)
        active = active_orders(session, batch)
        rows = session.exec(select(MeterRow).where(col(MeterRow.id).in_(batch))).all()
        for row in sorted(rows, key=lambda each: each.id):
            wanted: dict[str, bytes] = {}
            if row.link == BY_CARD:
                orders = answer(None, active.get(row.id, ()), root.version, now_ms).send
                wanted |= _papers(row, root) | _envelopes(session, orders)
            if generations.newest > FIRST_CARD_GENERATION and row.id in served:
                card = served[row.id].card
                wanted[f"{LETTER}{card}"] = _letter(fleet_key, bytes.fromhex(card), generations)
            changed += put_documents(session, kiosk, row.id, wanted)
    if meters is None:
        silent = [meter for meter, spoke in near.items() if not spoke]
        changed += _for_the_silent(session, kiosk, silent, root, now_ms)
        changed += _forget_others(session, kiosk, served.keys() | near.keys())
    return changed


def _for_the_silent(
    session: Session, kiosk: KioskRow, meters: Sequence[str], root: RootSent, now_ms: int
) -> int:
    """For meters that never spoke: what is for the whole fleet, and the roots since the first one."""
    if not meters:
        return 0
    query = select(OrderRow).where(OrderRow.state == OrderState.ACTIVE)
    orders = [order_of(row) for row in session.exec(query.order_by(OrderRow.id))]
    active = [ActiveOrder(order, DeliveryState.QUEUED) for order in orders if order.scope.fleet]
    wanted = _envelopes(session, answer(None, active, root.version, now_ms).send)
    if root.version > FIRST_ROOT:
        steps = root.steps_from(FIRST_ROOT)
        wanted |= {f"root/{place}" if place else "root": each for place, each in enumerate(steps)}
    if root.issuers is not None:
        wanted["issuers"] = root.issuers.envelope
    return sum(put_documents(session, kiosk, meter, wanted) for meter in meters)


def _forget_others(session: Session, kiosk: KioskRow, wanted: Collection[str]) -> int:
    """Nothing more is kept for a meter whose card was seen elsewhere since, outside the kiosk's areas."""
    query = select(KioskDocumentRow.meter).where(
        KioskDocumentRow.kiosk == kiosk.id, KioskDocumentRow.digest != ""
    )
    others = sorted(set(session.exec(query.distinct())) - set(wanted))
    return sum(put_documents(session, kiosk, meter, {}) for meter in others)


def _papers(row: MeterRow, root: RootSent) -> dict[str, bytes]:
    """The roots and the issuers document that a meter lacks."""
    found: dict[str, bytes] = {}
    if row.root_version < root.version:
        for place, envelope in enumerate(root.steps_from(row.root_version)):
            found[f"root/{place}" if place else "root"] = envelope
    held = row.issuers_version
    if root.issuers is not None and held is not None and 0 <= held < root.issuers.issuers.version:
        found["issuers"] = root.issuers.envelope
    return found


def _envelopes(session: Session, orders: Collection[Order]) -> dict[str, bytes]:
    by_id = {order.id: document_name(order) for order in orders}
    rows = session.exec(select(OrderRow).where(col(OrderRow.id).in_(list(by_id)))).all()
    return {by_id[row.id]: row.envelope for row in rows}


def _letter(fleet_key: bytes, serial: bytes, generations: CardGenerations) -> bytes:
    """The newest kiosk's keys for one card, which shut out the generations that shall be."""
    letter = kiosk_letter(fleet_key, serial, generations.letter, generations.newest, generations.shut)
    return letter.seal(issuer_keys(fleet_key, serial).static.dek)
