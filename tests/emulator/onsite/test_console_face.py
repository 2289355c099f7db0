"""The console of a running meter, and a meter that is not ours: the fake of docs/console.md."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import serial
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.faces.console.grammar import COMMANDS, USAGE
from emulator.faces.places import FacePlace, PlaceKind, read_place
from emulator.onsite.console_face import ConsoleFace
from emulator.onsite.installed import InstalledMeter
from emulator.onsite.running import FaceChoice
from emulator.scenario.form_meters import Firmware
from emulator.scenario.model import Do, SetMainsSpec
from protocols.instants import DAY_MS, UtcMs
from tests.emulator.faces.views import SUMMER_MS, installed
from tests.emulator.onsite.at_work import with_faces
from tests.emulator.onsite.lines import MemoryLine
from tools.tidy.project import ROOT

FAKE_LINES_MAX = 30


def console(meter: InstalledMeter) -> ConsoleFace:
    def step(duration_ms: int) -> None:
        meter.advance(UtcMs(meter.now_ms + duration_ms))

    return ConsoleFace(meter, lambda: None, step)


def answers(face: ConsoleFace, *lines: str) -> list[tuple[str, ...]]:
    return [face.answer(line) for line in lines]


def test_a_date_is_logged_by_a_guarded_meter_and_obeyed_by_a_card_meter() -> None:
    firmwares: list[tuple[Firmware, str, str]] = [
        ("guarded", "2020-07-02T21:00:59Z", '"verdict":"logged"'),
        ("legacy-2020", "2019-01-01T00:00:00Z", '"verdict":"obeyed"'),
    ]
    for firmware, estimate, verdict in firmwares:
        face = console(installed(firmware=firmware, profile="wallonia-card-2020"))
        done, shown, told = answers(face, "clock set 2019-01-01T00:00Z", "clock", "journal 2")
        assert done == ("ok",)
        assert f"estimate {estimate}" in shown
        assert any(verdict in line for line in told)


def test_time_passes_the_household_pays_and_a_person_presses() -> None:
    face = console(installed(firmware="legacy-2020", profile="wallonia-card-2020", balance_eur="1.00"))
    assert face.answer("step 24h") == ("ok",)
    assert "supply off" in face.answer("supply")
    assert face.answer("press red") == ("ok",)
    assert "supply armed" in face.answer("supply")
    assert face.answer("press breaker") == ("ok",)
    assert answers(face, "load 100", "load")[1][0] == "drawn_w 100"


def test_mains_that_are_on_already_are_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = installed()
    face = console(meter)
    done, do = list[Do](), meter.do

    def note(each: Do) -> None:
        done.append(each)
        do(each)

    monkeypatch.setattr(meter, "do", note)
    assert answers(face, "mains on", "mains off", "mains off", "mains", "mains on") == [
        ("ok",),
        ("ok",),
        ("ok",),
        ("mains off", "ok"),
        ("ok",),
    ]
    assert done == [SetMainsSpec(on=False), SetMainsSpec(on=True)]


def test_lost_time_is_seen() -> None:
    face = console(installed())
    assert answers(face, "clock lose", "clock")[1][0] == "status lost"


WORDS = st.sampled_from(
    [*COMMANDS, "set", "lose", "on", "off", "red", "1", "5m", "2020-01-01T00:00Z", "x", "\x00"]
)


@settings(max_examples=30)
@given(st.lists(st.lists(WORDS, max_size=3).map(" ".join), max_size=12))
def test_whatever_is_typed_is_answered_and_a_refused_line_changes_nothing(lines: list[str]) -> None:
    meter = installed()
    face = console(meter)
    for line in lines:
        before = meter.view(), len(meter.noted)
        *_, last = face.answer(line)
        assert last == "ok" or last.startswith("error: ")
        if last != "ok":
            assert (meter.view(), len(meter.noted)) == before


def ask(port: serial.Serial, line: str) -> list[str]:
    port.write(line.encode("ascii") + b"\r\n")
    found: list[str] = []
    while not found or not (found[-1] == "ok" or found[-1].startswith("error: ")):
        text = port.readline()
        assert text.endswith(b"\r\n"), (line, found, text)
        found.append(text.decode("ascii").rstrip())
    return found


def test_a_bench_speaks_to_a_running_meter(tmp_path: Path) -> None:
    def talk(places: Mapping[str, str]) -> list[str]:
        with serial.Serial(read_place(places["console"], "").path, 115200, timeout=10) as port:
            found = ask(port, "identity") + ask(port, "step 60d") + ask(port, "what")
            # More than a terminal holds: nothing of it is lost.
            for _ in range(30):
                port.write(b"help\n")
            assert sum(port.readline() == b"ok\r\n" for _ in range(30 * (len(USAGE) + 1))) == 30
            return found

    place = FacePlace(PlaceKind.PTY, path=str(tmp_path / "console"))
    meter = installed()
    found = with_faces(meter, FaceChoice(console=place), talk)
    assert found[:2] == ["meter m1", "firmware guarded"]
    assert found[4:6] == ["ok", "ok"]
    assert found[6].startswith('error: "what"; allowed: help')
    assert meter.now_ms >= SUMMER_MS + 60 * DAY_MS


def test_the_fake_of_the_page_speaks_the_same_grammar(tmp_path: Path) -> None:
    page = (ROOT / "docs/console.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert code.count("\n") <= FAKE_LINES_MAX
    file = tmp_path / "fake.py"
    file.write_text(code)
    face = console(installed())
    with subprocess.Popen([sys.executable, str(file)], stdout=subprocess.PIPE, text=True) as fake:
        try:
            assert fake.stdout is not None
            with serial.Serial(fake.stdout.readline().strip(), 115200, timeout=10) as port:
                for line in ("identity", "balance", "clock", "supply", "mains off", "mains", "mains on"):
                    keys = [each.split()[0] for each in ask(port, line)]
                    assert keys == [each.split()[0] for each in face.answer(line)], line
                assert ask(port, "step 1h") == ask(port, "load 500") == ["ok"]
                assert ask(port, "journal 3")[-1].startswith("error: ")
        finally:
            fake.kill()


def test_half_a_line_waits_for_its_end() -> None:
    async def run() -> None:
        line = MemoryLine()
        listener = console(installed()).attach(line)
        listener.received(b"mai")
        assert line.sent == b""
        listener.received(b"ns\rmains\n")
        await asyncio.sleep(0)
        assert line.sent == b"mains on\r\nok\r\n" * 2

    asyncio.run(run())
