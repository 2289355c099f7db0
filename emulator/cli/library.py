"""`relance-emulator library`: the scenarios that ship with the program."""

import sys

import msgspec

from emulator.cli.options import Json
from emulator.cli.reading import read_files
from emulator.scenario.shipped import library
from protocols.rim.terminal import Exit


def list_library(*, as_json: Json = False) -> int:
    """List the shipped scenarios.

    `relance-emulator run NAME` plays one. Ends with 1 if there is none.
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
