"""`relance meters import`: who is in the fleet, as the DSO's file says, before the meters speak."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from msgspec import to_builtins
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from controller.faces.cli import admission as admission_face
from controller.faces.cli.face import Face
from controller.faces.cli.showing import print_json, print_lines
from controller.faces.cli.verbs import NAMED, verb
from controller.households.importing import CHANGES_MAX, Imported, import_households
from controller.households.rules import problems_in_words
from controller.households.table_file import DELIMITERS, ENCODINGS, rows_of
from protocols.arguments import check_choice
from protocols.documents.kind_rule import Role
from protocols.errors import InputError
from protocols.limits import FILE_LINE_BYTES_MAX
from protocols.rim.terminal import Exit, complain, line_of

# These verbs stand beside the others of `relance meters`.
app = admission_face.app

# So many changed values are shown; --json has more.
_CHANGES_SHOWN: Final = 20
_WORDS_SHOWN: Final = 8


@verb(
    app,
    "import",
    "meters import fleet.csv --dry-run",
    "meters import fleet.csv --encoding latin-1 --as anna",
    "meters import fleet.csv --delimiter semicolon --json",
    shares=NAMED,
)
def import_file(
    face: Face,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A row of heads, and a row a household.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; store nothing.")] = False,
    encoding: Annotated[str, typer.Option(metavar="NAME", help=f"One of {', '.join(ENCODINGS)}.")] = "utf-8",
    delimiter: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"{', '.join(DELIMITERS)}; default: what row 1 has.")
    ] = None,
) -> int:
    """Make households known from a CSV file: all of it, or nothing and every wrong row with its column.

    The columns are ean, meter, area, dso, category, energy, profile, firmware, link, groups, language and
    flags, in any order; only ean must be there. A column that is missing changes nothing; an empty cell takes
    a value away. The same file again changes nothing. The meter of a household joins it when it first
    speaks, under the id in the column meter, else under its EAN. Ends with 2 where a row is wrong.
    """
    check_choice(encoding, ENCODINGS, "--encoding")
    check_choice(delimiter, DELIMITERS, "--delimiter")
    size = _size_of(file)
    store = face.office.store
    by = None if dry_run else face.actor(Role.PROTECT).name
    with _bar(quiet=face.as_json) as bar:
        lines = _lines(file, bar, size)
        found = import_households(
            store, rows_of(lines, str(file), encoding, delimiter), file.name, by, face.now_ms()
        )
    if face.as_json:
        print_json(_fields(found, dry_run=dry_run))
    elif found.problems:
        _complain(found, file)
    else:
        print_lines(*_in_words(found, dry_run=dry_run))
    return Exit.WRONG_INPUT if found.wrong else Exit.DONE


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise _unread(file, error) from None


def _unread(file: Path, error: OSError) -> InputError:
    """The error names no file where one that is open cannot be read."""
    return InputError(line_of(error) if error.filename is not None else f"{file}: {line_of(error)}")


def _lines(file: Path, bar: Progress, size: int) -> Iterator[bytes]:
    """The lines of a file, each longer than allowed in parts, while the bar shows how far it is read."""
    task = bar.add_task("reading", total=size)
    try:
        with file.open("rb") as opened:
            while line := opened.readline(FILE_LINE_BYTES_MAX + 1):
                yield line
                bar.advance(task, len(line))
    except OSError as error:
        raise _unread(file, error) from None
    bar.update(task, description="comparing and storing", total=None)


def _bar(*, quiet: bool) -> Progress:
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)


def _complain(found: Imported, file: Path) -> None:
    for line in problems_in_words(found.problems):
        complain(f"{file}: {line}")
    more = found.wrong - len(found.problems)
    complain(
        f"{file}: {found.wrong} wrong{f', {more} of them not shown' if more else ''}: nothing is stored."
    )


def _in_words(found: Imported, *, dry_run: bool) -> Iterator[str]:
    counts = found.counts
    yield f"{found.rows} rows: {counts.new} new, {counts.changed} changed, {counts.same} as before."
    for change in found.changes[:_CHANGES_SHOWN]:
        yield (
            f"row {change.row}, {change.ean}: {change.column}: {change.before or 'none'} "
            f"becomes {change.after or 'none'}"
        )
    if len(found.changes) > _CHANGES_SHOWN:
        yield f"and more changed values: --json tells those of the first {CHANGES_MAX} changed rows"
    for column, words in found.new_words.items():
        shown = ", ".join(words[:_WORDS_SHOWN])
        rest = f" and {len(words) - _WORDS_SHOWN} more" if len(words) > _WORDS_SHOWN else ""
        yield f"{column}: so far no household had {shown}{rest}"
    if found.flagged:
        households = "1 household has" if found.flagged == 1 else f"{found.flagged} households have"
        yield f"{households} flags in the file: `relance flag due` shows which of them no order sets yet."
    if found.of_leavers:
        shown = ", ".join(found.leavers[:_WORDS_SHOWN])
        more = found.of_leavers - len(found.leavers[:_WORDS_SHOWN])
        yield (
            f"A household has left {shown}{f' and {more} more' if more else ''}, and this file says of who "
            "lives there now what it said of who left: is it of before the move?"
        )
    if dry_run:
        yield "A dry run: nothing is stored."


def _fields(found: Imported, *, dry_run: bool) -> dict[str, Any]:
    return {
        "rows": found.rows,
        "new": found.counts.new,
        "changed": found.counts.changed,
        "same": found.counts.same,
        "stored": not dry_run and not found.wrong,
        "dry_run": dry_run,
        "changes": to_builtins(found.changes),
        "new_words": found.new_words,
        "flagged": found.flagged,
        "of_leavers": {"count": found.of_leavers, "meters": found.leavers},
        "wrong": found.wrong,
        "problems": to_builtins(found.problems),
    }
