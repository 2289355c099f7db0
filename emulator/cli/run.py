"""`relance-emulator run`: plays scenario files and prints what happened (design §9)."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.text import Text

from emulator.cli.journals import JournalFolder, folders_of
from emulator.cli.options import Json
from emulator.cli.reading import read_files
from emulator.forms.problems import perhaps
from emulator.scenario.commissioning import commission
from emulator.scenario.model import Scenario
from emulator.scenario.player import MeterSink, Played, play
from emulator.scenario.timeline import Part, Timeline, end_line, head_line, plain
from emulator.scenario.trace import BESIDE_THE_METER, json_end_line, json_line
from protocols.errors import InputError, quoted
from protocols.rim.terminal import Exit, complain, discard_stdout, warn

# How many failed expectations of a file are printed in full: in a fleet many fail for one reason.
FAILURES_SHOWN_MAX: Final = 10
# With fewer meters a run ends before anybody sees a progress bar.
METERS_FOR_A_BAR: Final = 20
# How many ids the message about an unknown meter lists.
IDS_SHOWN_MAX: Final = 8


def run_scenarios(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Scenario files, or names from the library.")
    ],
    *,
    as_json: Json = False,
    trace: Annotated[
        str | None, typer.Option(metavar="METER", help="Only this meter, and every record of it.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each meter's black box to DIR/FILE/METER.jsonl.")
    ] = None,
) -> int:
    """Play scenarios and print what happened.

    All files are read before anything runs. Ends with 0 if every expectation held, 1 if one failed, 2 if a
    file is wrong.

    Examples: `relance-emulator run night.toml`, `relance-emulator run night.toml --trace m1`,
    `relance-emulator run *.toml --json`.
    """
    scenarios = read_files(files)
    warn(line for scenario in scenarios for line in scenario.warnings)
    _check_trace(scenarios, trace)
    folders: Sequence[Path | None] = folders_of(scenarios, journal) if journal else [None] * len(scenarios)
    failed = False
    for scenario, folder in zip(scenarios, folders, strict=True):
        played = _play(scenario, trace, folder)
        failed = failed or bool(played.failures)
        try:
            _print(scenario, played, trace, as_json=as_json)
        except BrokenPipeError:
            discard_stdout()
            break
    return Exit.NO if failed else Exit.DONE


def _check_trace(scenarios: Sequence[Scenario], trace: str | None) -> None:
    """Raises InputError for a meter that is in none of the files."""
    if trace is None:
        return
    known = dict.fromkeys(spec.id for scenario in scenarios for spec in scenario.meters)
    if trace not in known:
        ids = ", ".join(islice(known, IDS_SHOWN_MAX)) + (", ..." if len(known) > IDS_SHOWN_MAX else "")
        raise InputError(f"--trace: {quoted(trace)}; allowed: {ids}{perhaps(trace, known)}")


def _play(scenario: Scenario, trace: str | None, folder: Path | None) -> Played:
    with ExitStack() as stack:
        on_record = None
        if folder is not None:
            on_record = stack.enter_context(
                JournalFolder(folder, (spec.id for spec in scenario.meters))
            ).write
        on_meter_played = stack.enter_context(_progress(scenario))
        return play(scenario, commission, trace=trace, on_record=on_record, on_meter_played=on_meter_played)


@contextmanager
def _progress(scenario: Scenario) -> Iterator[MeterSink | None]:
    """A progress bar on standard error while many meters are played, if that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal or len(scenario.meters) < METERS_FOR_A_BAR:
        yield None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(escape(scenario.name), total=len(scenario.meters))
        yield lambda _spec, _meter: progress.advance(task)


def _print(scenario: Scenario, played: Played, trace: str | None, *, as_json: bool) -> None:
    """Print items on standard output, failed expectations on standard error. Raises BrokenPipeError."""
    timeline = Timeline(scenario)
    failed = len(played.failures)
    if as_json:
        end = json_end_line(scenario.file, failed, played.decisions_sha256)
        for item in played.items:
            if trace is not None or item.event not in BESIDE_THE_METER:
                sys.stdout.write(json_line(item) + "\n")
        sys.stdout.write(end + "\n")
    else:
        expected = sum(len(each.meters) * len(each.wanted) for each in scenario.expects)
        _write(head_line(scenario))
        for item in played.items:
            _write(timeline.line(item))
        _write(end_line(expected, failed, played.decisions_sha256))
    sys.stdout.flush()
    for failure in played.failures[:FAILURES_SHOWN_MAX]:
        for line in timeline.explain(failure):
            complain(f"{scenario.file}: {line}" if not line.startswith(" ") else line)
    if failed > FAILURES_SHOWN_MAX:
        complain(f"{scenario.file}: {failed - FAILURES_SHOWN_MAX:,} more expectations failed")


def _write(parts: list[Part]) -> None:
    """One line; colours only on a terminal."""
    if sys.stdout.isatty():
        _terminal().print(Text.assemble(*parts), soft_wrap=True)
    else:
        sys.stdout.write(plain(parts) + "\n")


@cache
def _terminal() -> Console:
    return Console(highlight=False)
