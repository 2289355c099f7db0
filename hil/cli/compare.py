"""`relance-hil compare`: two runs side by side, for a person at a terminal or for a program."""

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from hil.cli.options import Json
from hil.record.codec import read_record
from hil.record.model import Measurement, RunRecord, StoryVerdict
from hil.reports.comparing import MeasurementChange, RunComparison, StoryChange, Turn, compare
from hil.reports.junit import limits_of
from protocols.rim.terminal import Exit

# How many changes are shown that are not worse: with them a screen of 24 lines is about full.
_SHOWN_MAX: Final = 4
_WIDTH_MAX: Final = 110


def compare_runs(
    before: Annotated[
        Path, typer.Argument(metavar="BEFORE", help="The record of a run, or the folder that it is in.")
    ],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="The record of a later run.")],
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every change, also those that are not worse.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Compare two runs: which verdicts changed, and which measurements moved.

    Worse are: a story that passed before and does not now, or was not asked, or is gone; one that is new and
    red; and what has become marginal. Ends with 0 if nothing got worse, else with 1.
    """
    old, new = read_record(before), read_record(after)
    compared = compare(old, new)
    if as_json:
        sys.stdout.write(msgspec.json.encode(_fields(compared)).decode() + "\n")
    else:
        width = min(shutil.get_terminal_size().columns, _WIDTH_MAX)
        for line in _lines(old, new, compared, everything=everything):
            sys.stdout.write(_fitted(line, width) + "\n")
    return Exit.NO if compared.is_worse else Exit.DONE


def _fitted(line: str, width: int) -> str:
    """A line in several, where it must be; what goes on is indented."""
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(line, width, subsequent_indent=indent, drop_whitespace=True)


def _lines(old: RunRecord, new: RunRecord, compared: RunComparison, *, everything: bool) -> Iterator[str]:
    for name, record in (("before", old), ("after", new)):
        yield f"{name + ':':8} {record.run_id}, {record.began}, {_counted(len(record.stories), 'story')}"
    for each in compared.differences:
        yield f"other {each.what}: {each.before or 'none'} → {each.after or 'none'}"
    yield f"stories: {_turns(compared.stories)}, {compared.same_stories} as before"
    yield from _chosen(compared.stories, everything=everything)
    yield f"measurements: {_turns(compared.measurements)}, {compared.same_measurements} as before"
    yield from _chosen(compared.measurements, everything=everything)
    yield "something got worse" if compared.is_worse else "nothing got worse"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun if count == 1 else noun.removesuffix('y') + 'ies'}"


def _turns(changes: Sequence[StoryChange | MeasurementChange]) -> str:
    names = {Turn.WORSE: "worse", Turn.BETTER: "better", Turn.OTHER: "otherwise changed"}
    return ", ".join(f"{sum(each.turn is turn for each in changes)} {name}" for turn, name in names.items())


def _chosen(changes: Sequence[StoryChange | MeasurementChange], *, everything: bool) -> Iterator[str]:
    """What got worse, all of it; of the rest a few."""
    others = 0
    for change in changes:
        others += change.turn is not Turn.WORSE
        if everything or change.turn is Turn.WORSE or others <= _SHOWN_MAX:
            yield from _story(change) if isinstance(change, StoryChange) else _measurement(change)
    if not everything and others > _SHOWN_MAX:
        yield f"  … {others - _SHOWN_MAX} more that are not worse; --all shows them"


def _mark(turn: Turn) -> str:
    return {Turn.WORSE: "worse: ", Turn.BETTER: "better: ", Turn.OTHER: ""}[turn]


def _story(change: StoryChange) -> Iterator[str]:
    yield f"  {_mark(change.turn)}{change.name}: {_said(change.before)} → {_said(change.after)}"
    if change.turn is Turn.WORSE and change.why:
        yield f"    {change.why.partition(chr(10))[0]}"


def _said(verdict: StoryVerdict | None) -> str:
    return "not in it" if verdict is None else verdict.value


def _measurement(change: MeasurementChange) -> Iterator[str]:
    before, after = change.before, change.after
    head = f"  {_mark(change.turn)}{change.story}, {change.name}: "
    if before is None or after is None:
        yield f"{head}{_value(before)} → {_value(after)}"
        return
    parts = [f"{_value(before)} → {_value(after)}"]
    if change.moved is not None:
        parts[0] += f" ({change.moved:+,})"
    if before.verdict is not after.verdict:
        parts.append(f"{before.verdict} → {after.verdict}")
    if (before.low, before.high) != (after.low, after.high):
        parts.append(f"limits {limits_of(before)} → {limits_of(after)}")
    if change.room_change_percent is not None and after.room is not None:
        parts.append(f"room to the limit {before.room:,} → {after.room:,} ({change.room_change_percent:+} %)")
    yield head + "; ".join(parts)


def _value(measurement: Measurement | None) -> str:
    return "not measured" if measurement is None else f"{measurement.value:,} {measurement.unit}"


def _fields(compared: RunComparison) -> dict[str, Any]:
    return {
        "worse": compared.is_worse,
        "differences": [msgspec.to_builtins(each) for each in compared.differences],
        "stories": [msgspec.to_builtins(each) for each in compared.stories],
        "same_stories": compared.same_stories,
        "measurements": [
            msgspec.to_builtins(each) | {"moved": each.moved, "room_change_percent": each.room_change_percent}
            for each in compared.measurements
        ],
        "same_measurements": compared.same_measurements,
    }
