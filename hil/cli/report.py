"""`relance-hil report`: reports from a record, as often as one likes."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from hil.record.codec import RECORD_FILE, read_record
from hil.record.files import write_whole
from hil.reports.junit import junit_of
from hil.reports.page import page_of
from protocols.rim.terminal import Exit

JUNIT_FILE: Final = "junit.xml"
PAGE_FILE: Final = "report.html"
# Of the page, where nothing else is asked for.
DEFAULT_ZONE: Final = "Europe/Brussels"


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
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="The page alone, into this file.")] = None,
    zone: Annotated[str, typer.Option(help="The page shows times by this zone's clocks.")] = DEFAULT_ZONE,
) -> int:
    """Make the reports of a run again, from its record.

    Without options: report.html, for people, and junit.xml, for programs, in the record's folder. The page is
    one file that opens without a network. Prints what it has written.
    """
    run = read_record(record)
    if junit is None and html is None:
        folder = out or (record if record.is_dir() else record.parent)
        junit, html = folder / JUNIT_FILE, folder / PAGE_FILE
    if html is not None:
        write_whole(html, page_of(run, zone), "--html")
        sys.stdout.write(f"{html}\n")
    if junit is not None:
        write_whole(junit, junit_of(run), "--junit")
        sys.stdout.write(f"{junit}\n")
    return Exit.DONE
