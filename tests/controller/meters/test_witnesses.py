"""The last witnesses of a meter: from its report, and from the claims of its black box since then."""

import sqlite3
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, text

from controller.database.engine import SCHEMA_VERSION, open_store, reading, writing
from controller.database.tables import ClaimRow, EventRow, LinkRow, MeterRow
from controller.exchange.words import IntakeRefusal
from controller.meters.views import list_meters, show_meter
from controller.meters.witnesses import WitnessView
from protocols.instants import DAY_MS, HOUR_MS
from protocols.limits import REV_MAX
from protocols.link.carriage import Arrival
from protocols.link.messages import Reported, Status, Witness, write_message
from protocols.link.records import ClaimHeard
from protocols.link.topics import Channel, Place
from protocols.reasons import ClaimSource, ClaimVerdict, Source
from tests.controller.exchange.test_intake import NOW_MS, arrival, event, in_memory, reported, take


def witness(source: Source, offset_ms: int, *, fresh: bool = True, heard_ms: int = NOW_MS) -> Witness:
    """A witness that agrees if its offset is below an hour."""
    return Witness(
        source=source, fresh=fresh, agrees=abs(offset_ms) < HOUR_MS, heard_ms=heard_ms, offset_ms=offset_ms
    )


def report(number: int, *witnesses: Witness, journal: int = 0, meter: str = "m1") -> Reported:
    return msgspec.structs.replace(reported(number, meter=meter, journal=journal), witnesses=witnesses)


def claim(number: int, source: str, offset_ms: int, verdict: str = "disagrees", meter: str = "m1") -> Arrival:
    heard = ClaimHeard(ClaimSource(source), ClaimVerdict(verdict), offset_ms, NOW_MS + offset_ms)
    return arrival(event(number, heard, meter))


def shown(engine: Engine, meter: str = "m1") -> tuple[WitnessView, ...]:
    """The witnesses in `meters show`, which must be the same as in `meters list`."""
    with reading(engine) as session:
        listed = {view.id: view.witnesses for view in list_meters(session, now_ms=0)}
        assert show_meter(session, meter).witnesses == listed[meter]
    return listed[meter]


def words(engine: Engine, meter: str = "m1") -> list[str]:
    return [f"{each.source} {each.offset_ms} {each.verdict}" for each in shown(engine, meter)]


def test_the_witnesses_of_a_report_are_shown_as_it_named_them(engine: Engine) -> None:
    heard = NOW_MS - HOUR_MS
    take(
        engine,
        arrival(
            report(1, witness(Source.CARD, -1_000, fresh=False), witness(Source.HEADEND, 20, heard_ms=heard))
        ),
    )
    last, earlier = shown(engine)
    assert last == WitnessView(
        source="card",
        verdict="agrees",
        fresh=False,
        offset_ms=-1_000,
        heard_ms=NOW_MS,
        time_ms=NOW_MS - 1_000,
        received_ms=NOW_MS,
    )
    assert (earlier.source, earlier.fresh, earlier.heard_ms, earlier.time_ms) == (
        "headend",
        True,
        heard,
        heard + 20,
    )


def test_an_older_report_does_not_bring_back_its_witnesses(engine: Engine) -> None:
    take(engine, arrival(report(2, witness(Source.HEADEND, 0))))
    take(engine, arrival(report(1, witness(Source.HEADEND, DAY_MS))))
    assert words(engine) == ["headend 0 agrees"]
    take(engine, arrival(report(3)))
    assert words(engine) == []


# What came in, and what is shown then. C NUMBER SOURCE+HOURS: a claim; R JOURNAL SOURCE+HOURS ...: a report.
LEDGER = """
 C 3 headend+24                                         | headend+24
 C 3 headend+24; C 4 timeserver+1                       | timeserver+1 headend+24
 C 4 timeserver+1; C 3 headend+24                       | timeserver+1 headend+24
 C 3 headend+24; R 3 headend+0 timeserver+0             | headend+0 timeserver+0
 R 3 headend+0 timeserver+0; C 3 headend+24             | headend+0 timeserver+0
 R 3 headend+0 timeserver+0; C 4 headend+24             | headend+24 timeserver+0
 C 4 headend+24; R 3 headend+0 timeserver+0             | headend+24 timeserver+0
 R 3 headend+0 timeserver+0; C 4 timeserver-24          | timeserver-24 headend+0
 R 3 headend+0; C 4 headend+24; R 5 headend+0           | headend+0
 R 3 headend+0; C 4 headend+24; C 5 headend+1; R 4      | headend+1
 C 3 headend+24; R 3                                    |
"""


