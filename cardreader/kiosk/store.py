"""A kiosk's store: a SQLite file in WAL mode, beside the commands and the screen that share it.

`reading` sees one state; `writing` is one transaction, which takes the lock when it begins. A commit is on
the disk (synchronous=FULL): only then is a household told that it has paid. The functions below are for the
line to the controller and for who serves cards.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlmodel import Session, col, create_engine, select

from cardreader.kiosk.rules import Moment
from cardreader.kiosk.schema import lead_to_schema
from cardreader.kiosk.tables import (
    WAITING,
    CardDocumentRow,
    MarkRow,
    MeterAskRow,
    OutgoingRow,
    UpChannel,
)
from protocols.errors import InputError, UnreachableError

# How long a writer waits for another one, such as the screen for the line.
_BUSY_MS: Final = 10_000
ASKS_KEPT: Final = 2
# How the objects of answers to asks begin.
TIME: Final = "time/"
# Which key has used the store: so many hex digits of its id, as a mark can hold.
_OWNER: Final = "owner"
_OWNER_DIGITS: Final = 12
_HEARD: Final = ("heard/wall_ms", "heard/tick_ms", "heard/boot")
_BEGUN: Final = ("begun/wall_ms", "begun/tick_ms", "begun/boot")


def open_kiosk_store(path: Path) -> Engine:
    """The store in this file, which is made where there is none.

    Raises InputError for a file that is no store of a kiosk, or of a later version; UnreachableError where
    another program holds it, or the disk takes nothing.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path}: cannot be made: no such folder")
    engine = create_engine(URL.create("sqlite", database=str(path)))
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        with engine.execution_options(relance_writes=True).begin() as connection:
            lead_to_schema(connection, path)
    except OperationalError as error:
        engine.dispose()
        raise UnreachableError(f"{path}: {_first_line(error)}") from None
    except DatabaseError as error:
        engine.dispose()
        raise InputError(f"{path}: no store of a kiosk: {_first_line(error)}") from None
    except InputError:
        engine.dispose()
        raise
    return engine


def may_use(session: Session, keyid: str) -> bool:
    """Whether the kiosk whose key this is may use the store: nobody has claimed it, or this kiosk."""
    return noted_mark(session, _OWNER) in (None, _owner(keyid))


def _owner(keyid: str) -> int:
    return int(keyid[:_OWNER_DIGITS], 16)


def claim_store(engine: Engine, keyid: str, path: Path) -> None:
    """The kiosk whose key this is uses the store, from now on alone: no two ledgers stand in one.

    Raises InputError where another key has used it: that of another kiosk, or of another seed of practice.
    """
    with writing_kiosk(engine) as session:
        is_ours = may_use(session, keyid)
        if is_ours:
            note_mark(session, _OWNER, _owner(keyid))
    if not is_ours:
        raise InputError(
            f"{path}: the store of another kiosk, or of practice with another seed; allowed: the one in this "
            "kiosk's home, or in practice a new file"
        )


@contextmanager
def reading_kiosk(engine: Engine) -> Iterator[Session]:
    """A session that sees one state of the store; its changes are rolled back."""
    with Session(engine, autoflush=False) as session:
        yield session
        session.rollback()


@contextmanager
def writing_kiosk(engine: Engine) -> Iterator[Session]:
    """A session that is one transaction: committed at the end, rolled back by an exception.

    Raises UnreachableError where another writer holds the lock too long, or the disk takes nothing.
    """
    try:
        writer = engine.execution_options(relance_writes=True)
        with Session(writer, expire_on_commit=False) as session, session.begin():
            yield session
    except OperationalError as error:
        raise UnreachableError(f"the kiosk's store: {_first_line(error)}") from None


def queue_outgoing(session: Session, channel: UpChannel, payload: bytes, at_ms: int) -> int:
    """Queues what is to go to the controller; returns its number, which is above all before."""
    row = OutgoingRow(channel=channel, payload=payload, at_ms=at_ms)
    session.add(row)
    session.flush()
    assert row.number is not None
    return row.number


def outgoing_after(session: Session, number: int, limit: int) -> list[OutgoingRow]:
    """What is queued above this number and not acknowledged, the first one first; at most `limit` rows."""
    found = (
        select(OutgoingRow)
        # As the index of what waits says it: with a bound value SQLite would not take it.
        .where(col(OutgoingRow.number) > number, WAITING)
        .order_by(col(OutgoingRow.number))
        .limit(limit)
    )
    return list(session.exec(found))


def acknowledge(session: Session, number: int) -> bool:
    """The controller has stored what has this number. Returns False where it was known already."""
    row = session.get(OutgoingRow, number)
    if row is None or row.acknowledged:
        return False
    row.acknowledged = 1
    session.add(row)
    return True


