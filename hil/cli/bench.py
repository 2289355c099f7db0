"""`relance-hil bench check`: asks each device of a bench whether it is there."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from hil.bench_spec import BenchSpec
from hil.benches.checking import DeviceFound, check_bench
from hil.benches.files import bench_of
from hil.cli.app import PROGRAM
from hil.cli.options import Json
from hil.held import held
from protocols.instants import SECOND_MS
from protocols.rim.clocks import checked_now_ms
from protocols.rim.commands import examples
from protocols.rim.terminal import Exit, warn

bench_app = typer.Typer(name="bench", help="Look at a bench.", no_args_is_help=True)

_INDENT: Final = 18


@bench_app.callback()
def _bench() -> None:
    """Look at a bench."""


@bench_app.command("check", epilog=examples(PROGRAM, "bench check desk.toml", "bench check desk.toml --json"))
def check_bench_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A bench file (docs/benches.md).")],
    *,
    as_json: Json = False,
) -> int:
    """Open each device of a bench, ask it something that changes nothing, and say what it answers.

    Instruments whose calibration is not valid today are named too. Ends with 1 where something is not ready,
    with 2 where the file is wrong, and with 3 while a run holds the bench.
    """
    spec, _ = bench_of(file)
    with held(Path(file), lambda told: warn([told])):
        found = _findings(spec, as_json=as_json)
    if as_json:
        sys.stdout.write(msgspec.json.encode(_entry(spec, found)).decode() + "\n")
    return Exit.DONE if all(each.is_ready for each in found) else Exit.NO


def _findings(spec: BenchSpec, *, as_json: bool) -> list[DeviceFound]:
    today = datetime.fromtimestamp(checked_now_ms() / SECOND_MS, UTC).date()
    found = []
    for finding in check_bench(spec, today):
        found.append(finding)
        if not as_json:
            # At once: a readout at 300 baud takes its time.
            sys.stdout.write(_line(finding) + "\n")
            sys.stdout.flush()
    return found


def _line(finding: DeviceFound) -> str:
    return f"{finding.device:<{_INDENT}}{'ready' if finding.is_ready else 'not ready':<11}{finding.text}"


def _entry(spec: BenchSpec, found: list[DeviceFound]) -> dict[str, object]:
    devices = [{"device": each.device, "ready": each.is_ready, "text": each.text} for each in found]
    return {"bench": spec.name, "ready": all(each.is_ready for each in found), "devices": devices}
