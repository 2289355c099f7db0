"""The form of a kiosk's store, and the steps that lead an older one to it.

A file says its form in its own number (PRAGMA user_version). An empty file gets the tables as they are now;
an older one each step since, in the transaction that opens it. A step is never edited again.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from cardreader.kiosk.tables import KioskTable
from protocols.errors import InputError

# "rlnK": a file of another program is not taken for a store.
_APPLICATION: Final = 0x726C6E4B
# By the form to which each leads.
_STEPS: Final[dict[int, tuple[str, ...]]] = {
    2: (
        """CREATE TABLE refund_told (payment TEXT NOT NULL, meter TEXT NOT NULL, amount_ueur INTEGER NOT NULL,
        standing TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (payment, meter, amount_ueur)) STRICT""",
    ),
    3: (
        """CREATE TABLE counted_payment (payment TEXT NOT NULL, counted_ms INTEGER NOT NULL,
        PRIMARY KEY (payment)) STRICT""",
    ),
    4: (
        """CREATE TABLE forgotten_statement (place INTEGER NOT NULL, meter TEXT NOT NULL,
        issuer TEXT NOT NULL, epoch INTEGER NOT NULL, number INTEGER NOT NULL, total_ueur INTEGER NOT NULL,
        PRIMARY KEY (place)) STRICT""",
        "CREATE INDEX ix_outgoing_waiting ON outgoing (number) WHERE acknowledged = 0",
        # What waited there lies on its card, and comes with it again.
        "DROP TABLE meter_ask",
        """CREATE TABLE card_ask (number INTEGER NOT NULL, meter TEXT NOT NULL, source TEXT NOT NULL,
        card TEXT NOT NULL, nonce TEXT NOT NULL, word BLOB NOT NULL, at_ms INTEGER NOT NULL,
        sent INTEGER NOT NULL, PRIMARY KEY (number), UNIQUE (meter, source, card, nonce)) STRICT""",
        "CREATE INDEX ix_card_ask_meter ON card_ask (meter)",
        "ALTER TABLE card_seen ADD COLUMN energy TEXT",
        # No shift ever named a key.
        "ALTER TABLE shift DROP COLUMN keyid",
    ),
}
KIOSK_SCHEMA: Final = max(_STEPS)


def lead_to_schema(connection: Connection, path: Path) -> None:
    """Make the tables of an empty file, or lead an older store to the present form.

    Raises InputError for the file of another program, of a later one, or one that lacks what it says it has.
    """
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
    if application != _APPLICATION and (tables or version):
        raise InputError(f"{path}: the store of another program")
    if version > KIOSK_SCHEMA:
        raise InputError(
            f"{path}: schema {version}; allowed: at most {KIOSK_SCHEMA}: a later program made it"
        )
    if version == KIOSK_SCHEMA:
        return
    if version:
        for step in range(version + 1, KIOSK_SCHEMA + 1):
            for statement in _STEPS[step]:
                connection.exec_driver_sql(statement)
    else:
        KioskTable.metadata.create_all(connection)
    _check_columns(connection, path)
    connection.exec_driver_sql(f"PRAGMA user_version={KIOSK_SCHEMA}")
    connection.exec_driver_sql(f"PRAGMA application_id={_APPLICATION}")


def _check_columns(connection: Connection, path: Path) -> None:
    """A store that lacks a column is refused as a whole, before money is taken with it."""
    for table in KioskTable.metadata.sorted_tables:
        rows = connection.exec_driver_sql(f"PRAGMA table_info({table.name})").all()
        lacking = {column.name for column in table.columns} - {row[1] for row in rows}
        if lacking:
            names = ", ".join(sorted(lacking))
            raise InputError(f"{path}: no store of a kiosk: table {table.name} lacks {names}")
