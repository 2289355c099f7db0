"""A file of a million households taken into the store, and a list of a hundred thousand meters read by pages.

The file is taken in by a process of its own, so that its memory can be told; meanwhile another thread of it
writes, and says how long it waited for the lock: `python -m benchmarks.fleet_file ROWS FOLDER`.
"""

import csv
import gc
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from msgspec.structs import replace
from sqlalchemy import Engine

from benchmarks.figures import Figure, Goal, Progress, at, spaced
from benchmarks.households import FLEET, HOLDS_MS
from benchmarks.processes import memory_of
from controller.database.engine import open_store, reading, writing
from controller.households.importing import import_households
from controller.households.table_file import rows_of
from controller.meters.choosing import METER_FIELDS
from controller.meters.registry import Spoke, place_meters
from controller.meters.views import MeterFilter, count_meters, list_meters, show_meter
from controller.orders.reaching import reach_newcomers
from controller.query.rules import read_query
from protocols.documents.bodies import HoldBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope
from protocols.errors import UnreachableError
from protocols.identifiers import check_digit

_NOW_MS: Final = 1_600_000_000_000
_PAGE: Final = 100
_PAUSE_S: Final = 0.02
_AREAS, _LINKS, _ROUNDS = 262, 400, 50
_NOBODYS: Final = "area/nowhere"
# Every kind of condition: none, equality, a pattern, a flag, a group, and meters that never spoke.
_QUERIES: Final = (
    "",
    "area==area-7",
    "group==round-7",
    "group==area/*",
    "flag==medical;heard>1h",
    "expected==true;dso==ORES",
    "supply==unknown",
)


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a run: the full one, and a tiny one for the tests."""

    rows: int = 1_000_000
    meters: int = 100_000
    pages: int = 5


def measure_import(size: Size, progress: Progress) -> list[Figure]:
    """Measure `meters import`: processor time beside a bare insert, memory, and how long others wait."""
    progress("a bare insert")
    bare_s = _bare_insert_s(size.rows)
    progress(f"{size.rows} rows")
    taken, least = _in_its_own_process(size.rows), _in_its_own_process(1)
    more_bytes = max(taken["peak_bytes"] - least["peak_bytes"], 1)
    rows = f"{spaced(size.rows)} rows"
    return [
        Figure("rows taken in", size.rows / taken["cpu_s"], "1/s", note=f"{rows}, none known"),
        Figure("the same file again", size.rows / taken["again_cpu_s"], "1/s", note=f"{rows}, all known"),
        Figure("import / bare csv and insert", taken["cpu_s"] / bare_s, "×", note="processor time"),
        Figure(
            "memory beyond that of one row", more_bytes, "B", goal=Goal("at most", 128 * 1024**2), note=rows
        ),
        Figure("longest wait of another writer", taken["waited_s"], "s", goal=Goal("at most", 10), note=rows),
    ]


def measure_pages(size: Size, progress: Progress) -> list[Figure]:
    """Measure a page of `meters list --where` with its count, and `meters show`, in process."""
    with TemporaryDirectory() as folder, _new_store(Path(folder)) as store:
        progress(f"{size.meters} meters")
        with writing(store) as session:
            spoke = {_meter(n): Spoke(f"link-{n % _LINKS}") for n in range(0, size.meters, 2)}
            place_meters(session, {}, spoke, _NOW_MS)
        import_households(store, rows_of(_lines(size.meters), "fleet.csv"), "fleet.csv", "anna", _NOW_MS)
        # What the import has left behind is looked through by no program that lists meters.
        gc.collect()
        gc.freeze()
        listed, shown = _pages_s(store, size), _shows_s(store, size)
        tick_s = _newcomers_s(store)
    note = f"{spaced(size.meters)} meters, half of them silent"
    goal = Goal("at most", 100)
    return [
        Figure("a page of 100 with its count, p50", 1000 * at(50, listed), "ms", note=note),
        Figure("a page of 100 with its count, p99", 1000 * at(99, listed), "ms", goal=goal, note=note),
        Figure("show, p99", 1000 * at(99, shown), "ms", goal=goal, note=note),
        Figure("a group's newcomers looked for", 1000 * tick_s, "ms", note=f"{note}; each ten seconds"),
    ]


@contextmanager
def _new_store(folder: Path) -> Iterator[Engine]:
    store = open_store(f"sqlite:///{folder}/relance.db", create=True)
    try:
        yield store
    finally:
        store.dispose()


def _pages_s(store: Engine, size: Size) -> list[float]:
    """How long pages took, ascending: first pages and later ones, of every query."""
    took_s: list[float] = []
    for text in _QUERIES:
        wanted = MeterFilter(query=read_query(text, METER_FIELDS, "--where") if text else None)
        for number in range(size.pages):
            after = "" if number == 0 else _meter(size.meters * number // size.pages)
            begun_s = time.process_time()
            with reading(store) as session:
                list_meters(session, wanted, now_ms=_NOW_MS, after=after, limit=_PAGE)
                count_meters(session, wanted, now_ms=_NOW_MS, after=after)
            took_s.append(time.process_time() - begun_s)
    return sorted(took_s)


def _shows_s(store: Engine, size: Size) -> list[float]:
    took_s: list[float] = []
    for number in range(0, size.meters, max(size.meters // 200, 1)):
        begun_s = time.process_time()
        with reading(store) as session:
            show_meter(session, _meter(number))
        took_s.append(time.process_time() - begun_s)
    return sorted(took_s)


def _newcomers_s(store: Engine) -> float:
    """Processor time of the service's look for whoever has come into a group; here nobody has."""
    order = replace(FLEET.order(Kind.HOLD, "hold/group", HoldBody(*HOLDS_MS[0])), scope=Scope(group=_NOBODYS))
    with reading(store) as session:
        begun_s = time.process_time()
        found = reach_newcomers(session, [order], _NOW_MS)
        took_s = time.process_time() - begun_s
    assert not found, "nobody is in that group"
    return took_s


