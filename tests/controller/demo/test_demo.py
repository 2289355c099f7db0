"""The demo end to end: a small one, all its real parts, on both brokers; its report; its end by Ctrl-C."""

import json
import os
import re
import signal
import time  # noqa: TID251 # waits for a real process
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.running import Embedded, Mosquitto, RunningBroker
from tests.controller.demo.demo_process import children_of, is_running, start_demo

METERS = 40
SMALL = ("--meters", str(METERS), "--fast")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a small demo on the embedded broker has written."""
    out = tmp_path_factory.mktemp("demo")
    program = start_demo(out, *SMALL)
    output, errors = program.communicate(timeout=280)
    assert program.returncode == 0, errors
    (out / "output.txt").write_text(output)
    return out


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    return found


def test_the_report_has_the_fields_that_others_read(report: dict[str, Any]) -> None:
    assert report["schema"] == 1
    assert report["seed"] == 7
    assert report["meters"] == METERS
    for name in ("legacy.early_cuts", "guarded.early_cuts", "guarded.cuts_outside_windows", "release.meters"):
        first, second = name.split(".")
        assert type(report[first][second]) is int, name
    for name in ("topups.paid", "topups.credited", "messages.published", "guarded.cuts_inside_windows"):
        first, second = name.split(".")
        assert type(report[first][second]) is int, name
    assert re.fullmatch("[0-9a-f]{64}", report["decisions_sha256"])
    assert report["wall_seconds"] > 0


def test_the_card_meters_cut_early_and_the_guarded_ones_only_in_their_windows(report: dict[str, Any]) -> None:
    assert report["legacy"]["early_cuts"] > 0
    assert report["guarded"]["early_cuts"] == 0
    assert report["guarded"]["cuts_outside_windows"] == 0
    assert report["guarded"]["cuts_inside_windows"] > 0


def test_without_a_terminal_only_hours_in_which_something_happened_are_told(folder: Path) -> None:
    told, end = (folder / "output.txt").read_text().split("Card meters:", 1)
    lines = told.splitlines()
    assert len(lines) < 80
    assert max(map(len, lines)) <= 80
    assert "    A wrong date goes out, 24 hours ahead." in lines
    hours = [line for line in lines if not line.startswith(" ")]
    states = [line.partition(" | ")[2] for line in hours]
    for before, after, line in zip(states, states[1:], hours[1:], strict=False):
        assert before != after or f"{line}\n    " in told
    assert "relance meters why m" in end
    assert f"--database sqlite:///{folder / 'replay.db'}" in end


def test_the_release_brings_everybody_back_who_was_off(report: dict[str, Any]) -> None:
    assert report["release"]["meters"] == report["release"]["restored"] > 0
    assert 0 < report["release"]["seconds_p50"] <= report["release"]["seconds_p99"]


def test_every_cent_that_was_paid_is_credited_once(report: dict[str, Any]) -> None:
    assert report["topups"]["paid"] == report["topups"]["credited"] > 0


def test_the_controller_has_seen_the_wrong_date(report: dict[str, Any]) -> None:
    assert report["guarded"]["heard_wrong_date"] > 0


def test_the_page_loads_nothing_from_elsewhere(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    assert not re.search(r"""(src|href)\s*=\s*["']?(?!["'#])""", page)
    assert not re.search(r"url\((?!#)|@import|<script|<link|<iframe|<object", page)
    assert "<svg" in page


def test_the_page_tells_three_stories(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    for title in ("Cut a day early", "Its twin", "Cut by mistake"):
        assert f"<h3>{title}</h3>" in page


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[RunningBroker]:
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def test_the_same_seed_takes_the_same_decisions_on_another_broker(
    report: dict[str, Any], mosquitto: RunningBroker, tmp_path: Path
) -> None:
    for run in ("first", "second"):  # the first leaves nothing on the broker that the second could meet
        program = start_demo(tmp_path / run, *SMALL, "--broker", str(mosquitto.address))
        _, errors = program.communicate(timeout=280)
        assert program.returncode == 0, errors
        other = json.loads((tmp_path / run / "report.json").read_bytes())
        assert other["decisions_sha256"] == report["decisions_sha256"]
        assert other["openings"] == report["openings"]


@pytest.mark.parametrize("lines", [0, 6])
def test_ctrl_c_ends_all_parts_within_two_seconds(lines: int, tmp_path: Path) -> None:
    program = start_demo(tmp_path, *SMALL)
    assert program.stdout is not None
    for _ in range(lines):
        program.stdout.readline()
    deadline = time.monotonic() + 60
    while not (started := children_of(program.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert started
    os.kill(program.pid, signal.SIGINT)
    interrupted_s = time.monotonic()
    _, errors = program.communicate(timeout=30)
    assert time.monotonic() - interrupted_s < 2
    assert program.returncode == 130
    assert "Traceback" not in errors
    while any(map(is_running, started)) and time.monotonic() - interrupted_s < 2:
        time.sleep(0.02)
    assert not any(map(is_running, started))


@pytest.mark.parametrize(
    ("options", "status", "line"),
    [
        (("--meters", "41"), 2, "--meters: 41; allowed: an even number from 20 to 20000\n"),
        (("--meters", "4"), 2, "--meters: 4; allowed: an even number from 20 to 20000\n"),
        (("--seed", "-1"), 2, "--seed: -1; allowed: 0 to 9223372036854775807\n"),
        (("--broker", "nowhere"), 2, 'broker "nowhere"; allowed: mqtt[s]://[USER:PASSWORD@]HOST[:PORT]\n'),
    ],
)
def test_a_wrong_option_gets_one_line(
    options: tuple[str, ...], status: int, line: str, tmp_path: Path
) -> None:
    program = start_demo(tmp_path, *options)
    _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (status, line)


def test_a_broker_that_does_not_answer_ends_the_demo_with_status_three(tmp_path: Path) -> None:
    with Embedded() as broker:
        address = broker.address
    (tmp_path / "relance.db").write_text("a controller's own")
    program = start_demo(tmp_path, *SMALL, "--broker", str(address))
    _, errors = program.communicate(timeout=60)
    assert program.returncode == 3
    assert errors.startswith(f"broker {address}: ")
    assert errors.count("\n") == 1
    # No unfinished file is left, and existing files are unchanged.
    assert [each.name for each in tmp_path.iterdir()] == ["relance.db"]
    assert (tmp_path / "relance.db").read_text() == "a controller's own"


def test_a_lost_broker_ends_the_demo_with_status_three_and_one_line(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    program = start_demo(tmp_path / "out", *SMALL, "--broker", str(broker.address))
    assert program.stdout is not None
    for _ in range(2):
        program.stdout.readline()
    broker.stop()
    _, errors = program.communicate(timeout=60)
    assert program.returncode == 3
    assert errors == "broker: the connection was lost; the demo needs one that stays\n"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_in_place_of_the_folder_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    program = start_demo(tmp_path / "file", *SMALL)
    _, errors = program.communicate(timeout=60)
    assert program.returncode == 2
    assert errors.startswith("--out: ")
    assert errors.count("\n") == 1