@pytest.mark.parametrize("line", LEDGER.strip().splitlines())
def test_the_newest_witness_of_each_source_is_shown(engine: Engine, line: str) -> None:
    came, wanted = (part.strip() for part in line.split("|"))
    for number, words in enumerate(came.split("; "), start=1):
        kind, journal, *claims = words.split()
        if kind == "C":
            source, hours = _source_and_hours(claims[0])
            take(engine, claim(int(journal), source, hours * HOUR_MS))
        else:
            held = [
                witness(Source(source), hours * HOUR_MS) for source, hours in map(_source_and_hours, claims)
            ]
            take(engine, arrival(report(number, *held, journal=int(journal))))
    found = [f"{each.source}{(each.offset_ms or 0) // HOUR_MS:+d}" for each in shown(engine)]
    assert " ".join(found) == wanted


def _source_and_hours(words: str) -> tuple[str, int]:
    sign = max(words.find("+"), words.find("-"))
    return words[:sign], int(words[sign:])


def test_what_the_meter_refused_or_only_logged_is_no_witness(engine: Engine) -> None:
    take(engine, arrival(report(1, witness(Source.HEADEND, 0))))
    take(engine, claim(2, "headend", DAY_MS, "stale_number"), claim(3, "unsigned", DAY_MS, "logged"))
    assert words(engine) == ["headend 0 agrees"]


# -- what no database takes -----------------------------------------------------------------------

OFFSETS_MS = st.sampled_from([0, -1, REV_MAX, -REV_MAX, REV_MAX + 1, 2**63, -(2**63) - 1, 2**200])


@given(
    offsets_ms=st.lists(OFFSETS_MS, max_size=4),
    told_ms=OFFSETS_MS,
    off_ms=OFFSETS_MS,
    source=st.text(max_size=8) | st.just("a\x00b"),
)
def test_whatever_a_meter_says_is_stored_or_refused_and_ends_no_batch(
    offsets_ms: list[int], told_ms: int, off_ms: int, source: str
) -> None:
    engine = in_memory()
    with writing(engine) as session:
        for table in (ClaimRow, EventRow, MeterRow, LinkRow):
            session.execute(delete(table))
    held = tuple(witness(each, ms) for each, ms in zip(Source, offsets_ms, strict=False))
    # A record of a later firmware, or of an intruder: a source may be any text.
    record = {"event": "claim", "source": source, "verdict": "x", "offset_ms": off_ms, "time_ms": told_ms}
    heard = arrival(event(2, record))
    refused = take(engine, arrival(report(1, *held)), heard, arrival(reported(1, meter="m2")))
    bad_report = any(abs(ms) > REV_MAX for ms in offsets_ms)
    assert refused[IntakeRefusal.MALFORMED] == bad_report + (b"\\u0000" in msgspec.json.encode(source))
    with reading(engine) as session:
        assert session.get(MeterRow, "m2") is not None
        meter = session.get(MeterRow, "m1")
        assert (meter is not None and meter.witnesses is not None) == (not bad_report)


def test_a_character_that_no_postgresql_takes_is_refused_everywhere(engine: Engine) -> None:
    strange = msgspec.structs.replace(report(1), code="8\x00")
    status = Status(link="link-1", online=True, sequence=2**70, meters=1)
    born = Arrival(Place(Channel.STATUS, link="link-1"), write_message(status))
    assert take(engine, arrival(strange), born, arrival(report(1, meter="m2"))) == {
        IntakeRefusal.MALFORMED: 2
    }
    assert words(engine, "m2") == []


# -- a store of before ----------------------------------------------------------------------------


