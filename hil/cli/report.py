"""`relance-hil report`: reports from a record, as often as one likes."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from hil.record.codec import RECORD_FILE, read_record
from hil.record.files import write_whole
from hil.reports.junit import junit_of
from protocols.rim.terminal import Exit


def write_reports(
    record: Annotated[
        Path, typer.Argument(metavar="RECORD", help=f"A run's {RECORD_FILE}, or the folder that it is in.")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the reports go; else beside the record.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JUnit's XML alone, into this file.")
    ] = None,
) -> int:
    """Make the reports of a run again, from its record.

    Without options: junit.xml in the record's folder. Prints what it has written.
    """
    run = read_record(record)
    if junit is None:
        folder = out or (record if record.is_dir() else record.parent)
        junit = folder / "junit.xml"
    write_whole(junit, junit_of(run), "--junit")
    sys.stdout.write(f"{junit}\n")
    return Exit.DONE
