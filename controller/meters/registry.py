"""Registers links and meters by their own authentic words. A meter is known from the first one on.

A meter is at the link that it names itself, in its newest word that names one: nobody else can move it, and
no word that was recorded earlier.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum, unique
from typing import Final

from msgspec import Struct
from sqlalchemy import update
from sqlmodel import Session, col, select

from controller.database.bulk import Value, in_batches, insert_new
from controller.database.lookup import not_known
from controller.database.tables import LinkRow, MeterRow
from controller.meters.retired import check_in_fleet
from protocols.link.messages import Status


@unique
class LinkState(StrEnum):
    """The state of a link, from its last birth or last will (MQTT 5, 3.1.2.5).

    `unverified`: no authentic birth has come yet, as with a link of an older firmware.
    """

    ONLINE = "online"
    OFFLINE = "offline"
    UNVERIFIED = "unverified"


# The link of meters that only cards reach. No link has such a name, so no topic leads there.
BY_CARD: Final = "card/any"


class KnownMeter(Struct, frozen=True):
    """A registered meter: its link, its life, and the numbers of its newest report and holdings."""

    link: str
    report_number: int
    holds_number: int
    epoch: int


# The life of a meter that a person has admitted and that has said nothing yet: its first word names its own.
NOT_HEARD: Final = -1


class Spoke(Struct, frozen=True, gc=False):
    """Over which link a meter spoke, and in which life.

    `number`: of its word that names this link itself; 0: none names it.
    """

    link: str
    number: int = 0
    epoch: int = 0


def register_link(session: Session, status: Status, now_ms: int) -> None:
    """Store a birth or last will of a link's present life.

    Whatever order they come in, and however often: the latest birth counts, and its last will ends it for
    good. A birth and its will have one number.
    """
    row = session.get(LinkRow, status.link)
    if row is None:
        row = LinkRow(id=status.link, state=LinkState.OFFLINE, sequence=0, meters=0, seen_ms=now_ms)
        row.epoch = status.epoch
    elif row.state == LinkState.UNVERIFIED:
        row.epoch = status.epoch
    elif status.sequence < row.sequence or (
        status.sequence == row.sequence and row.state == LinkState.OFFLINE
    ):
        return
    row.state = LinkState.ONLINE if status.online else LinkState.OFFLINE
    row.sequence, row.meters, row.seen_ms = status.sequence, status.meters, now_ms
    session.add(row)
    session.flush()


def check_known(session: Session, meters: Collection[str]) -> None:
    """Raises RefusedError for meters to which nothing can be delivered: never registered, or retired."""
    known = set(session.exec(select(MeterRow.id).where(col(MeterRow.id).in_(meters))))
    unknown = [meter for meter in meters if meter not in known]
    if unknown:
        raise not_known(session, MeterRow, unknown)
    check_in_fleet(session, meters)


def known_meters(session: Session, meters: Collection[str]) -> dict[str, KnownMeter]:
    """Those of these meters that are registered."""
    found: dict[str, KnownMeter] = {}
    for batch in in_batches(meters):
        query = select(MeterRow).where(col(MeterRow.id).in_(batch))
        columns = (col(getattr(MeterRow, name)) for name in ("id", *KnownMeter.__struct_fields__))
        for name, *rest in session.execute(query.with_only_columns(*columns)):
            found[name] = KnownMeter(*rest)
    return found


def place_meters(
    session: Session, known: Mapping[str, KnownMeter], spoke: Mapping[str, Spoke], now_ms: int
) -> list[str]:
    """Register the meters that are not `known`, each with its link; move those that say so themselves.

    Returns the meters that were not known before.
    """
    moved = {name: word.link for name, word in spoke.items() if name in known and _moves(known[name], word)}
    new = sorted(spoke.keys() - known.keys())
    if moved or new:
        # A meter's row references its link, so a link without a birth so far gets a row too.
        link_rows: list[tuple[Value, ...]] = [
            (link, LinkState.UNVERIFIED.value, 0, 0, now_ms, 0)
            for link in sorted({spoke[meter].link for meter in (*new, *moved)})
        ]
        insert_new(session, "link", ("id", "state", "sequence", "meters", "seen_ms", "epoch"), link_rows)
    for meter, link in moved.items():
        session.execute(update(MeterRow).where(col(MeterRow.id) == meter).values(link=link))
    columns: tuple[str, ...] = ()
    rows: list[tuple[Value, ...]] = []
    for meter in new:
        found = _new_meter(meter, spoke[meter], now_ms)
        columns = tuple(found)
        rows.append(tuple(found.values()))
    insert_new(session, "meter", columns, rows)
    return new


def place_at_cards(session: Session, meter: str, epoch: int, now_ms: int) -> None:
    """Register a meter that has spoken on a card alone; where a link reaches it, that says so itself."""
    row: tuple[Value, ...] = (BY_CARD, LinkState.OFFLINE.value, 0, 0, now_ms, 0)
    insert_new(session, "link", ("id", "state", "sequence", "meters", "seen_ms", "epoch"), [row])
    place_meters(session, {}, {meter: Spoke(BY_CARD, 0, epoch)}, now_ms)


def _moves(known: KnownMeter, word: Spoke) -> bool:
    """Whether a meter's own word names another link, and is newer than all that it has said so far."""
    return word.link != known.link and word.number > max(known.report_number, known.holds_number)


def _new_meter(meter: str, spoke: Spoke, now_ms: int) -> dict[str, Value]:
    """The columns of a new meter's row that may not be NULL; a plain INSERT has no defaults of the ORM."""
    return {
        "id": meter,
        "link": spoke.link,
        "epoch": spoke.epoch,
        "report_number": 0,
        "report_journal": 0,
        "last_event": 0,
        "oldest_entry": 0,
        "holds_number": 0,
        "dispute_nonce": "",
        "code": "",
        "lease_rev": 0,
        "lease_ends_ms": 0,
        "root_version": 0,
        "reading_number": 0,
        "first_seen_ms": now_ms,
        "last_seen_ms": None if spoke.epoch == NOT_HEARD else now_ms,
    }
