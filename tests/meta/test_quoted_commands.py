"""Every command that a page quotes can be typed: its verb exists, and each option that it names."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from controller import commands
from emulator.cli import app as emulator_app

HERE = Path(__file__).parents[2]
PROGRAMS = {"relance": get_command(commands.app), "relance-emulator": get_command(emulator_app.app)}
PAGES = sorted([*HERE.glob("*.md"), *HERE.glob("docs/**/*.md")])
# In a console block, and between backticks; `journal verify|replay FILE` is two commands.
QUOTED = re.compile(r"(?:^\$ |`)((?:relance|relance-emulator) [^`\n]+?)(?:`|$)", re.MULTILINE)
OPTION = re.compile(r"--?[a-z][\w-]*(?:=.*)?")
MORE = re.compile(r"\\\n\s*")


def quoted(page: Path) -> list[str]:
    return QUOTED.findall(MORE.sub(" ", page.read_text(encoding="utf-8")))


def wrong_in(line: str) -> str:
    """What cannot be typed of a command line; empty where all can."""
    words = shlex.split(line.partition(" | ")[0].replace("[", " ").replace("]", " "))
    command: Any = PROGRAMS[words.pop(0)]
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        names = words.pop(0).split("|")
        if missing := [name for name in names if name not in command.commands]:
            return f"no command {', '.join(missing)}"
        if len(names) > 1:
            return ""
        command = command.commands[names[0]]
    known = {text for each in command.params for text in each.opts} | {"-h", "--help"}
    named = {word.partition("=")[0] for word in words if OPTION.fullmatch(word)}
    return f"no option {', '.join(sorted(named - known))}" if named - known else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HERE)))
def test_what_a_page_quotes_can_be_typed(page: Path) -> None:
    wrong = {line: why for line in quoted(page) if (why := wrong_in(line))}
    assert wrong == {}


def test_commands_are_found_and_a_wrong_one_is_noticed() -> None:
    assert sum(len(quoted(page)) for page in PAGES) > 40
    assert wrong_in("relance meters list --where 'supply==off'") == ""
    assert wrong_in("relance meters lst") == "no command lst"
    assert wrong_in("relance meters list --were x") == "no option --were"
    assert wrong_in("relance meters quarantine|admission") == ""
