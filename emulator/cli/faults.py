"""`relance-emulator faults`: the faults that can be injected into a card meter of 2020."""

import sys

import msgspec
from rich.console import Console
from rich.table import Table

from emulator.cli.options import Json
from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from protocols.rim.terminal import Exit

# The table's width if the output is no terminal: most cells then have at most two lines.
_WIDTH_ELSEWHERE = 160


def list_faults(*, as_json: Json = False) -> int:
    """List the faults a legacy-2020 meter can have.

    `faults = [...]` of a scenario file takes these names. For each the table gives its bugs and
    hypotheses, what it does, what it needs to act, and what a cut that was programmed for
    3 July 2020 23:01 would have looked like.
    """
    if as_json:
        for name, defect in sorted(CATALOGUE.items()):
            entry = {
                "name": name,
                "bugs": defect.bugs,
                "hypotheses": defect.hypotheses,
                "does": defect.does,
                "needs": defect.needs,
                "predicts": defect.predicts,
            }
            sys.stdout.write(msgspec.json.encode(entry).decode() + "\n")
        return Exit.DONE
    table = Table("name", "bugs", "what it does", "needs", "what it predicts", show_lines=True)
    for name, defect in sorted(CATALOGUE.items()):
        numbers = ", ".join((*defect.bugs, *defect.hypotheses))
        table.add_row(name, numbers, defect.does, defect.needs, defect.predicts)
    width = None if sys.stdout.isatty() else _WIDTH_ELSEWHERE
    Console(highlight=False, markup=False, width=width).print(table)
    return Exit.DONE
