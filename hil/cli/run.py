"""`relance-hil run`: stories on a bench, and a record of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from hil.benches.files import bench_of
from hil.benches.opening import open_bench, unopened_bench
from hil.binding import BoundBench
from hil.capabilities import BenchError
from hil.cli.asking import ask
from hil.cli.choosing import StoryNames, StoryTags, chosen
from hil.cli.commit import commit_of_checkout
from hil.cli.keeping import BAD, RecordKeeper
from hil.cli.options import Json
from hil.cli.telling import progress, tell_plan, tell_result
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.held import held
from hil.interrupts import InterruptGate
from hil.record.codec import read_record
from hil.record.model import RunRecord, StoryVerdict
from hil.stories.running import StoryRun
from hil.stories.story import BenchStory
from protocols.errors import InputError
from protocols.rim.terminal import Exit, complain, warn

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
    release_mains: Annotated[
        bool,
        typer.Option("--release-mains", help="Nobody is at the installation: the mains may be switched."),
    ] = False,
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
    is not run, and the record says why. Ends with 0 if all that were asked passed, 1 if one did not, was not
    told, or none was asked, 3 if the bench cannot be reached or not be left with its mains off, 130 if it was
    interrupted (Ctrl-C, SIGTERM, SIGHUP). The record is there before the first story and grows with each.
    """
    stories = chosen(names, tags)
    last = _last_record(out) if rerun_failed else None
    if last is not None:
        stories = _without_passed(stories, last)
        if not stories:
            complain(f"--rerun-failed: {out}: nothing has failed in this record; it stays as it is")
            return Exit.NO
    _check_serial(dut_serial)
    # Who asks for a plan alone switches nothing on.
    asks = (lambda _: release_mains) if release_mains or dry_run else ask
    opening = _opening(bench_file, dut_serial, asks)
    keeper = RecordKeeper(out, last)
    with InterruptGate() as gate, opening.hold():
        if dry_run:
            with opening.open() as bench:
                return tell_plan(stories, bench, as_json=as_json)
        told = _tell(stories, opening, keeper, gate)
    # The result first: what cannot be written is told after it.
    tell_result(told.run.record(), out, as_json=as_json)
    if told.is_opened or last is None:
        # Of a meter that nobody could ask nothing is known: an older record of it stays as it is.
        keeper.end(told.run.record())
    return _status(told.run, stories)


class _Opening(NamedTuple):
    """A bench that is not open yet: `hold` it, then `open` it. `unopened`: what is known of it before."""

    hold: Callable[[], AbstractContextManager[None]]
    open: Callable[[], AbstractContextManager[BoundBench]]
    unopened: BoundBench


class _ToldRun(NamedTuple):
    """A run, and whether its bench could be opened."""

    run: StoryRun
    is_opened: bool


def _opening(file: str | None, dut_serial: str | None, asks: Callable[[str], bool]) -> _Opening:
    """The bench of a file, or the virtual one. Raises InputError for a file that is none."""

    def with_serial(found: BoundBench) -> BoundBench:
        return found if dut_serial is None else replace(found, dut=replace(found.dut, serial=dut_serial))

    if file is None:
        virtual = with_serial(virtual_bench(VirtualDut()))
        return _Opening(nullcontext, lambda: nullcontext(virtual), virtual)
    spec, content = bench_of(file)

    @contextmanager
    def opened() -> Iterator[BoundBench]:
        with open_bench(spec, content, asks) as bench:
            yield with_serial(bench)

    def hold() -> AbstractContextManager[None]:
        return held(Path(file), lambda told: warn([told]))

    return _Opening(hold, opened, with_serial(unopened_bench(spec, content)))


def _tell(
    stories: Sequence[BenchStory], opening: _Opening, keeper: RecordKeeper, gate: InterruptGate
) -> _ToldRun:
    """Tell them, and keep the record whatever happens."""
    tell, commit = _told(), commit_of_checkout()
    run, is_opened = StoryRun(opening.unopened, commit), False
    keeper.begin(run.record())
    try:
        with opening.open() as bench, progress(len(stories)) as on_story:
            is_opened = True
            keeper.refuse_another(bench)
            run = StoryRun(bench, commit, on_story, keeper.after_story)
            try:
                with gate.opened():
                    tell(run, {each.name for each in stories})
            except KeyboardInterrupt:
                run.is_interrupted = True
            finally:
                keeper.save(run.record())
    except BenchError as error:
        run.trouble = str(error)
        complain(run.trouble)
    if not is_opened:
        for each in stories:
            run.give_up(each, run.trouble)
    return _ToldRun(run, is_opened)


def _status(run: StoryRun, stories: Sequence[BenchStory]) -> Exit:
    if run.is_interrupted:
        return Exit.INTERRUPTED
    if run.trouble:
        return Exit.NOT_REACHABLE
    missing = {each.name for each in stories} - {each.name for each in run.stories}
    if missing:
        complain(f"run: {len(stories)} stories expected; not told: {', '.join(sorted(missing))}")
    verdicts = {each.verdict for each in run.stories}
    is_bad = missing or verdicts & set(BAD) or verdicts <= {StoryVerdict.NOT_RUN}
    return Exit.NO if is_bad else Exit.DONE


def _check_serial(dut_serial: str | None) -> None:
    if dut_serial is not None and not (dut_serial.isprintable() and 0 < len(dut_serial) <= _SERIAL_CHARS_MAX):
        raise InputError(f"--dut-serial: allowed: 1 to {_SERIAL_CHARS_MAX} printable characters")


def _told() -> Callable[[StoryRun, set[str]], None]:
    try:
        from hil.stories.as_tests import tell_by_pytest  # noqa: PLC0415 # pytest is an extra
    except ModuleNotFoundError as error:
        if error.name != "pytest":
            raise
        raise InputError("run: needs pytest; allowed: with the extra: pip install 'relance[hil]'") from None
    return tell_by_pytest


def _last_record(out: Path | None) -> RunRecord:
    if out is None:
        raise InputError("--rerun-failed: allowed: with --out, where the last run left its record")
    return read_record(out)


def _without_passed(stories: Sequence[BenchStory], last: RunRecord) -> tuple[BenchStory, ...]:
    failed = {each.name for each in last.stories if each.verdict in BAD}
    return tuple(each for each in stories if each.name in failed)
