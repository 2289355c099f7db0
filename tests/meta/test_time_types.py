"""A tick is no instant: mypy refuses one in the place of the other, whatever firmware or world is asked."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Each call mixes up the two counts, or brings an integer that says nothing of which it is.
WRONG = """\
from emulator.firmware.guarded.clock import Clock, earliest_ms
from emulator.firmware.guarded.interval import Point, lower_ms
from emulator.firmware.credit import Credit, settle
from emulator.firmware.events import UnsignedDate
from emulator.firmware.journal import Journal
from emulator.firmware.meter import Meter
from emulator.firmware.ticks import Tick
from emulator.links.link import Link
from emulator.world.crystal import Crystal
from protocols.instants import UtcMs
from protocols.link.records import Record


def mix(
    meter: Meter, clock: Clock, point: Point, credit: Credit, journal: Journal, record: Record,
    link: Link, crystal: Crystal, tick: Tick, now_ms: UtcMs,
) -> None:
    meter.advance(now_ms)  # wrong
    meter.readout(now_ms)  # wrong
    meter.handle(UnsignedDate(tick), tick)  # wrong
    earliest_ms(clock, now_ms)  # wrong
    lower_ms(point, earliest_ms(clock, tick), 50)  # wrong
    Point(tick, tick)  # wrong
    settle(credit, now_ms)  # wrong
    journal.append(now_ms, record)  # wrong
    link.advance(meter.next_due_tick())  # wrong
    crystal.tick_at(tick)  # wrong
    crystal.true_at(now_ms)  # wrong
    meter.advance(tick + 1)  # wrong
    meter.advance(crystal.tick_at(now_ms))
    link.advance(crystal.true_at(meter.next_due_tick()))
    earliest_ms(clock, Tick(tick + 1))
"""


def test_a_tick_in_the_place_of_an_instant_is_refused_and_so_is_the_reverse(tmp_path: Path) -> None:
    snippet = tmp_path / "mixed.py"
    snippet.write_text(WRONG)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", os.devnull, "--config-file", "pyproject.toml", snippet],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    refused = {int(line) for line in re.findall(r"mixed\.py:(\d+): error: .*\[arg-type\]", checked.stdout)}
    wrong = {number for number, line in enumerate(WRONG.splitlines(), start=1) if line.endswith("# wrong")}
    assert refused == wrong, checked.stdout + checked.stderr
