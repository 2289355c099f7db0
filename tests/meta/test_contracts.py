"""Each contract of pyproject.toml bites: broken on purpose in a copy of the tree, the tool says so.

The line is put into the file, in place of what stands there.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PACKAGES = ("protocols", "cardreader", "emulator", "controller", "hil", "relance")

DOWN = "Imports go down only"
DEMO = "In the controller only the demo and the rehearsal know the emulator"
WORLD = "The rooms of the emulator stand on each other in this order"
PARTS = "The parts of the guarded meter do not know the whole"
NOUNS = "The rooms of the controller stand on each other in this order"
FACES = "A face asks acts and views: it knows no database and no SQL"
ACTS = "Acts and views know no face, no sentence, no terminal and no clock"
CARRIER = "Pure code does not touch the rim"
CARDS = "The rooms of the card stand on each other in this order"
ROOMS = "The rooms of protocols stand on each other in this order"
BENCH = "The rooms of the bench stand on each other in this order"
STORIES = "How a story is told stands in this order"
FACELESS = "A bench uses no command line of the programs below it"
PURE = "Pure code touches nothing: no I/O, no clock, no random number"

# A line, the file it is put into, the contract it breaks, and the chain that the report names.
BROKEN_IMPORTS = [
    ("protocols/seeded.py", "import emulator", DOWN, "protocols.seeded -> emulator (l."),
    ("protocols/seeded.py", "from controller import keys", DOWN, "protocols.seeded -> controller"),
    ("cardreader/seeded.py", "import emulator.firmware", DOWN, "cardreader.seeded -> emulator.firmware"),
    (
        "cardreader/files/seeded.py",
        "import cardreader.card.store",
        CARDS,
        "cardreader.files.seeded -> cardreader.card.store",
    ),
    ("cardreader/card/seeded.py", "import cardreader.host.session", CARDS, "card.seeded -> cardreader.host"),
    ("cardreader/card/seeded.py", "import secrets", PURE, "cardreader.card.seeded -> secrets"),
    ("cardreader/host/seeded.py", "import protocols.rim.clocks", CARRIER, "seeded -> protocols.rim.clocks"),
    ("emulator/seeded.py", "import controller", DOWN, "emulator.seeded -> controller"),
    ("controller/seeded.py", "import hil", DOWN, "controller.seeded -> hil"),
    ("controller/seeded.py", "import relance", DOWN, "controller.seeded -> relance"),
    ("relance/seeded.py", "import controller", DOWN, "relance.seeded -> controller"),
    (
        "controller/faces/cli/seeded.py",
        "import emulator.firmware",
        DEMO,
        "controller.faces.cli.seeded -> emulator.firmware",
    ),
    ("controller/leases/rules.py", "import emulator", DEMO, "controller.leases.rules -> emulator"),
    (
        "emulator/firmware/seeded.py",
        "import emulator.world",
        WORLD,
        "emulator.firmware.seeded -> emulator.world",
    ),
    (
        "emulator/firmware/guarded/documents.py",
        "import emulator.firmware.guarded.meter",
        PARTS,
        "guarded.documents -> emulator.firmware.guarded.meter",
    ),
    (
        "emulator/firmware/guarded/gate.py",
        "import emulator.firmware.guarded.memory",
        PARTS,
        "guarded.gate -> emulator.firmware.guarded.memory",
    ),
    ("emulator/firmware/seeded.py", "import emulator.scenario", WORLD, "seeded -> emulator.scenario"),
    ("protocols/link/seeded.py", "import protocols.rim.carrier", ROOMS, "seeded -> protocols.rim.carrier"),
    (
        "protocols/documents/seeded.py",
        "import protocols.link.topics",
        ROOMS,
        "protocols.documents.seeded -> protocols.link.topics",
    ),
    (
        "protocols/documents/seeded.py",
        "import protocols.cutting.rules",
        ROOMS,
        "seeded -> protocols.cutting.rules",
    ),
    ("protocols/link/seeded.py", "import protocols.words.en.why", ROOMS, "seeded -> protocols.words.en.why"),
    ("protocols/instants.py", "import protocols.units", ROOMS, "protocols.instants -> protocols.units"),
    (
        "emulator/links/link.py",
        "from protocols.rim.carrier import Carrier",
        CARRIER,
        "link -> protocols.rim.carrier",
    ),
    (
        "emulator/links/seeded.py",
        "import emulator.fleet.files",
        WORLD,
        "emulator.links.seeded -> emulator.fleet",
    ),
    (
        "controller/leases/rules.py",
        "import protocols.rim.carrier",
        CARRIER,
        "controller.leases.rules -> protocols.rim.carrier",
    ),
    (
        "controller/orders/seeded.py",
        "import controller.exchange.intake",
        NOUNS,
        "seeded -> controller.exchange",
    ),
    ("controller/payments/seeded.py", "import controller.leases.acts", NOUNS, "seeded -> controller.leases"),
    ("controller/faces/cli/seeded.py", "import sqlmodel", FACES, "controller.faces.cli.seeded -> sqlmodel"),
    (
        "controller/faces/cli/seeded.py",
        "import controller.database.tables",
        FACES,
        "seeded -> controller.database",
    ),
    ("hil/drivers/seeded.py", "import hil.benches.form", BENCH, "hil.drivers.seeded -> hil.benches.form"),
    ("hil/stories/seeded.py", "import hil.suite.dates", BENCH, "hil.stories.seeded -> hil.suite.dates"),
    ("hil/record/seeded.py", "import hil.reports.page", BENCH, "hil.record.seeded -> hil.reports.page"),
    ("hil/stories/stage.py", "import hil.stories.strategy", STORIES, "stage -> hil.stories.strategy"),
    ("hil/suite/seeded.py", "import cardreader.cli.app", FACELESS, "hil.suite.seeded -> cardreader.cli.app"),
    ("hil/reports/timeline.py", "import time", PURE, "hil.reports.timeline -> time"),
    ("hil/stories/verbs.py", "import protocols.rim.clocks", CARRIER, "verbs -> protocols.rim.clocks"),
    ("controller/cuts/acts.py", "import time", ACTS, "controller.cuts.acts -> time"),
    ("controller/orders/seeded.py", "import protocols.rim.clocks", ACTS, "seeded -> protocols.rim.clocks"),
    ("protocols/seeded.py", "import asyncio", PURE, "protocols.seeded -> asyncio"),
    ("protocols/seeded.py", "from pathlib import Path", PURE, "protocols.seeded -> pathlib"),
    ("emulator/firmware/seeded.py", "import random", PURE, "emulator.firmware.seeded -> random"),
    ("emulator/firmware/guarded/seeded.py", "from time import time", PURE, "guarded.seeded -> time"),
    (
        "emulator/world/seeded.py",
        "from numpy import pi\nimport secrets",
        PURE,
        "emulator.world.seeded -> secrets",
    ),
    ("emulator/faces/console/seeded.py", "import os", PURE, "emulator.faces.console.seeded -> os"),
    ("emulator/faces/dlms/seeded.py", "import socket", PURE, "emulator.faces.dlms.seeded -> socket"),
    ("emulator/faces/hdlc/seeded.py", "import serial", PURE, "emulator.faces.hdlc.seeded -> serial"),
    ("emulator/faces/optical/seeded.py", "import serial", PURE, "emulator.faces.optical.seeded -> serial"),
    ("emulator/faces/p1/seeded.py", "import asyncio", PURE, "emulator.faces.p1.seeded -> asyncio"),
    (
        "emulator/faces/p1/telegram.py",
        "import emulator.faces.serving.tcp_port",
        PURE,
        "telegram -> emulator.faces.serving",
    ),
    ("emulator/faces/seeded.py", "import emulator.scenario", WORLD, "faces.seeded -> emulator.scenario"),
    ("emulator/scenario/form.py", "import socket", PURE, "emulator.scenario.form -> socket"),
    ("emulator/scenario/expectation.py", "import rich.table", PURE, "emulator.scenario.expectation -> rich"),
    ("controller/orders/life.py", "import threading", PURE, "controller.orders.life -> threading"),
    ("controller/leases/rules.py", "import sqlmodel", PURE, "controller.leases.rules -> sqlmodel"),
]

ALLOWED_IMPORTS = [
    ("controller/demo/seeded.py", "import emulator.firmware"),
    ("controller/demo/rehearsal.py", "import emulator"),
    ("emulator/scenario/player_seeded.py", "import rich"),
    ("controller/service/seeded.py", "import asyncio"),
]

# A statement, the file it is put into, and the replacement that ruff names.
BANNED_CALLS = [
    ("protocols/seeded.py", "import time\n\nNOW = time.time()", "take the instant (`at_ms`)"),
    ("protocols/seeded.py", "from time import monotonic\n\nNOW = monotonic()", "take the instant (`at_ms`)"),
    (
        "emulator/firmware/seeded.py",
        "from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)",
        "take `now_ms` as an argument",
    ),
    (
        "emulator/world/seeded.py",
        "import random\n\nLOAD_W = random.randrange(9)",
        "take a seed as an argument",
    ),
    ("hil/reports/seeded.py", "import time\n\nNOW = time.time()", "take the instant (`at_ms`)"),
    ("controller/leases/rules.py", "import os\n\nKEY = os.urandom(32)", "take keys and nonces as arguments"),
    ("controller/database/seeded.py", "import uuid\n\nID = uuid.uuid4()", "an id is an argument or a digest"),
    ("tests/emulator/test_seeded.py", "import time\n\ntime.sleep(1)", "take the instant (`at_ms`)"),
]

CLOCK_AT_THE_RIM = [
    "emulator/fleet/pacing.py",
    "controller/service/time_service.py",
    "controller/demo/conductor.py",
    "hil/drivers/wall_time.py",
]

Put = Callable[[str, str], Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """A copy of the tree, and a way to put a file into it."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))

    def into(path: str, code: str) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        for folder in file.relative_to(tmp_path).parents:
            package = tmp_path / folder / "__init__.py"
            if folder.parts and folder.parts[0] in PACKAGES and not package.exists():
                package.write_text('"""Seeded."""\n')
        file.write_text(f'"""Seeded."""\n\n{code}\n')
        return file

    return into


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "lint-imports", "--no-cache"], cwd=tree, capture_output=True, text=True, check=False
    )


