"""`relance-hil run`: stories on a bench, and a record of them."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from hil.benches.files import bench_of
from hil.benches.opening import open_bench
from hil.binding import BoundBench
from hil.cli.choosing import StoryNames, StoryTags, chosen
from hil.cli.commit import commit_of_checkout
from hil.cli.options import Json
from hil.cli.report import DEFAULT_ZONE, JUNIT_FILE, PAGE_FILE
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.held import held
from hil.record.codec import RECORD_FILE, read_record, write_record
from hil.record.files import write_whole
from hil.record.model import RunRecord, StoryRecord, StoryVerdict
from hil.reports.junit import junit_of
from hil.reports.page import page_of
from hil.stories.playing import why_not
from hil.stories.running import StoryRun
from hil.stories.story import BenchStory
from protocols.errors import InputError
from protocols.rim.terminal import Exit, complain, warn

_BAD: Final = (StoryVerdict.FAILED, StoryVerdict.ERROR)
_SERIAL_CHARS_MAX: Final = 64


def run_stories(
    names: StoryNames = None,
    tags: StoryTags = None,
    bench_file: Annotated[
        str | None, typer.Option("--bench", metavar="FILE", help="A bench file (docs/benches.md).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where record.json, report.html and junit.xml go.")
    ] = None,
    dut_serial: Annotated[
        str | None, typer.Option(metavar="S", help="The serial number of the meter, for the record.")
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked, and what not, and ask nothing.")
    ] = False,
    rerun_failed: Annotated[
        bool, typer.Option("--rerun-failed", help="Only what failed or erred in the record in --out.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Tell stories to the meter on a bench, and record what it does.

    Without --bench: an emulated meter in this process, in virtual time. A story whose needs the bench has not
    is not run, and the record says why. Ends with 0 if all that were asked passed, 1 if one did not or none
    was asked, 3 if the bench cannot be reached; whatever happens, the bench is left safe and the record is
    written.
    """
    stories = _without_passed(chosen(names, tags), out) if rerun_failed else chosen(names, tags)
    if dut_serial is not None and not (dut_serial.isprintable() and 0 < len(dut_serial) <= _SERIAL_CHARS_MAX):
        raise InputError(f"--dut-serial: allowed: 1 to {_SERIAL_CHARS_MAX} printable characters")
    with _opened(bench_file) as found:
        serial = found.dut.serial if dut_serial is None else dut_serial
        bench = replace(found, dut=replace(found.dut, serial=serial))
        if dry_run:
            return _tell_plan(stories, bench, as_json=as_json)
        with _progress(len(stories)) as on_story:
            run = StoryRun(bench, commit_of_checkout(), on_story)
            _told()(run, {each.name for each in stories})
    record = run.record()
    if out is not None:
        write_record(record, out / RECORD_FILE)
        write_whole(out / JUNIT_FILE, junit_of(record), "--out")
        write_whole(out / PAGE_FILE, page_of(record, DEFAULT_ZONE), "--out")
    _tell(record, out, as_json=as_json)
    if run.is_interrupted:
        return Exit.INTERRUPTED
    verdicts = {each.verdict for each in record.stories}
    return Exit.NO if verdicts & set(_BAD) or verdicts <= {StoryVerdict.NOT_RUN} else Exit.DONE


@contextmanager
def _opened(file: str | None) -> Iterator[BoundBench]:
    """The bench, held by this run alone. Raises UnreachableError where another run has it."""
    if file is None:
        yield virtual_bench(VirtualDut())
        return
    spec, content = bench_of(file)
    with held(Path(file), lambda told: warn([told])), open_bench(spec, content, _ask) as bench:
        yield bench


def _ask(question: str) -> bool:
    """Ask whoever sits at the terminal. Where nobody does, nothing is released."""
    return sys.stdin.isatty() and typer.confirm(question, default=False, err=True)


def _told() -> Callable[[StoryRun, set[str]], None]:
    try:
        from hil.stories.as_tests import tell_by_pytest  # noqa: PLC0415 # pytest is an extra
    except ModuleNotFoundError as error:
        if error.name != "pytest":
            raise
        raise InputError("run: needs pytest; allowed: with the extra: pip install 'relance[hil]'") from None
    return tell_by_pytest


def _without_passed(stories: Sequence[BenchStory], out: Path | None) -> tuple[BenchStory, ...]:
    if out is None:
        raise InputError("--rerun-failed: allowed: with --out, where the last run left its record")
    last = {each.name for each in read_record(out).stories if each.verdict in _BAD}
    return tuple(each for each in stories if each.name in last)


def _tell_plan(stories: Sequence[BenchStory], bench: BoundBench, *, as_json: bool) -> int:
    plan = [(each, why_not(each, bench)) for each in stories]
    if as_json:
        entries = [
            {"name": each.name, "real_duration": each.real_duration, "why_not": why} for each, why in plan
        ]
        sys.stdout.write(msgspec.json.encode({"bench": bench.name, "stories": entries}).decode() + "\n")
    else:
        for each, why in plan:
            sys.stdout.write(f"{'not run' if why else 'to run':<8} {each.name}{f': {why}' if why else ''}\n")
    return Exit.DONE if any(not why for _, why in plan) else Exit.NO


def _tell(record: RunRecord, out: Path | None, *, as_json: bool) -> None:
    counts = Counter(each.verdict for each in record.stories)
    if as_json:
        summary = {
            "run_id": record.run_id,
            "bench": record.bench,
            "dut": msgspec.to_builtins(record.dut),
            "commit": record.commit,
            "verdicts": {verdict.value: counts[verdict] for verdict in StoryVerdict},
            "stories": [
                {"name": each.name, "verdict": each.verdict, "why": each.why, "took_ms": each.took_ms}
                for each in record.stories
            ],
            "record": None if out is None else str(out / RECORD_FILE),
        }
        sys.stdout.write(msgspec.json.encode(summary).decode() + "\n")
        return
    for each in record.stories:
        if each.verdict is not StoryVerdict.PASSED:
            sys.stdout.write(f"{each.verdict.upper():<9} {each.name}: {each.why}\n")
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in StoryVerdict if counts[verdict])
    where = "" if out is None else f"; {out / RECORD_FILE}"
    sys.stdout.write(f"{record.dut.firmware} on {record.bench}: {told or 'no story'}{where}\n")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[StoryRecord], None]]:
    """A bar on standard error, if that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _record: None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("stories", total=total)

        def on_story(record: StoryRecord) -> None:
            if record.verdict in _BAD:
                complain(f"{record.verdict}: {record.name}: {record.why}")
            progress.update(task, advance=1, description=record.name)

        yield on_story
