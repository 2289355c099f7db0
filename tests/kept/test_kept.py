"""What was recorded before is what happens now; files of version 0.1 are read as they were."""

import json
import lzma
import re
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from difflib import unified_diff
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from emulator.firmware.guarded.image import decode_image, encode_image
from emulator.firmware.journal import read_body, write_body
from emulator.fleet.files import LinkMemory, read_journal
from protocols.documents.roles import open_first_root
from protocols.instants import ms_from_iso
from protocols.words.en.times import local
from tests.controller.faces.cli.fleet import seed_service
from tests.controller.faces.cli.invocation import call
from tests.kept.record import (
    DEMO,
    DEMO_0_1,
    HOME,
    RUNS,
    replay_demo,
    run_library,
    timeless_page,
    timeless_report,
    unpack,
)

# Tables of a replay in which nothing depends on which of two messages came first.
STEADY_TABLES = ("audit", "counter", "link", "payment", "signed_order")
TOLD_TWICE = re.compile(r"(\S+Z) \(\w+day [^()]* \(([\w/]+)(?:, \w+)?\)\)")
METERS = ("m00001", "m00002", "m00003", "m00004", "m00005", "m00006")


@pytest.fixture(scope="module")
def kept_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(DEMO, tmp_path_factory.mktemp("kept-demo"))


@pytest.fixture(scope="module")
def new_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new-demo")
    replay_demo(folder)
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(HOME, tmp_path_factory.mktemp("kept"))


def same(before: Sequence[str], now: Sequence[str]) -> None:
    """Fails with the first lines that differ."""
    differing = list(islice(unified_diff(before, now, "recorded", "now", n=1, lineterm=""), 40))
    assert not differing, "\n".join(differing)


def test_every_shipped_scenario_says_what_it_said_before() -> None:
    same(lzma.decompress(RUNS.read_bytes()).decode().splitlines(), run_library().decode().splitlines())


def test_a_replay_reports_what_it_reported_before(kept_demo: Path, new_demo: Path) -> None:
    before, now = timeless_report(kept_demo), timeless_report(new_demo)
    same(json.dumps(before, indent=1).splitlines(), json.dumps(now, indent=1).splitlines())
    same(timeless_page(kept_demo), timeless_page(new_demo))


@pytest.mark.parametrize("table", STEADY_TABLES)
def test_a_replay_signs_books_and_audits_what_it_did_before(
    table: str, kept_demo: Path, new_demo: Path
) -> None:
    # A column that came later is not in the recording.
    columns = _columns(kept_demo / "replay.db", table)
    before, now = (_rows(folder / "replay.db", table, columns) for folder in (kept_demo, new_demo))
    assert before
    same(before, now)


def _columns(store: Path, table: str) -> str:
    with sqlite3.connect(store) as connection:
        return ", ".join(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))


def _rows(store: Path, table: str, columns: str) -> list[str]:
    with sqlite3.connect(store) as connection:
        query = f"SELECT {columns} FROM {table}"  # noqa: S608 # names of ours
        return sorted(map(repr, connection.execute(query)))


def test_a_store_of_version_0_1_answers_as_it_did(kept: Path) -> None:
    _answers_as_recorded(kept, "answers.json", f"sqlite:///{kept}/home/relance.db")


def test_a_replay_of_version_0_1_is_explained_as_it_was(kept: Path, tmp_path: Path) -> None:
    replay = unpack(DEMO_0_1, tmp_path) / "replay.db"
    _answers_as_recorded(kept, "demo-answers.json", f"sqlite:///{replay}")


def _answers_as_recorded(kept: Path, name: str, store: str) -> None:
    """Every key that was recorded has its value still. There may be more keys, and better forecasts."""
    answers: dict[str, Any] = json.loads((kept / name).read_bytes())
    assert len(answers) > 20
    # When these were recorded a service ran: without one no link is shown as online.
    seed_service(store)
    for command, answer in answers.items():
        lists_all = command.startswith("orders list") and "--kind" not in command
        argv = (*command.split(), *(["--leases"] if lists_all else []))
        ended = call(kept / "home", *argv, "--json", "--database", store)
        assert ended.status == 0, (command, ended.err)
        if command.startswith("meters why"):
            # The last sentence was a forecast. It knew nothing of releases, flags and the present instant.
            recorded = [_told_as_now(sentence) for sentence in answer.pop("sentences")[:-1]]
            assert ended.found["sentences"][: len(recorded)] == recorded
        assert _lacking(answer, ended.found) == [], command


def _told_as_now(sentence: str) -> str:
    """A sentence of version 0.1, which told an instant in UTC, and in brackets in local time."""
    return TOLD_TWICE.sub(lambda told: local(ms_from_iso(told[1]), ZoneInfo(told[2])), sentence)


def _lacking(recorded: object, now: object, where: str = "") -> list[str]:
    """Where `now` has not what was recorded. It may have more keys."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        return [
            found
            for key, value in recorded.items()
            for found in _lacking(value, now.get(key, "no such key"), f"{where}.{key}")
        ]
    if isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        pairs = enumerate(zip(recorded, now, strict=True))
        return [found for index, pair in pairs for found in _lacking(*pair, f"{where}[{index}]")]
    return [] if recorded == now else [f"{where}: {recorded!r} was recorded, now {now!r}"]


def test_a_root_of_version_0_1_is_accepted(kept: Path) -> None:
    root = open_first_root((kept / "home" / "root.json").read_bytes())
    assert {key.holder for key in root.keys.values()} >= {"anna", "bert", "service", "headend"}


@pytest.mark.parametrize("place", [0, 1])
def test_images_of_version_0_1_are_read_and_hold_the_same_when_written(place: int, kept: Path) -> None:
    memory = LinkMemory(kept / "fleet", f"link-{place + 1}", METERS[place::2])
    memory.open()
    try:
        for meter in METERS[place::2]:
            found, _ = memory.read(meter)
            assert found is not None
            memory_then = decode_image(found.image)
            assert decode_image(encode_image(memory_then)) == memory_then
    finally:
        memory.close()


@pytest.mark.parametrize("meter", METERS)
def test_journals_of_version_0_1_are_read_and_written_as_they_were(meter: str, kept: Path) -> None:
    entries = read_journal(kept / "fleet" / "journals" / f"{meter}.jsonl")
    assert entries
    for entry in entries:
        logged = read_body(entry.body)
        assert write_body(logged.tick, logged.record) == entry.body


def test_journals_of_version_0_1_still_give_their_verdicts(kept: Path) -> None:
    program = Path(sys.executable).parent / "relance-emulator"
    files = sorted((kept / "journals").glob("*.jsonl"))
    assert files
    for verb in ("verify", "replay"):
        ended = subprocess.run(
            [str(program), "journal", verb, *map(str, files), "--json"], capture_output=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        said = [msgspec.json.decode(line) for line in ended.stdout.splitlines()]
        recorded = msgspec.json.decode((kept / f"journal-{verb}.json").read_bytes())
        assert [each | {"file": Path(each["file"]).name} for each in said] == recorded
