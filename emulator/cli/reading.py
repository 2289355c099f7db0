"""Reads scenario files, from the disk or from the library that ships with the program."""

from collections.abc import Sequence
from pathlib import Path

from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.forms.problems import perhaps
from emulator.population.shipped import shipped_profiles
from emulator.scenario.form import read_scenario
from emulator.scenario.model import Scenario
from emulator.scenario.shipped import library
from protocols.errors import InputError, quoted
from protocols.limits import SCENARIO_BYTES_MAX


def read_files(names: Sequence[str]) -> list[Scenario]:
    """The scenarios of these names: each is a file or, if there is no such file, a name from the library.

    Raises InputError with the problems of all of them, so that nothing runs unless all are right.
    """
    scenarios: list[Scenario] = []
    problems: list[str] = []
    for name in names:
        try:
            shown = name if name.isprintable() else quoted(name)
            scenarios.append(read_scenario(_content(name), shown, shipped_profiles(), CATALOGUE))
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))
    return scenarios


def _content(name: str) -> bytes | str:
    path = Path(name)
    try:
        with path.open("rb") as file:
            # One byte more than is allowed is enough to refuse a file of any size.
            return file.read(SCENARIO_BYTES_MAX + 1)
    except FileNotFoundError:
        shipped = library()
        if name in shipped:
            return shipped[name]
        raise InputError(
            f"{quoted(name)}: no such file; allowed: a scenario file, or a name that "
            f"`relance-emulator library` lists{perhaps(name, shipped)}"
        ) from None
    except OSError as error:
        raise InputError(f"{quoted(name)}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise InputError(f"{quoted(name)}: no name of a file; allowed: a scenario file") from None
