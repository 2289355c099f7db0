"""All commands of `relance-hil`, as rows. The module of one is imported when it is chosen."""

from collections.abc import Callable
from typing import Final

import typer

from protocols.rim.commands import CommandRow, application

PROGRAM: Final = "relance-hil"


def _run() -> Callable[..., int]:
    from hil.cli.run import run_stories

    return run_stories


def _stories() -> Callable[..., int]:
    from hil.cli.stories import list_stories

    return list_stories


def _report() -> Callable[..., int]:
    from hil.cli.report import write_reports

    return write_reports


def _compare() -> Callable[..., int]:
    from hil.cli.compare import compare_runs

    return compare_runs


def _requirements() -> Callable[..., int]:
    from hil.cli.requirements import list_requirements

    return list_requirements


def _bench() -> typer.Typer:
    from hil.cli.bench import bench_app

    return bench_app


ROWS: Final = (
    CommandRow("bench", "Look at a bench.", _bench),
    CommandRow(
        "run",
        "Tell stories to the meter on a bench, and record what it does.",
        _run,
        (
            "run",
            "run --story date-a-day-ahead --json",
            "run --bench desk.toml --tag date --out out",
            "run --out out --rerun-failed",
        ),
    ),
    CommandRow(
        "stories",
        "List the stories: what each asks, what it needs, and how long it takes on metal.",
        _stories,
        ("stories", "stories --tag date", "stories --json"),
    ),
    CommandRow(
        "report",
        "Make the reports of a run again, from its record.",
        _report,
        ("report out", "report out/record.json --junit junit.xml"),
    ),
    CommandRow(
        "compare",
        "Compare two runs: which verdicts changed, and which measurements moved.",
        _compare,
        ("compare before/record.json after/record.json", "compare before after --json"),
    ),
    CommandRow(
        "requirements",
        "Say which story asks which requirement, and which requirement no story asks.",
        _requirements,
        ("requirements out", "requirements out/record.json --json"),
    ),
)

app = application(
    PROGRAM,
    "A bench for prepaid meters: the same stories for emulated and for real ones.",
    ROWS,
    ("hil.cli",),
)
