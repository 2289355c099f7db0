"""Reminders for a hundred thousand households planned, a thousand a transaction; a day's counts."""

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import Engine, insert, text

from benchmarks.figures import Figure, Goal, Progress, at, spaced
from controller.database.campaign_tables import ContactRow
from controller.database.engine import open_store, reading, writing
from controller.database.tables import HouseholdRow
from controller.meters.choosing import METER_FIELDS
from controller.office.people import Actor
from controller.orders.acting import acting
from controller.query.rules import read_query
from controller.reactivation.acts import HOUSEHOLDS_AT_ONCE, CampaignOpening, open_campaign, plan_reminders
from controller.reactivation.rules import MEANS_IN_TURN
from controller.reactivation.views import funnel
from protocols.documents.envelope import Signer
from protocols.documents.roles import Root
from protocols.instants import DAY_MS, ms_from_iso

# By day in Brussels.
_NOW_MS: Final = ms_from_iso("2020-06-04T12:00:00+02:00")
_NAME: Final = "benchmark"
_ANNE: Final = Actor("anna", Signer.from_seed(bytes(32)))
_NO_ROOT: Final = Root(version=1, expires_ms=0, keys={}, roles={})


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a run: the full one, and a tiny one for the tests."""

    households: int = 100_000


def measure_reminders(size: Size, progress: Progress) -> list[Figure]:
    """Measure `reactivation remind` and `status`: processor time in process, beside bare inserts."""
    with TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder)}/relance.db", create=True)
        try:
            progress(f"{size.households} households")
            _open(store, size.households)
            progress("reminders")
            taken_s = _plan_all_s(store)
            bare_s = _bare_s(store)
            begun_s = time.process_time()
            with reading(store) as session:
                found = funnel(session, _NAME, _NOW_MS, _NOW_MS)
            counted_s = time.process_time() - begun_s
        finally:
            store.dispose()
    assert found.nothing == size.households, found
    note = f"{spaced(size.households)} households"
    return [
        Figure("reminders planned", size.households / sum(taken_s), "1/s", note=note),
        Figure("planned / bare inserts", sum(taken_s) / bare_s, "×", note="the same rows and transactions"),
        Figure(
            "a transaction of 1000, p99",
            1000 * at(99, sorted(taken_s)),
            "ms",
            goal=Goal("at most", 1000),
            note="others wait so long",
        ),
        Figure("counts of a day", counted_s, "s", note=note),
    ]


def _open(store: Engine, count: int) -> None:
    with writing(store) as session:
        eans = [f"{number:018d}" for number in range(count)]
        households = [{"ean": ean, "meter": ean, "area": "Namur", "language": "fr"} for ean in eans]
        session.connection().execute(insert(HouseholdRow), households)
        contacts = [{"ean": ean, "email": f"h{ean}@example.be"} for ean in eans]
        session.connection().execute(insert(ContactRow), contacts)
    opening = CampaignOpening(
        name=_NAME,
        query="area==Namur",
        zone="Europe/Brussels",
        deadline_ms=_NOW_MS + 30 * DAY_MS,
        sender="The network",
        phone="078 78 78 00",
        language="fr",
    )
    with acting(store, _NO_ROOT, _ANNE, _NOW_MS) as act:
        open_campaign(act, opening, read_query("area==Namur", METER_FIELDS, "--where"))


def _plan_all_s(store: Engine) -> list[float]:
    """How long each transaction took."""
    taken_s: list[float] = []
    after: str | None = ""
    while after is not None:
        begun_s = time.process_time()
        with acting(store, _NO_ROOT, _ANNE, _NOW_MS) as act:
            after = plan_reminders(act, _NAME, "first", MEANS_IN_TURN, after).after
        taken_s.append(time.process_time() - begun_s)
    return taken_s


def _bare_s(store: Engine) -> float:
    """The rows that were planned, copied into a table of the same shape, as many in each transaction."""
    with writing(store) as session:
        session.connection().execute(text("CREATE TABLE bare AS SELECT * FROM notice WHERE 0"))
    with reading(store) as session:
        rows = [tuple(row) for row in session.connection().execute(text("SELECT * FROM notice"))]
    markers = ", ".join("?" for _ in rows[0])
    begun_s = time.process_time()
    for start in range(0, len(rows), HOUSEHOLDS_AT_ONCE):
        with writing(store) as session:
            batch = rows[start : start + HOUSEHOLDS_AT_ONCE]
            # S608: markers, no values.
            session.connection().exec_driver_sql(f"INSERT INTO bare VALUES ({markers})", batch)  # noqa: S608
    return time.process_time() - begun_s