def ruff(tree: Path, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "ruff", "check", "--no-cache", "--select", "TID251", "--output-format", "concise", file],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("path", "code", "contract", "chain"), BROKEN_IMPORTS)
def test_an_import_that_breaks_a_contract_is_caught(
    put: Put, tmp_path: Path, path: str, code: str, contract: str, chain: str
) -> None:
    put(path, code)
    done = lint_imports(tmp_path)
    unwrapped = " ".join(done.stdout.split())
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in unwrapped
    assert chain in unwrapped


def test_imports_that_are_allowed_break_nothing(put: Put, tmp_path: Path) -> None:
    for path, code in ALLOWED_IMPORTS:
        put(path, code)
    done = lint_imports(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("path", "code", "instead"), BANNED_CALLS)
def test_a_clock_or_chance_inside_is_caught_with_what_to_do_instead(
    put: Put, tmp_path: Path, path: str, code: str, instead: str
) -> None:
    done = ruff(tmp_path, put(path, code))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "TID251" in done.stdout
    assert instead in done.stdout


@pytest.mark.parametrize("path", CLOCK_AT_THE_RIM)
def test_at_the_rim_a_clock_may_be_read(put: Put, tmp_path: Path, path: str) -> None:
    done = ruff(tmp_path, put(path, "import time\n\nNOW = time.time()"))
    assert done.returncode == 0, done.stdout + done.stderr
