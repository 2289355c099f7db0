"""`relance-hil requirements`: which story asks which requirement, and which requirement no story asks."""

import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from hil.cli.options import Json
from hil.record.codec import read_record
from hil.requirements import RequirementMatrix, RequirementRow, matrix_of_record
from protocols.rim.terminal import Exit

_WIDTH_MAX: Final = 110


def list_requirements(
    record: Annotated[
        Path, typer.Argument(metavar="RECORD", help="The record of a run, or the folder that it is in.")
    ],
    *,
    as_json: Json = False,
) -> int:
    """Say which story asks which requirement, and which requirement no story asks.

    A table: requirement by requirement, its stories by their verdicts. Ends with 1 if a requirement that a
    bench can ask has no story, or a story names one that there is not.
    """
    matrix = matrix_of_record(read_record(record))
    if as_json:
        sys.stdout.write(msgspec.json.encode(_fields(matrix)).decode() + "\n")
    else:
        width = min(shutil.get_terminal_size().columns, _WIDTH_MAX)
        for line in _lines(matrix):
            sys.stdout.write(
                textwrap.fill(line, width, subsequent_indent=" " * 7, break_on_hyphens=False) + "\n"
            )
    return Exit.NO if matrix.without_story or matrix.unknown else Exit.DONE


def _lines(matrix: RequirementMatrix) -> Iterator[str]:
    for row in matrix.rows:
        yield f"{row.requirement.id:6} {_asked(row)}: {row.requirement.text}"
        for verdict, _count in row.counts:
            names = ", ".join(story.name for story in row.stories if story.verdict is verdict)
            yield f"       {verdict}: {names}"
    if matrix.without_story:
        yield f"no story asks {', '.join(each.id for each in matrix.without_story)}"
    for name, stories in matrix.unknown.items():
        yield f"{name} is no requirement; {', '.join(stories)} name it"


def _asked(row: RequirementRow) -> str:
    if row.stories:
        told = ", ".join(f"{count} {verdict}" for verdict, count in row.counts)
        return told or f"{len(row.stories)} declared"
    return "not for a bench" if row.requirement.elsewhere else "NO STORY"


def _fields(matrix: RequirementMatrix) -> dict[str, Any]:
    return {
        "requirements": [
            {
                "id": row.requirement.id,
                "text": row.requirement.text,
                "elsewhere": row.requirement.elsewhere,
                "worst": row.worst,
                "stories": [{"name": each.name, "verdict": each.verdict} for each in row.stories],
            }
            for row in matrix.rows
        ],
        "without_story": [each.id for each in matrix.without_story],
        "unknown": matrix.unknown,
    }
