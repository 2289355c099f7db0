"""`relance-emulator profiles`: the kinds of meter that ship with the program, and their values."""

import sys
from typing import Annotated

import msgspec
import typer

from emulator.cli.options import Json
from emulator.cli.paragraphs import write_line
from emulator.forms.problems import perhaps
from emulator.population.profile_form import ProfileData, values_of
from emulator.population.shipped import shipped_profiles
from protocols.errors import InputError, quoted
from protocols.reasons import Energy
from protocols.rim.terminal import Exit


def list_profiles(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Only these.")] = None,
    *,
    as_json: Json = False,
) -> int:
    """List the shipped kinds of meter with the value of each parameter.

    The keys are those that `[profile.NAME]` and `[tariff]` of a scenario file change. Where electricity and
    gas differ, both values are given.
    """
    shipped = shipped_profiles()
    for name in names or ():
        if name not in shipped:
            raise InputError(f"NAME: {quoted(name)}; allowed: {', '.join(shipped)}{perhaps(name, shipped)}")
    for name in names or shipped:
        if as_json:
            entry = {"name": name} | {energy: values_of(shipped[name].of(energy)) for energy in Energy}
            sys.stdout.write(msgspec.json.encode(entry).decode() + "\n")
        else:
            _write(name, shipped[name])
    return Exit.DONE


def _write(name: str, data: ProfileData) -> None:
    electricity, gas = (values_of(data.of(energy)) for energy in (Energy.ELECTRICITY, Energy.GAS))
    width = max(map(len, electricity)) + 2
    write_line(name)
    for key, value in electricity.items():
        both = _shown(value) if value == gas[key] else f"{_shown(value)} (gas: {_shown(gas[key])})"
        write_line(f"{key:<{width}}{both}", "    ", " " * (width + 4))


def _shown(value: str | int | bool) -> str:  # noqa: FBT001 # a value of any key
    """A value as a scenario file writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else f'"{value}"'
