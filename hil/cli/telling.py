"""What `relance-hil run` says: what it would ask, how far it is, and what came of it."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import Progress

from hil.binding import BoundBench
from hil.cli.keeping import BAD
from hil.record.codec import RECORD_FILE
from hil.record.model import RunRecord, StoryRecord, StoryVerdict
from hil.stories.playing import why_not
from hil.stories.story import BenchStory
from protocols.rim.terminal import Exit, complain


def tell_plan(stories: Sequence[BenchStory], bench: BoundBench, *, as_json: bool) -> Exit:
    """What would be asked, and what not, and why."""
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


def tell_result(record: RunRecord, out: Path | None, *, as_json: bool) -> None:
    """What came of a run."""
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
def progress(total: int) -> Iterator[Callable[[StoryRecord], None]]:
    """A bar on standard error, if that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _record: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("stories", total=total)

        def on_story(record: StoryRecord) -> None:
            if record.verdict in BAD:
                complain(f"{record.verdict}: {record.name}: {record.why}")
            bar.update(task, advance=1, description=record.name)

        yield on_story
