"""Meters in a store, as if they had registered over the network."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from sqlmodel import Session, select

from controller.database.engine import open_store, writing
from controller.database.tables import ClaimRow, LinkRow, MeterRow, PaymentRequestRow, ServiceRow
from controller.exchange.purses import PursesHeard
from controller.office.people import load_root
from controller.payments.booking import book
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, ms_from_iso
from protocols.link.messages import Witness
from protocols.reasons import Source
from protocols.rim.clocks import boot_id, tick_ms
from tests.controller.payments.till import heard, issuing

SEEN_MS = ms_from_iso("2020-07-02T20:59:00Z")
# Said with a report; then the head-end lied, and of that there is an event.
WITNESSES = (
    Witness(
        source=Source.CARD,
        fresh=False,
        agrees=True,
        heard_ms=SEEN_MS - 2 * MINUTE_MS,
        offset_ms=-1_000,
    ),
    Witness(source=Source.TIMESERVER, fresh=True, agrees=True, heard_ms=SEEN_MS - DAY_MS, offset_ms=0),
    Witness(source=Source.HEADEND, fresh=True, agrees=True, heard_ms=SEEN_MS - 2 * DAY_MS, offset_ms=-200),
)


@contextmanager
def store_of(store: Path | str) -> Iterator[Session]:
    """One transaction in the store of a home, or in that of a URL."""
    engine = open_store(store if isinstance(store, str) else f"sqlite:///{store}/relance.db")
    try:
        with writing(engine) as session:
            yield session
    finally:
        engine.dispose()


def seed_service(store: Path | str, *, connected: bool = True, age_ms: int = -HOUR_MS) -> None:
    """As if `relance serve` ran on this machine. By default its last beat lies ahead: it stays young.

    `store`: a home, or the URL of a store.
    """
    sign = ServiceRow(
        name="serve",
        run="r1",
        host="here",
        boot_id=boot_id(),
        began_tick_ms=tick_ms() - age_ms - HOUR_MS,
        tick_ms=tick_ms() - age_ms,
        beat=7,
        broker="mqtt://broker:1883",
        connected=int(connected),
    )
    with store_of(store) as session:
        session.merge(sign)


def seed_meters(home: Path, *meters: str) -> None:
    """Add meters on one link: supply on, clock trusted, and a wrong date heard after the last report."""
    with store_of(home) as session:
        session.add(LinkRow(id="link-1", state="online", sequence=1, meters=len(meters), seen_ms=SEEN_MS))
        session.flush()
        for meter in meters:
            session.add(
                MeterRow(
                    id=meter,
                    link="link-1",
                    energy="electricity",
                    firmware="guarded",
                    profile="wallonia-smart",
                    supply="on",
                    supply_reason="none",
                    clock="trusted",
                    earliest_ms=SEEN_MS - 1_000,
                    latest_ms=SEEN_MS + 1_500,
                    estimate_ms=SEEN_MS,
                    witnesses=msgspec.json.encode(WITNESSES).decode(),
                    report_number=1,
                    report_journal=1,
                    reported_ms=SEEN_MS,
                    balance_ueur=12_340_000,
                    emergency_ueur=0,
                    next_possible_ms=ms_from_iso("2020-07-06T06:00:00Z"),
                    first_seen_ms=SEEN_MS,
                    last_seen_ms=SEEN_MS,
                )
            )
            session.flush()
            session.add(
                ClaimRow(
                    meter=meter,
                    number=2,
                    source="headend",
                    verdict="disagrees",
                    offset_ms=DAY_MS,
                    time_ms=SEEN_MS + MINUTE_MS + DAY_MS,
                    received_ms=SEEN_MS + MINUTE_MS,
                )
            )


def book_requests(home: Path) -> None:
    """As if `relance serve` had heard every meter for which a payment is requested, and booked it."""
    with store_of(home) as session:
        purses = PursesHeard()
        requests = session.exec(select(PaymentRequestRow)).all()
        for row in requests:
            heard(purses, 1, {1: 0}, row.meter)
        book(session, purses, issuing(), load_root(home / "root.json"), requests[0].created_ms)
