"""All commands of `relance-emulator`, as rows. The module of one is imported when it is chosen."""

from collections.abc import Callable
from typing import Final

import typer

from protocols.rim.commands import CommandRow, application

PROGRAM: Final = "relance-emulator"


def _run() -> Callable[..., int]:
    from emulator.cli.run import run_scenarios

    return run_scenarios


def _library() -> Callable[..., int]:
    from emulator.cli.library import list_library

    return list_library


def _faults() -> Callable[..., int]:
    from emulator.cli.faults import list_faults

    return list_faults


def _profiles() -> Callable[..., int]:
    from emulator.cli.profiles import list_profiles

    return list_profiles


def _fleet() -> Callable[..., int]:
    from emulator.cli.fleet import run_fleet

    return run_fleet


def _meter() -> Callable[..., int]:
    from emulator.cli.meter import run_meter

    return run_meter


def _journal() -> typer.Typer:
    from emulator.cli.journal import journal_app

    return journal_app


ROWS: Final = (
    CommandRow(
        "run",
        "Play scenarios and print what happened.",
        _run,
        (
            "run night.toml",
            "run night.toml --trace m1",
            "run legacy/night-h2 --json",
            "run *.toml --quiet --junit report.xml",
        ),
    ),
    CommandRow(
        "library",
        "List the shipped scenarios.",
        _library,
        ("library", "library --json"),
    ),
    CommandRow(
        "faults",
        "List the faults a legacy-2020 meter can have.",
        _faults,
        ("faults", "faults leap_skip", "faults --json"),
    ),
    CommandRow(
        "profiles",
        "List the shipped kinds of meter with the value of each parameter.",
        _profiles,
        ("profiles", "profiles wallonia-smart", "profiles --json"),
    ),
    CommandRow(
        "fleet",
        "Run a fleet of emulated meters until Ctrl-C.",
        _fleet,
        (
            "fleet --broker mqtt://localhost --root home/root.json",
            "fleet --meters 1000 --links 4 --broker embedded --root home/root.json --state fleet",
        ),
    ),
    CommandRow(
        "meter",
        "Run one meter with its faces, or let it serve a card.",
        _meter,
        (
            "meter --profile wallonia-smart --p1 tcp:127.0.0.1:2000",
            "meter sound --scenario guarded/night-h3 --p1 pty:p1 --rate 60 --json",
            "meter --dlms tcp:127.0.0.1:4059 --dlms-password secret",
            "meter --firmware legacy-2020 --optical pty:optical --console pty:console",
            "meter m1 --state m1.json --card card.bin",
            "meter m1 --state m1.json --card card.bin --pull-after-ms 1200 --json",
            "meter m00042 --state m00042.json --card card.bin --home home",
        ),
    ),
    CommandRow("journal", "Check meters' black boxes.", _journal),
)

app = application(
    PROGRAM,
    "Emulated prepaid meters: play scenarios, and see who is cut off, when and why.",
    ROWS,
    ("emulator.cli",),
)