def test_a_store_of_the_first_schema_is_migrated_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "relance.db"
    engine = open_store(f"sqlite:///{path}", create=True)
    take(engine, arrival(report(1, journal=9)), claim(3, "headend", DAY_MS))
    engine.dispose()
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "DROP TABLE proven_key; DROP TABLE card_meter; DROP TABLE kiosk; DROP TABLE kiosk_document;"
            "DROP TABLE kiosk_receipt; DROP TABLE kiosk_statement; DROP TABLE kiosk_refund;"
            "DROP TABLE retired; DROP TABLE access; DROP TABLE accessed;"
            "ALTER TABLE reading DROP COLUMN received_ms;"
            "DROP TABLE household; DROP TABLE household_group; DROP TABLE tenancy;"
            "DROP TABLE notice; DROP TABLE happening; DROP TABLE contact;"
            "DROP TABLE campaign_household; DROP TABLE campaign; DROP TABLE campaign_deadline;"
            "DROP INDEX ix_payment_request_state; DROP TABLE payment_request;"
            "ALTER TABLE payment DROP COLUMN epoch;"
            "ALTER TABLE payment DROP COLUMN found;"
            "ALTER TABLE payment DROP COLUMN voided_ueur;"
            "ALTER TABLE meter DROP COLUMN issuers_version;"
            "ALTER TABLE meter DROP COLUMN last_event;"
            "ALTER TABLE meter DROP COLUMN oldest_entry;"
            "ALTER TABLE meter DROP COLUMN account;"
            "DROP TABLE closed; DROP TABLE quarantine; DROP TABLE black_box;"
            "ALTER TABLE link DROP COLUMN epoch;"
            "ALTER TABLE meter DROP COLUMN epoch;"
            "CREATE TABLE c (meter TEXT NOT NULL, number INTEGER NOT NULL, source TEXT NOT NULL, "
            "verdict TEXT NOT NULL, offset_ms INTEGER, time_ms INTEGER NOT NULL, "
            "received_ms INTEGER NOT NULL, "
            "CONSTRAINT pk_claim PRIMARY KEY (meter, number)) STRICT, WITHOUT ROWID;"
            "INSERT INTO c SELECT meter, number, source, verdict, offset_ms, time_ms, received_ms FROM claim;"
            "DROP TABLE claim; ALTER TABLE c RENAME TO claim;"
            "CREATE INDEX ix_claim_received_ms ON claim (received_ms);"
            "CREATE TABLE e (meter TEXT NOT NULL, number INTEGER NOT NULL, time_ms INTEGER NOT NULL, "
            "received_ms INTEGER NOT NULL, event TEXT NOT NULL, record TEXT NOT NULL, "
            "CONSTRAINT pk_meter_event PRIMARY KEY (meter, number)) STRICT, WITHOUT ROWID;"
            "DROP TABLE meter_event; ALTER TABLE e RENAME TO meter_event;"
            "CREATE INDEX ix_meter_event_event_received_ms ON meter_event (event, received_ms);"
            "CREATE TABLE r (meter TEXT NOT NULL, number INTEGER NOT NULL, time_ms INTEGER NOT NULL, "
            "energy_wh INTEGER NOT NULL, balance_ueur INTEGER NOT NULL, supply TEXT NOT NULL, "
            "CONSTRAINT pk_reading PRIMARY KEY (meter, number)) STRICT, WITHOUT ROWID;"
            "DROP TABLE reading; ALTER TABLE r RENAME TO reading;"
            "ALTER TABLE signed_order DROP COLUMN digest;"
            "ALTER TABLE meter DROP COLUMN holds_number;"
            "ALTER TABLE meter DROP COLUMN claimed;"
            "DROP TABLE service;"
            "ALTER TABLE meter DROP COLUMN witnesses;"
            "ALTER TABLE meter ADD COLUMN event_number INTEGER NOT NULL DEFAULT 0;"
            "ALTER TABLE link ADD COLUMN synced_ms INTEGER;"
            "UPDATE alembic_version SET version_num = '0001'"
        )
    connection.close()
    engine = open_store(f"sqlite:///{path}")
    # The witnesses that were known then are shown until the meter has named them itself.
    assert words(engine) == [f"headend {DAY_MS} disagrees"]
    take(engine, arrival(report(2, witness(Source.HEADEND, 0), journal=9)))
    assert words(engine) == ["headend 0 agrees"]
    with engine.connect() as opened:
        assert opened.execute(text("SELECT version_num FROM alembic_version")).scalar() == SCHEMA_VERSION
    engine.dispose()
