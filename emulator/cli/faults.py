"""`relance-emulator faults`: the faults that can be injected into a card meter of 2020."""

import sys
from typing import Annotated

import msgspec
import typer

from emulator.cli.options import Json
from emulator.cli.paragraphs import write_line
from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.firmware.legacy.defects.defect import Defect
from emulator.forms.problems import perhaps
from emulator.scenario.shipped import library
from protocols.errors import InputError, quoted
from protocols.rim.terminal import Exit

_INDENT = "    "


def list_faults(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="Only these, and all of each."),
    ] = None,
    *,
    as_json: Json = False,
) -> int:
    """List the faults a legacy-2020 meter can have.

    `faults = [...]` of a scenario file takes these names. For each the list gives its bugs (B) and hypotheses
    (H), of which docs/bugs.md tells, and what it does; for one that is named also what it needs to act, what
    a cut that was programmed for 3 July 2020 23:01 would have looked like, and the scenarios that play it.
    """
    chosen = _chosen(names or sorted(CATALOGUE))
    for name, defect in chosen.items():
        if as_json:
            sys.stdout.write(msgspec.json.encode(_entry(name, defect)).decode() + "\n")
        elif names:
            _write_whole(name, defect)
        else:
            write_line(f"{name}  ({_numbers(defect)})")
            write_line(defect.does, _INDENT)
    if not names and not as_json:
        sys.stdout.write("\n")
        write_line("`relance-emulator faults NAME` says more of one; docs/bugs.md tells of the numbers.")
    return Exit.DONE


def _chosen(names: list[str]) -> dict[str, type[Defect]]:
    """The faults of these names. Raises InputError for a name that is none."""
    for name in names:
        if name not in CATALOGUE:
            near = perhaps(name, CATALOGUE)
            allowed = f"a name that `relance-emulator faults` lists{near}"
            raise InputError(f"NAME: {quoted(name)}; allowed: {allowed}")
    return {name: CATALOGUE[name] for name in names}


def _entry(name: str, defect: type[Defect]) -> dict[str, object]:
    return {
        "name": name,
        "bugs": defect.bugs,
        "hypotheses": defect.hypotheses,
        "does": defect.does,
        "needs": defect.needs,
        "predicts": defect.predicts,
    }


def _write_whole(name: str, defect: type[Defect]) -> None:
    write_line(name)
    played = [path for path in library() if path.endswith(f"/fault-{name}")]
    for head, text in (
        ("does", defect.does),
        ("needs", defect.needs or "nothing more"),
        ("predicts", defect.predicts),
        ("stands for", f"{_numbers(defect)} of docs/bugs.md"),
        ("played by", ", ".join(f"relance-emulator run {path}" for path in played) or "no shipped scenario"),
    ):
        write_line(f"{head + ':':<12}{text}", _INDENT, _INDENT + " " * 12)


def _numbers(defect: type[Defect]) -> str:
    return ", ".join((*defect.bugs, *defect.hypotheses))