def _bare_insert_s(rows: int) -> float:
    """Processor time to read the same file and to insert its cells, unchecked, into a table without a key."""
    with TemporaryDirectory() as folder, closing(sqlite3.connect(f"{folder}/bare.db")) as bare:
        bare.execute(f"CREATE TABLE bare ({','.join(f'c{n} TEXT' for n in range(9))})")
        begun_s = time.process_time()
        reader = csv.reader(line.decode() for line in _lines(rows))
        bare.executemany("INSERT INTO bare VALUES (?,?,?,?,?,?,?,?,?)", reader)
        bare.commit()
        return time.process_time() - begun_s


def _in_its_own_process(rows: int) -> dict[str, float]:
    with TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603 # this module
            [sys.executable, "-m", "benchmarks.fleet_file", str(rows), folder],
            capture_output=True,
            text=True,
            check=True,
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _take_in(rows: int, folder: Path) -> dict[str, float]:
    """Take in the file twice while another thread writes; what it took."""
    with _new_store(folder) as store:
        waits_s, over = [0.0], threading.Event()
        other = threading.Thread(target=_write_until, args=(store, waits_s, over))
        other.start()
        took_s = []
        for _ in range(2):
            begun_s = time.process_time()
            import_households(store, rows_of(_lines(rows), "fleet.csv"), "fleet.csv", "anna", _NOW_MS)
            took_s.append(time.process_time() - begun_s)
        over.set()
        other.join()
    cpu_s, again_cpu_s = took_s
    return {
        "cpu_s": cpu_s,
        "again_cpu_s": again_cpu_s,
        "peak_bytes": memory_of().peak,
        "waited_s": max(waits_s),
    }


def _write_until(store: Engine, waits_s: list[float], over: threading.Event) -> None:
    """Take the writers' lock again and again, as `serve` does, and note how long each time took."""
    while not over.wait(_PAUSE_S):
        begun_s = time.monotonic()
        try:
            with writing(store) as session:
                session.connection()  # the lock is taken with the connection
                waits_s.append(time.monotonic() - begun_s)
        except UnreachableError:
            # It has given up, as a command would.
            waits_s.append(time.monotonic() - begun_s)


def _meter(number: int) -> str:
    return f"m{number:07d}"


def _lines(rows: int) -> Iterator[bytes]:
    """A DSO's file, made as it is read: it takes no memory."""
    yield b"ean,meter,area,dso,category,energy,link,groups,flags\n"
    for number in range(rows):
        digits = f"54144886{number:09d}"
        flag = "medical" if number % _ROUNDS == 0 else ""
        yield (
            f"{digits}{check_digit(digits)},{_meter(number)},area-{number % _AREAS},ORES,ordinary,"
            f"electricity,link-{number % _LINKS},winter round-{number % _ROUNDS},{flag}\n"
        ).encode()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_take_in(int(sys.argv[1]), Path(sys.argv[2]))))
