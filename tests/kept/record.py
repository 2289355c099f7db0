"""Recorded output: what the program said and stored, whole, to be compared with what it says now.

- `runs.jsonl.xz`: `run --json` of every shipped scenario;
- `demo.tar.xz`: what a demo of 40 meters left behind;
- `demo-0.1.tar.xz`: the same as version 0.1 left it, to be explained as it was then;
- `home.tar.xz`: a controller's home and a fleet's state as version 0.1 wrote them, with answers to commands.

Whoever means to change behaviour records it anew with `python -m tests.kept.record runs` (or `demo`), and
says why in the commit. What 0.1 wrote is never recorded again: its files must stay readable.
"""

import json
import lzma
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
RUNS: Final = HERE / "runs.jsonl.xz"
DEMO: Final = HERE / "demo.tar.xz"
DEMO_0_1: Final = HERE / "demo-0.1.tar.xz"
HOME: Final = HERE / "home.tar.xz"
DEMO_METERS: Final = 40

ROOT: Final = HERE.parents[1]
LIBRARY: Final = ROOT / "emulator" / "scenario" / "library"
_PROGRAMS: Final = Path(sys.executable).parent
# What a replay measures with the machine's own clock, and where two messages may overtake each other;
# `steps`: a release runs by the wall clock, so that the seconds after it are other ones.
_TIMED: Final = ("wall_seconds", "version", "steps")
# What a report says since the recording was made; test_card_households.py looks at it.
_LATER: Final = ("by_card",)
_LATER_HEADS: Final = ("Without a network, by card",)


def run_library() -> bytes:
    """`relance-emulator run --json` of every shipped scenario; files named from the root."""
    files = [file.relative_to(ROOT) for file in sorted(LIBRARY.glob("*/*.toml"))]
    program = [str(_PROGRAMS / "relance-emulator"), "run", *map(str, files), "--json"]
    return subprocess.run(program, check=True, capture_output=True, cwd=ROOT).stdout


def replay_demo(out: Path) -> None:
    """A small demo, its report and its store, into `out`."""
    program = [str(_PROGRAMS / "relance"), "demo", "--meters", str(DEMO_METERS), "--fast", "--out", str(out)]
    subprocess.run(program, check=True, capture_output=True)


def timeless_report(folder: Path) -> dict[str, Any]:
    """What a demo's `report.json` says that no clock of the machine has measured."""
    report: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    kept = {name: value for name, value in report.items() if name not in (*_TIMED, *_LATER)}
    kept["release"] = {name: value for name, value in report["release"].items() if "seconds" not in name}
    return kept


def timeless_page(folder: Path) -> list[str]:
    """The words of a demo's page, line by line, without drawings and with measured seconds blanked.

    The household of the last story is among the slowest to be released: who that is was measured too.
    """
    page = (folder / "report.html").read_text()
    words = re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    words = re.sub(r"<h3>Cut by mistake</h3>.*?</article>", "", words, flags=re.DOTALL)
    for head in _LATER_HEADS:
        words = re.sub(rf"<section>\s*<h2>{head}</h2>.*?</section>\n\s*", "", words, flags=re.DOTALL)
    return re.sub(r"\d+(\.\d+)? (s\b|seconds)", "N s", words).splitlines()


def unpack(archive: Path, into: Path) -> Path:
    """The folder with what an archive of this package holds."""
    with tarfile.open(archive) as packed:
        packed.extractall(into, filter="data")
    return into


def _record_demo() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        replay_demo(folder)
        with tarfile.open(DEMO, "w:xz") as packed:
            for file in ("replay.db", "report.json", "report.html"):
                packed.add(folder / file, file)


def main(arguments: Sequence[str]) -> int:
    """Record what is named; 2 for anything else."""
    match arguments:
        case ["runs"]:
            RUNS.write_bytes(lzma.compress(run_library(), preset=9))
        case ["demo"]:
            _record_demo()
        case _:
            sys.stderr.write("python -m tests.kept.record runs|demo\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
