"""What a kiosk has given back by a later statement: it is in the ledger, and no household has paid it.

Two signed words say so together: a statement with a higher number and a lower total, and the receipt of the
void. One alone does not: a store that was put back numbers its statements anew, and a receipt may be of a
payment that no statement carries.
"""

from collections import defaultdict

from sqlmodel import Session, col, select

from controller.database.kiosk_tables import KioskReceiptRow, KioskRow, KioskStatementRow
from controller.kiosks.rules import StatementStanding, given_back_ueur
from controller.payments.store import mark_voided
from protocols.documents.envelope import read_envelope
from protocols.documents.statements import Statement
from protocols.documents.till_receipts import TillDeed, read_till_receipt


def settle_voids(session: Session, kiosk: KioskRow, meter: str, now_ms: int) -> None:
    """Mark in the ledger what a kiosk has given back of its payments to a meter; again changes nothing."""
    query = select(KioskStatementRow).where(
        KioskStatementRow.kiosk == kiosk.id,
        KioskStatementRow.meter == meter,
        KioskStatementRow.standing == StatementStanding.BOOKED,
    )
    stated: dict[int, list[Statement]] = defaultdict(list)
    for row in session.exec(query):
        stated[row.epoch].append(Statement(row.issuer, row.number, row.total_ueur, row.epoch))
    voided_ueur = _voided_ueur(session, kiosk.id, meter) if any(map(_falls, stated.values())) else {}
    for epoch, statements in stated.items():
        given_ueur = given_back_ueur(statements, voided_ueur.get(epoch, 0))
        mark_voided(session, meter, kiosk.office, epoch, given_ueur, now_ms)


def _falls(statements: list[Statement]) -> bool:
    return given_back_ueur(statements, max(each.total_ueur for each in statements)) > 0


def _voided_ueur(session: Session, kiosk: str, meter: str) -> dict[int, int]:
    """By epoch, what receipts say was given back of what statements had carried; of each payment once."""
    query = select(KioskReceiptRow.envelope).where(
        KioskReceiptRow.kiosk == kiosk,
        KioskReceiptRow.meter == meter,
        col(KioskReceiptRow.deed) == TillDeed.VOIDED,
    )
    said = [read_till_receipt(read_envelope(each).payload) for each in session.exec(query)]
    given = {(each.epoch, each.payment, each.amount_ueur) for each in said if each.number}
    found: dict[int, int] = defaultdict(int)
    for epoch, _, amount_ueur in given:
        found[epoch] += amount_ueur
    return found
