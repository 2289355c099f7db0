"""`relance-emulator run`: plays scenario files and prints what happened (design §9)."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from emulator.cli.journals import JournalFolder, folders_of
from emulator.cli.junit import JunitFile
from emulator.cli.options import Json
from emulator.cli.reading import read_files
from emulator.cli.telling import print_failures, print_json, print_timeline
from emulator.cli.trust import read_secrets
from emulator.forms.problems import perhaps
from emulator.scenario.cards import folder_of
from emulator.scenario.commissioning import commission
from emulator.scenario.keyring import HomeKeys
from emulator.scenario.model import Scenario
from emulator.scenario.player import MeterSink, Played, play
from protocols.errors import InputError, quoted
from protocols.rim.terminal import Exit, discard_stdout, warn

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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="One line per file, and what failed.")] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the expectations to FILE, in JUnit's XML.")
    ] = None,
) -> int:
    """Play scenarios and print what happened.

    At the end a table says of each meter how often it was cut, when and why. All files are read before
    anything runs. Ends with 0 if every expectation held, 1 if one failed, 2 if a file is wrong.
    """
    scenarios = read_files(files)
    warn(line for scenario in scenarios for line in scenario.warnings)
    _check_trace(scenarios, trace)
    folders: Sequence[Path | None] = folders_of(scenarios, journal) if journal else [None] * len(scenarios)
    homes = [_home_of(scenario) for scenario in scenarios]
    failed = False
    with ExitStack() as stack:
        report = stack.enter_context(JunitFile(junit)) if junit else None
        print_played = print_json if as_json else print_timeline
        for scenario, folder, home in zip(scenarios, folders, homes, strict=True):
            played = _play(scenario, trace, folder, home)
            failed = failed or bool(played.failures)
            if report is not None:
                report.add(scenario, played)
            try:
                print_played(scenario, played, trace, quiet=quiet)
            except BrokenPipeError:
                discard_stdout()
                break
            print_failures(scenario, played)
    return Exit.NO if failed else Exit.DONE


def _check_trace(scenarios: Sequence[Scenario], trace: str | None) -> None:
    """Raises InputError for a meter that is in none of the files."""
    if trace is None:
        return
    known = dict.fromkeys(spec.id for scenario in scenarios for spec in scenario.meters)
    if trace not in known:
        ids = ", ".join(islice(known, IDS_SHOWN_MAX)) + (", ..." if len(known) > IDS_SHOWN_MAX else "")
        raise InputError(f"--trace: {quoted(trace)}; allowed: {ids}{perhaps(trace, known)}")


def _play(scenario: Scenario, trace: str | None, folder: Path | None, home: HomeKeys | None) -> Played:
    with ExitStack() as stack:
        on_record = None
        if folder is not None:
            on_record = stack.enter_context(
                JournalFolder(folder, (spec.id for spec in scenario.meters))
            ).write
        on_meter_played = stack.enter_context(_progress(scenario))
        return play(
            scenario,
            commission,
            trace=trace,
            on_record=on_record,
            on_meter_played=on_meter_played,
            home=home,
        )


def _home_of(scenario: Scenario) -> HomeKeys | None:
    """The keys of the home that a file names, which lies beside it. Raises InputError."""
    if not scenario.home:
        return None
    try:
        found = read_secrets(folder_of(scenario) / scenario.home / "root.json", None)
    except InputError as error:
        raise InputError(f"{scenario.file}: scenario.home: {error}") from None
    return HomeKeys(found.root, found.fleet_key, found.issuers)


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
