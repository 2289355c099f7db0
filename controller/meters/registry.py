"""Registers links and meters by what they send. A meter is known from its first message on."""

from collections.abc import Collection, Mapping
from enum import StrEnum, unique

from sqlalchemy import update
from sqlmodel import Session, col, select

from controller.database.bulk import Value, in_batches, insert_new
from controller.database.lookup import not_known
from controller.database.tables import LinkRow, MeterRow
from protocols.link.messages import Status


@unique
class LinkState(StrEnum):
    """The state of a link, from its last birth or last will (MQTT 5, 3.1.2.5)."""

    ONLINE = "online"
    OFFLINE = "offline"


def register_link(session: Session, status: Status, now_ms: int) -> None:
    """Store a link's birth or last will. The late will of an earlier birth is ignored."""
    row = session.get(LinkRow, status.link)
    if row is None:
        row = LinkRow(id=status.link, state=LinkState.OFFLINE, sequence=0, meters=0, seen_ms=now_ms)
    elif status.sequence < row.sequence:
        return
    row.state = LinkState.ONLINE if status.online else LinkState.OFFLINE
    row.sequence, row.meters, row.seen_ms = status.sequence, status.meters, now_ms
    session.add(row)
    session.flush()


def check_known(session: Session, meters: Collection[str]) -> None:
    """Raises RefusedError for meters that were never registered: nothing could be delivered to them."""
    known = set(session.exec(select(MeterRow.id).where(col(MeterRow.id).in_(meters))))
    unknown = [meter for meter in meters if meter not in known]
    if unknown:
        raise not_known(MeterRow, unknown)


def register_meters(session: Session, links: Mapping[str, str], now_ms: int) -> list[str]:
    """Register meters, each with its link, or move a known meter to its new link.

    Returns the meters that were not known before.
    """
    known: dict[str, str] = {}
    for batch in in_batches(links):
        known |= dict(
            iter(session.exec(select(MeterRow.id, MeterRow.link).where(col(MeterRow.id).in_(batch))))
        )
    moved = {meter: link for meter, link in links.items() if meter in known and known[meter] != link}
    new = sorted(links.keys() - known.keys())
    if moved or new:
        # A meter's row references its link, so a link without a birth so far gets a row too.
        link_rows: list[tuple[Value, ...]] = [
            (link, LinkState.ONLINE.value, 0, 0, now_ms)
            for link in sorted({links[meter] for meter in (*new, *moved)})
        ]
        insert_new(session, "link", ("id", "state", "sequence", "meters", "seen_ms"), link_rows)
    for meter, link in moved.items():
        session.execute(update(MeterRow).where(col(MeterRow.id) == meter).values(link=link))
    columns: tuple[str, ...] = ()
    rows: list[tuple[Value, ...]] = []
    for meter in new:
        found = _new_meter(meter, links[meter], now_ms)
        columns = tuple(found)
        rows.append(tuple(found.values()))
    insert_new(session, "meter", columns, rows)
    return new


def _new_meter(meter: str, link: str, now_ms: int) -> dict[str, Value]:
    """The columns of a new meter's row that may not be NULL; a plain INSERT has no defaults of the ORM."""
    return {
        "id": meter,
        "link": link,
        "report_number": 0,
        "report_journal": 0,
        "dispute_nonce": "",
        "code": "",
        "lease_rev": 0,
        "lease_ends_ms": 0,
        "root_version": 0,
        "reading_number": 0,
        "first_seen_ms": now_ms,
        "last_seen_ms": now_ms,
    }
