"""`relance-emulator library`: the scenarios that ship with the program."""

import sys
from typing import Annotated

import msgspec
import typer

from emulator.cli.exits import Exit
from emulator.cli.reading import read_files
from emulator.shipped import library


def list_library(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object per line.")] = False,  # noqa: FBT002
) -> int:
    """List the shipped scenarios.

    `relance-emulator run NAME` plays one. Ends with 1 where there is none.
    """
    names = list(library())
    width = max(map(len, names), default=0)
    for name, scenario in zip(names, read_files(names), strict=True):
        meters = len(scenario.meters)
        if as_json:
            entry = {"name": name, "scenario": scenario.name, "meters": meters}
            sys.stdout.write(msgspec.json.encode(entry).decode() + "\n")
        else:
            sys.stdout.write(f"{name:<{width}}  {scenario.name}\n")
    return Exit.DONE if names else Exit.NO
