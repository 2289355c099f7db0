"""Chooses what a kiosk puts onto the cards of the meters that it serves: where their card was seen last.

It is what a link's sync would be answered with, as far as receipts say what the meter has; besides it the
roots and issuers that it lacks, and a key letter where the generation of the kiosks' keys has changed.
"""

from collections.abc import Collection
from typing import Final

from sqlmodel import Session, col, select

from cardreader.channel.keys import issuer_keys
from cardreader.issuing.kit import kiosk_letter
from controller.database.bulk import in_batches
from controller.database.kiosk_tables import CardMeterRow, KioskRow
from controller.database.tables import MeterRow, OrderRow
from controller.exchange.sync_answer import RootSent, add_shared_deliveries
from controller.exchange.syncing import answer
from controller.kiosks.rules import FIRST_CARD_GENERATION, CardGenerations
from controller.kiosks.store import generations_in, put_documents
from controller.meters.registry import BY_CARD
from controller.orders.active import active_orders
from controller.orders.on_cards import document_name
from protocols.documents.orders import Order

# With the serial number of the card that it is for.
LETTER: Final = "letter/"


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
    generations, changed = generations_in(session), 0
    for batch in in_batches(served):
        add_shared_deliveries(session, batch, now_ms)
        active = active_orders(session, batch)
        rows = session.exec(select(MeterRow).where(col(MeterRow.id).in_(batch))).all()
        for row in sorted(rows, key=lambda each: each.id):
            wanted: dict[str, bytes] = {}
            if row.link == BY_CARD:
                orders = answer(None, active.get(row.id, ()), root.version, now_ms).send
                wanted |= _papers(row, root) | _envelopes(session, orders)
            if generations.newest > FIRST_CARD_GENERATION:
                card = served[row.id].card
                wanted[f"{LETTER}{card}"] = _letter(fleet_key, bytes.fromhex(card), generations)
            changed += put_documents(session, kiosk, row.id, wanted)
    return changed


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
