"""Meters in a store, as if they had come in over the network."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlmodel import Session

from controller.store.engine import open_store, writing
from controller.store.tables import ClaimRow, LinkRow, MeterRow
from protocols.instants import DAY_MS, ms_from_iso

SEEN_MS = ms_from_iso("2020-07-02T20:59:00Z")


@contextmanager
def store_of(home: Path) -> Iterator[Session]:
    """One transaction in a home's store."""
    engine = open_store(f"sqlite:///{home}/relance.db")
    try:
        with writing(engine) as session:
            yield session
    finally:
        engine.dispose()


def seed_meters(home: Path, *meters: str) -> None:
    """Meters at one link, each with supply on, a trusted clock and one lying witness."""
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
                    report_number=1,
                    reported_ms=SEEN_MS,
                    balance_ueur=12_340_000,
                    emergency_ueur=0,
                    next_possible_ms=ms_from_iso("2020-07-06T06:00:00Z"),
                    first_seen_ms=SEEN_MS,
                    last_seen_ms=SEEN_MS,
                )
            )
            session.flush()
            for number, source, offset_ms in ((1, "timeserver", 0), (2, "headend", DAY_MS)):
                session.add(
                    ClaimRow(
                        meter=meter,
                        number=number,
                        source=source,
                        verdict="disagrees" if offset_ms else "agrees",
                        offset_ms=offset_ms,
                        time_ms=SEEN_MS + offset_ms,
                        received_ms=SEEN_MS,
                    )
                )
