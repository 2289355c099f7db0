"""`relance meters work`: a list of meters that come, leave and are replaced, carried out in one command."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from msgspec import to_builtins
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from controller.connections.work_rows import Doing, Work, WorkList, read_works
from controller.connections.working import Worked, WorkState, still_wait, work_off
from controller.faces.cli import leaving
from controller.faces.cli.face import Face
from controller.faces.cli.fleet_life import secret_folder
from controller.faces.cli.losses import mind_losses
from controller.faces.cli.showing import print_json, print_lines, print_table
from controller.faces.cli.verbs import ACTING, verb
from controller.households.rules import problems_in_words
from controller.households.table_file import DELIMITERS, ENCODINGS, rows_of
from controller.orders.acting import Act, acting
from protocols.arguments import check_choice
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from protocols.errors import InputError
from protocols.limits import FILE_LINE_BYTES_MAX
from protocols.rim.terminal import Exit, complain, line_of
from protocols.words.en.amounts import eur

# These verbs stand beside the others of `relance meters`.
app = leaving.app

_REFUSED_SHOWN: Final = 20
_ENDED_SHOWN: Final = 20


@verb(
    app,
    "work",
    "meters work monday.csv --basis 'work orders of 30 November' --as anna",
    "meters work monday.csv --secrets meters-of-monday --json",
    shares=ACTING,
)
def work_one(
    face: Face,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A row of heads, and a row a work.")],
    *,
    secrets: Annotated[
        Path | None,
        typer.Option("--secrets", metavar="DIR", help="Write what goes into each new meter: DIR/METER.json."),
    ] = None,
    encoding: Annotated[str, typer.Option(metavar="NAME", help=f"One of {', '.join(ENCODINGS)}.")] = "utf-8",
    delimiter: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"{', '.join(DELIMITERS)}; default: what row 1 has.")
    ] = None,
) -> int:
    """Carry out a list of work: commission, move-out, replace and remove, as the commands of these names.

    The columns are do, ean, meter, new, link, on, balance_eur, unconfirmed and basis; do and meter must be
    there. Where a cell is wrong nothing is done. A row that is refused is told and changes nothing; the
    others are done, and the command ends with 1. The same list again changes nothing at what is done.
    """
    check_choice(encoding, ENCODINGS, "--encoding")
    check_choice(delimiter, DELIMITERS, "--delimiter")
    listed = read_works(rows_of(_lines(file), str(file), encoding, delimiter), str(file))
    if listed.wrong:
        return _complain(face, listed, file)
    done = _carry_out(face, listed.works, secrets)
    service = face.check_served(*(status for each in done for status in (*each.sent, *each.drafts)))
    refused = [each for each in done if each.state is WorkState.REFUSED]
    if face.as_json:
        print_json(_fields(done, refused, secrets) | service)
    else:
        _print(done, refused, secrets)
    return Exit.NO if refused else Exit.DONE


def _carry_out(face: Face, works: Sequence[Work], secrets: Path | None) -> list[Worked]:
    basis, office = face.basis, face.office
    harms = any(each.do is Doing.MOVE_OUT for each in works)
    folder = None if secrets is None else secret_folder(face, secrets)
    face.warn_of_clocks()
    actor = face.actor(KINDS[Kind.CLEAR_FLAG].role if harms else Role.PROTECT)
    mind_losses(office, face.issue_ms())

    def begin() -> AbstractContextManager[Act]:
        return acting(office.store, office.root, actor, face.now_ms(), basis, here=face.here())

    done: list[Worked] = []
    with _bar(quiet=face.as_json) as bar:
        task = bar.add_task("working", total=len(works))
        try:
            for some in work_off(begin, works, folder):
                done += some
                bar.advance(task, len(some))
        except KeyboardInterrupt:
            complain(f"{len(done)} of {len(works)} rows are carried out; the same list goes on.")
            raise
    return done


def _complain(face: Face, listed: WorkList, file: Path) -> int:
    if face.as_json:
        print_json({"wrong": listed.wrong, "problems": to_builtins(listed.problems)})
        return Exit.WRONG_INPUT
    for line in problems_in_words(listed.problems):
        complain(f"{file}: {line}")
    more = listed.wrong - len(listed.problems)
    rest = f", {more} of them not shown" if more else ""
    complain(f"{file}: {listed.wrong} wrong{rest}: nothing is done.")
    return Exit.WRONG_INPUT


def _counts(done: Iterable[Worked]) -> dict[str, dict[str, int]]:
    counted = Counter((each.work.do, each.state) for each in done)
    return {do: {state: counted[do, state] for state in WorkState} for do in Doing}


def _print(done: Sequence[Worked], refused: Sequence[Worked], secrets: Path | None) -> None:
    for each in refused[:_REFUSED_SHOWN]:
        complain(_refusal(each))
    if len(refused) > _REFUSED_SHOWN:
        complain(f"and {len(refused) - _REFUSED_SHOWN} more refused rows: --json tells all")
    rows = [
        (do, *(str(count) for count in counts.values()))
        for do, counts in _counts(done).items()
        if any(counts.values())
    ]
    print_table("", ("work", *WorkState), rows)
    owed, carried = _total(done, "owed_ueur"), _total(done, "carried_ueur")
    if owed:
        print_lines(f"{eur(owed)} EUR are owed to who left, by the last reports.")
    if carried:
        print_lines(f"{eur(carried)} EUR go over to new meters.")
    ended = [name for each in done for name in each.ended]
    if ended:
        over = len(ended) - _ENDED_SHOWN
        more = f" and {over} more, which --json names" if over > 0 else ""
        print_lines(f"Ended with these rows: {', '.join(ended[:_ENDED_SHOWN])}{more}.")
    drafts = [status.order.id for status in still_wait(done)]
    if drafts:
        print_lines(
            f"{len(drafts)} orders wait for a second person, {drafts[0]} to {drafts[-1]}; `relance orders"
            " sign` signs each."
        )
    if secrets is not None:
        print_lines(f"{secrets}: what goes into the meters. Delete each file once its meter has it.")


def _refusal(each: Worked) -> str:
    return f"row {each.work.row}, {each.work.do} {each.work.meter}: {each.why}"


def _total(done: Iterable[Worked], name: str) -> int:
    return sum(getattr(each, name) for each in done)


def _fields(done: Sequence[Worked], refused: Sequence[Worked], secrets: Path | None) -> dict[str, Any]:
    return {
        "rows": len(done),
        "counts": _counts(done),
        "refused": [
            {"row": each.work.row, "do": each.work.do, "meter": each.work.meter, "why": each.why}
            for each in refused
        ],
        "owed_ueur": _total(done, "owed_ueur"),
        "carried_ueur": _total(done, "carried_ueur"),
        "sent": [status.order.id for each in done for status in each.sent],
        "drafts": [status.order.id for status in still_wait(done)],
        "ended": [name for each in done for name in each.ended],
        "secrets": None if secrets is None else str(secrets),
    }


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as opened:
            while line := opened.readline(FILE_LINE_BYTES_MAX + 1):
                yield line
    except OSError as error:
        raise InputError(line_of(error)) from None


def _bar(*, quiet: bool) -> Progress:
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
