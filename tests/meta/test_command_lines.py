"""All command lines look alike: help without waiting, `-h`, `--version`, completion, and where help is."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cardreader.cli import app as kiosk_app
from controller import commands
from emulator.cli import app as emulator_app
from hil.cli import app as bench_app
from protocols.rim.commands import CommandRow, _asks_for_help_alone, load

BIN = Path(sys.executable).parent
PROGRAMS = {
    "relance": commands.ROWS,
    "relance-emulator": emulator_app.ROWS,
    "relance-kiosk": kiosk_app.ROWS,
    "relance-hil": bench_app.ROWS,
}
ENTRIES = {
    "relance": "controller.main",
    "relance-emulator": "emulator.cli",
    "relance-kiosk": "cardreader.cli",
    "relance-hil": "hil.cli",
}
APPS = {
    "relance": commands.app,
    "relance-emulator": emulator_app.app,
    "relance-kiosk": kiosk_app.app,
    "relance-hil": bench_app.app,
}
MODULES = {
    "relance": "controller.commands",
    "relance-emulator": "emulator.cli.app",
    "relance-kiosk": "cardreader.cli.app",
    "relance-hil": "hil.cli.app",
}
# A command of commands of each program, with two verbs of it.
GROUPS = {
    "relance": ("meters", "list", "show"),
    "relance-emulator": ("journal", "verify", "replay"),
    "relance-kiosk": ("card", "dump", "script"),
    "relance-hil": ("bench", "check", "check"),
}
EVERY_ROW = [(program, row) for program, rows in PROGRAMS.items() for row in rows]
# What takes long to import, and what no list of commands needs.
HEAVY = (
    "aiomqtt",
    "alembic",
    "apscheduler",
    "asyncio",
    "cryptography",
    "holidays",
    "iotcore",
    "jinja2",
    "matplotlib",
    "msgspec",
    "sqlalchemy",
    "sqlmodel",
)


def ended(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / program, *arguments],
        env=os.environ | {"COLUMNS": "100"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], [], ["--version"]], ids=str)
@pytest.mark.parametrize("program", PROGRAMS)
def test_what_help_does_not_need_is_not_imported(program: str, arguments: list[str]) -> None:
    entry = "run" if program == "relance" else "main"
    code = (
        f"import sys; sys.argv = [{program!r}, *{arguments!r}]\n"
        f"from {ENTRIES[program]} import {entry} as run; run()\n"
        f"print('imported:', *sorted({set(HEAVY)!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "imported:"


# What the verbs do is done with these; their help needs none of them.
WORKING = tuple(name for name in HEAVY if name not in {"asyncio", "cryptography", "msgspec"})
EVERY_HELP = """
import json, sys
from typer.testing import CliRunner
from {module} import app
helps = {{path: CliRunner().invoke(app, [*path.split(), "--help"]).output for path in sys.argv[1:]}}
print(json.dumps([helps, sorted({working!r} & set(sys.modules))]))
"""


def verbs(command: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command and verb that can be typed."""
    if path:
        yield " ".join(path)
    for name, each in getattr(command, "commands", {}).items():
        yield from verbs(each, (*path, name))


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_help_of_every_verb_is_whole_and_loads_nothing_that_only_the_work_needs(program: str) -> None:
    """In a process that has loaded nothing yet, against the help of verbs that are loaded whole."""
    app = APPS[program]
    paths = list(verbs(get_command(app)))
    assert len(paths) >= len(PROGRAMS[program])
    code = EVERY_HELP.format(module=MODULES[program], working=set(WORKING))
    width = os.environ | {"COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", code, *paths], env=width, capture_output=True, text=True, check=True
    )
    helps, loaded = json.loads(done.stdout)
    assert loaded == []
    for path in paths:
        whole = CliRunner().invoke(app, [*path.split(), "--help"], env={"COLUMNS": "100"}).output
        assert helps[path] == whole, path


def test_an_option_that_takes_minus_h_as_its_value_is_done_by_whole_modules() -> None:
    assert _asks_for_help_alone(["list", "--help"])
    assert _asks_for_help_alone(["-h"])
    assert not _asks_for_help_alone(["--basis", "-h"])
    assert not _asks_for_help_alone(["list"])
    assert not _asks_for_help_alone([])


def test_what_was_loaded_for_help_is_loaded_whole_for_the_work() -> None:
    code = (
        "import sys; from protocols.rim.late import late_imports\n"
        "with late_imports('controller.faces.cli'):\n"
        "    from controller.faces.cli import release as for_help\n"
        "from controller.faces.cli import release as whole\n"
        "print(type(for_help.InputError).__name__, isinstance(whole.InputError, type))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["_Late", "True"]


@pytest.mark.parametrize(("program", "row"), EVERY_ROW, ids=lambda each: getattr(each, "name", each))
def test_the_list_says_of_a_command_what_its_own_help_begins_with(program: str, row: CommandRow) -> None:
    command = load(program, row)
    assert command.name == row.name
    assert " ".join((command.help or "").strip().split("\n\n")[0].split()) == row.summary


@pytest.mark.parametrize("program", GROUPS)
def test_minus_h_is_help_everywhere(program: str) -> None:
    group, verb, _other = GROUPS[program]
    for words in ([], [group], [group, verb]):
        short, long = ended(program, *words, "-h"), ended(program, *words, "--help")
        assert (short.returncode, short.stderr, short.stdout) == (0, "", long.stdout)
        assert f"Usage: {' '.join([program, *words])}" in short.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_version_is_that_of_the_project(program: str) -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    (number,) = [line.split('"')[1] for line in project.splitlines() if line.startswith("version = ")]
    done = ended(program, "--version")
    assert (done.returncode, done.stdout) == (0, f"{program} {number}\n")


@pytest.mark.parametrize("program", GROUPS)
def test_a_shell_completes_commands_verbs_and_options(program: str) -> None:
    first = PROGRAMS[program][0].name
    group, _other, verb = GROUPS[program]
    variable = f"_{program.upper().replace('-', '_')}_COMPLETE"
    for typed, word, expected in (
        (f"{program} ", "1", first),
        (f"{program} {first} --h", "2", "--help"),
        (f"{program} {group} ", "2", verb),
    ):
        done = ended(program, **{variable: "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": word})
        assert expected in done.stdout.split(), (typed, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("program", "typed", "line"),
    [
        ("relance", "serv", "No such command 'serv'. Did you mean 'serve'? Try `relance --help`."),
        ("relance", "meters lst", "No such command 'lst'. Did you mean 'list'? Try `relance meters --help`."),
        ("relance", "meters show", "Missing argument 'METER'. Try `relance meters show --help`."),
        ("relance-emulator", "run", "Missing argument 'FILE'. Try `relance-emulator run --help`."),
        (
            "relance-emulator",
            "journal verify --frob x",
            "No such option: --frob. Try `relance-emulator journal verify --help`.",
        ),
    ],
)
def test_a_wrong_command_line_is_told_where_the_right_one_stands(program: str, typed: str, line: str) -> None:
    done = ended(program, *typed.split())
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line + "\n")
