"""The lives of meters and links: in which one their numbers are counted (design §5).

A meter that is made anew under its old id begins again with its numbers, in a new life, its *epoch*. A word
of a life that the store does not know counts only if it echoes the nonce of the controller's present birth:
then it was made just now, and is no recording. It ends the life before it for good, so that no recording of
that one can come back.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import update
from sqlmodel import Session, col, select

from controller.database.bulk import in_batches, insert_new
from controller.database.tables import ClosedRow, DeliveryRow, LinkRow, MeterRow


def closed_lives(session: Session, names: Collection[str]) -> set[tuple[str, int]]:
    """The lives that are over, of these names (`meter/ID`, `link/ID`)."""
    found: set[tuple[str, int]] = set()
    for batch in in_batches(names):
        query = select(ClosedRow.name, ClosedRow.epoch).where(col(ClosedRow.name).in_(batch))
        found |= {(name, epoch) for name, epoch in session.exec(query)}
    return found


def begin_meter_lives(session: Session, lives: Mapping[str, tuple[int, int]]) -> None:
    """End the life of each of these meters, and begin another: `(before, now)`.

    What the meter has is not known any more: its next holdings say it. No receipt of before proves anything.
    """
    if not lives:
        return
    rows = [
        {
            "id": meter,
            "epoch": now,
            "report_number": 0,
            "report_journal": 0,
            "last_event": 0,
            "oldest_entry": 0,
            "holds_number": 0,
            "reading_number": 0,
            "lease_rev": 0,
            "lease_ends_ms": 0,
            "root_version": 0,
            "dispute_nonce": "",
            "witnesses": None,
            "account": None,
        }
        for meter, (_, now) in lives.items()
    ]
    session.execute(update(MeterRow), rows)
    for batch in in_batches(lives):
        session.execute(
            update(DeliveryRow).where(col(DeliveryRow.meter).in_(batch)).values(receipt_number=None)
        )
    _close(session, {f"meter/{meter}": before for meter, (before, _) in lives.items()})


def begin_link_life(session: Session, link: str, before: int, now: int) -> None:
    """End the life of a link, and begin another: its births are counted anew."""
    session.execute(update(LinkRow).where(col(LinkRow.id) == link).values(epoch=now, sequence=0))
    _close(session, {f"link/{link}": before})


def _close(session: Session, lives: Mapping[str, int]) -> None:
    insert_new(session, "closed", ("name", "epoch"), list(lives.items()))
