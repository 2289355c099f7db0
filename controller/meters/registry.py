"""Links and meters as they make themselves known. A meter is known from its first message on."""

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
    """As a link's last birth or will has left it."""

    ONLINE = "online"
    OFFLINE = "offline"


def register_link(session: Session, status: Status, now_ms: int) -> None:
    """A link's birth or last will. An older birth's will, which comes late, is no news."""
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
    """Raises RefusedError for meters that have never made themselves known: nothing could be delivered."""
    known = set(session.exec(select(MeterRow.id).where(col(MeterRow.id).in_(meters))))
    unknown = [meter for meter in meters if meter not in known]
    if unknown:
        raise not_known(MeterRow, unknown)


def register_meters(session: Session, links: Mapping[str, str], now_ms: int) -> list[str]:
    """Make meters (meter to link) known, or move them to the link they now speak through.

    Returns those that were not known before.
    """
    known: dict[str, str] = {}
    for some in in_batches(links):
        known |= dict(
            iter(session.exec(select(MeterRow.id, MeterRow.link).where(col(MeterRow.id).in_(some))))
        )
    moved = {meter: link for meter, link in links.items() if meter in known and known[meter] != link}
    new = sorted(links.keys() - known.keys())
    if moved or new:
        # A link that has not said its birth is known all the same: its meters must hang on something.
        names: list[tuple[Value, ...]] = [
            (link, LinkState.ONLINE.value, 0, 0, now_ms)
            for link in sorted({links[meter] for meter in (*new, *moved)})
        ]
        insert_new(session, "link", ("id", "state", "sequence", "meters", "seen_ms"), names)
    for meter, link in moved.items():
        session.execute(update(MeterRow).where(col(MeterRow.id) == meter).values(link=link))
    rows: list[tuple[Value, ...]] = [
        (meter, links[meter], 0, 0, "", "", 0, 0, 0, 0, now_ms, now_ms) for meter in new
    ]
    insert_new(session, "meter", _NEW_METER, rows)
    return new


_NEW_METER = (
    "id",
    "link",
    "report_number",
    "report_journal",
    "dispute_nonce",
    "code",
    "lease_rev",
    "lease_ends_ms",
    "root_version",
    "reading_number",
    "first_seen_ms",
    "last_seen_ms",
)