def keep_document(session: Session, meter: str, name: str, envelope: bytes, since_ms: int) -> None:
    """Has a document put onto the meter's card, in the place of the earlier one of the same `name`.

    `name` is the document's object, such as `hold/h1`, or `root`, `issuers`, `time/SOURCE/NONCE`, `letter`.
    """
    session.merge(CardDocumentRow(meter=meter, object=name, envelope=envelope, since_ms=since_ms))


def drop_document(session: Session, meter: str, name: str) -> bool:
    """It is not to go onto the card any more. Returns False where there was none."""
    row = session.get(CardDocumentRow, (meter, name))
    if row is not None:
        session.delete(row)
        session.flush()
    return row is not None


def documents_for(session: Session, meter: str) -> list[CardDocumentRow]:
    """What is to go onto the meter's card, the oldest first."""
    found = select(CardDocumentRow).where(CardDocumentRow.meter == meter)
    return list(session.exec(found.order_by(col(CardDocumentRow.since_ms), col(CardDocumentRow.object))))


def keep_ask(session: Session, ask: MeterAskRow) -> bool:
    """A meter's ask for the time, from its card. Returns False for one that is kept already.

    Of each card the last two to an authority stay: one more than the card holds, since an earlier image of it
    may have been here in between. The answer to one that goes is forgotten with it.
    """
    same_card = (
        select(MeterAskRow)
        .where(MeterAskRow.meter == ask.meter, MeterAskRow.source == ask.source, MeterAskRow.card == ask.card)
        .order_by(col(MeterAskRow.number).desc())
    )
    kept = list(session.exec(same_card))
    if any(each.nonce == ask.nonce for each in kept):
        return False
    for old in kept[ASKS_KEPT - 1 :]:
        session.delete(old)
        drop_document(session, old.meter, answer_name(old))
    session.add(ask)
    session.flush()
    return True


def answer_name(ask: MeterAskRow) -> str:
    """The object of the answer to an ask, among the documents for cards."""
    return f"{TIME}{ask.source}/{ask.nonce}"


def asks_named(session: Session, meter: str, source: str, nonce: str) -> list[MeterAskRow]:
    """The asks of this nonce that have no answer yet: one for each card that brought it."""
    found = select(MeterAskRow).where(
        MeterAskRow.meter == meter,
        MeterAskRow.source == source,
        MeterAskRow.nonce == nonce,
        MeterAskRow.sent == 0,
    )
    return list(session.exec(found))


def asks_waiting(session: Session) -> list[MeterAskRow]:
    """The asks that have no answer yet, the first one first."""
    waiting = select(MeterAskRow).where(MeterAskRow.sent == 0)
    return list(session.exec(waiting.order_by(col(MeterAskRow.number))))


def mark_sent(session: Session, ask: MeterAskRow) -> None:
    """Marks this very ask as answered; a later one of the same meter is another."""
    row = session.get(MeterAskRow, ask.number)
    if row is not None:
        row.sent = 1
        session.add(row)


def note_mark(session: Session, name: str, value: int) -> None:
    """Remembers a number by its name."""
    session.merge(MarkRow(name=name, value=value))


def noted_mark(session: Session, name: str) -> int | None:
    """The number that is remembered by this name."""
    row = session.get(MarkRow, name)
    return None if row is None else row.value


def note_heard(session: Session, now: Moment) -> None:
    """The controller has just been heard: an answer that names what this kiosk has said in this run."""
    for name, value in zip(_HEARD, now, strict=True):
        note_mark(session, name, value)


def last_heard(session: Session) -> Moment | None:
    """When the controller was heard last; None: never."""
    return _moment(session, _HEARD)


def silent_since(session: Session) -> Moment | None:
    """From when on the controller is silent: since it was heard last, else since the first command here."""
    return last_heard(session) or _moment(session, _BEGUN)


def note_begun(session: Session, now: Moment) -> None:
    """Notes the first command at this kiosk: from then on it may go on alone for its hours."""
    if silent_since(session) is None:
        for name, value in zip(_BEGUN, now, strict=True):
            note_mark(session, name, value)


def _moment(session: Session, names: tuple[str, str, str]) -> Moment | None:
    wall_ms, tick_ms, boot = (noted_mark(session, name) for name in names)
    if wall_ms is None or tick_ms is None or boot is None:
        return None
    return Moment(wall_ms, tick_ms, boot)


def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 # a driver's own connection
    # As in the controller's store: transactions are opened by us, and a commit is on the disk.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={_BUSY_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("relance_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _first_line(error: DatabaseError) -> str:
    return str(error.orig).strip().partition("\n")[0]
