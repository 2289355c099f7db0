"""Signs lead somewhere: each kind of wrong one is seen, and the commands that texts name can be typed.

Commands are compared with the programs themselves; `tools.tidy` checks all other signs, without importing
what they name.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from cardreader.cli import app as kiosk_commands
from controller import commands
from emulator.cli import app as emulator_commands
from hil.cli import app as bench_commands
from tools.tidy import signs
from tools.tidy.project import ROOT, project_of, read_project
from tools.tidy.spans import Span, spans

PROJECT = {
    "controller/database/engine.py": '"""The store."""\n\nURL_MAX = 9\n\n\ndef migrate() -> None: ...\n',
    "controller/database/__init__.py": "",
    "emulator/meter.py": (
        "import msgspec\n\n\nclass Meter:\n    model: str\n\n"
        "    def handle(self) -> None:\n        self.at = 1\n"
    ),
    "emulator/library/guarded/night.toml": "",
    "tests/test_engine.py": "def test_it_opens() -> None: ...\n",
    "docs/flows/cut.md": "",
    "Makefile": "check: ## Check.\n",
}

WRONG_SIGNS = [
    ("`controller/store/engine.py`", "`controller/store/engine.py` does not exist"),
    ("`controller/{database,store}`", "`controller/store` does not exist"),
    ("`docs/flows/*.txt`", "`docs/flows/*.txt` does not exist"),
    ("run `pytest tests/engine -k one`", "`tests/engine` does not exist"),
    ("`gate.py`", "`gate.py` does not exist"),
    ("`guarded/evening`", "`guarded/evening` does not exist"),
    ("`store.engine`", "`store.engine`: no module or name of ours"),
    ("`engine.open`", "`engine.open`: no module or name of ours"),
    ("`controller.database.engine.open`", "no module or name of ours"),
    ("`policy.orders_life`", "no module or name of ours"),
    ("`Meter.advance`", "no module or name of ours"),
    ("`meter.advance(until)`", "`meter.advance`: no module or name of ours"),
    ("`test_it_closes`", "`test_it_closes`: there is no such test"),
    ("`make cheque`", "`make cheque`: there is no such target"),
    ("`python -m tools.untidy`", "`python -m tools.untidy`: there is no such module"),
    ("[here](docs/flows/release.md)", "the link to docs/flows/release.md leads nowhere"),
    ("[here](../README.md#start)", "the link to ../README.md#start leads nowhere"),
]

RIGHT_SIGNS = [
    "`controller/database/engine.py`, `controller/database/engine`, `database/engine.py`, `engine.py`",
    "`controller/`, `docs/flows/`, `controller/{database,database/engine.py}`, `docs/flows/*.md`",
    "`controller/database/engine.py:3`, `guarded/night`, `relance/v1/links/{link}`, `hold/NAME`",
    "`docs/NAME.md`, `tests/<package>`, `domain.md`, `report.json`",
    "`database.engine`, `controller.database.engine.URL_MAX`, `engine.migrate()`, `Meter.model`, `Meter.at`",
    "`meter.handle(event, at)`, `asyncio.timeout`, `msgspec.Raw`, `test_it_opens`, `test_engine.py`",
    "`make check`, `make TARGET`, `12.34`, `x = y.z`",
    "```\n`gate.py`\n```\n",
    "an odd ` here.\n\nand `engine.py` there",
    "[a](docs/flows/cut.md#why) [b](https://example.org/x.md) [c](docs/) [d](#here)",
]

PROGRAMS: dict[str, Any] = {
    "relance": typer.main.get_command(commands.app),
    "relance-emulator": typer.main.get_command(emulator_commands.app),
    "relance-kiosk": typer.main.get_command(kiosk_commands.app),
    "relance-hil": typer.main.get_command(bench_commands.app),
}


def wrong_with(command: str) -> str | None:
    """What is wrong with a command of ours as a text writes it; None where a person could type it.

    `a|b` stands for one of several. What follows the verb and is no option is a person's own.
    """
    program, *words = command.split()
    at = PROGRAMS[program]
    for word in (each.strip("[]") for each in words):
        verbs = getattr(at, "commands", None)
        if word.startswith("--"):
            option = word.partition("=")[0]
            if option != "--help" and not any(option in known.opts for known in at.params):
                return f"`{at.name}` has no option {option}"
        elif verbs is not None and word != "…":
            missing = [verb for verb in word.split("|") if verb not in verbs]
            if missing:
                return f"`{at.name}` has no verb {missing[0]}; it has {', '.join(sorted(verbs))}"
            at = verbs[word.split("|")[0]]
    return None


def said(text: str, path: str = "README.md") -> str:
    project = project_of(PROJECT | {path: text + "\n"})
    return "\n".join(str(found) for rule in signs.RULES for found in rule(project))


@pytest.mark.parametrize(("text", "message"), WRONG_SIGNS)
def test_a_sign_that_points_nowhere_is_seen(text: str, message: str) -> None:
    assert message in said(text)


@pytest.mark.parametrize("text", RIGHT_SIGNS)
def test_a_sign_that_points_somewhere_is_left_alone(text: str) -> None:
    assert said(text) == ""


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("emulator/x.py", '"""One.\n\nSee `gate.py`.\n"""', 3),
        ("emulator/x.py", "X = 1\n# See `gate.py`.", 2),
        ("emulator/x.py", 'raise ValueError("see `gate.py`")', 1),
        ("tests/x.py", '"""See `gate.py`."""', 1),
        ("docs/x.md", "```\nx\n```\n`gate.py`", 4),
    ],
)
def test_pages_docstrings_comments_and_messages_are_read(path: str, text: str, line: int) -> None:
    assert said(text, path) == f"{path}:{line}: `gate.py` does not exist"


@pytest.mark.parametrize("name", ["read_engine", "URL_MIN", "MeterReader", "_migrate_all"])
def test_a_bare_name_that_no_code_uses_is_seen_in_code_alone(name: str) -> None:
    assert said(f'"""See `{name}`."""', "emulator/x.py") == (
        f"emulator/x.py:1: `{name}`: no name that our code uses"
    )
    assert said(f"See `{name}`.") == ""


@pytest.mark.parametrize("name", ["migrate", "URL_MAX", "Meter", "relance", "not_before", "clean_start"])
def test_a_bare_name_that_code_uses_or_that_is_a_word_is_left_alone(name: str) -> None:
    assert said(f'"""See `{name}`."""\n\nkey = "not_before"\nf(clean_start=1)', "emulator/x.py") == ""


def test_samples_in_a_tests_strings_are_not_read() -> None:
    assert said('SAMPLE = "`gate.py`"', "tests/x.py") == ""


def commands_named() -> Iterator[Span]:
    for span in spans(read_project(ROOT)):
        if re.match(r"relance(-emulator)? [a-z-]", span.text):
            yield span


@pytest.mark.parametrize(
    "span", [pytest.param(span, id=f"{span.path}:{span.line}") for span in commands_named()]
)
def test_a_command_that_a_text_names_is_there(span: Span) -> None:
    assert wrong_with(span.text) is None, f"{span.path}:{span.line}: `{span.text}`"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("relance moratorium list", "`moratorium` has no verb list; it has declare,"),
        ("relance cutoff m00042", "has no verb cutoff"),
        ("relance release --everyone", "`release` has no option --everyone"),
        ("relance-emulator journal verify|check FILE", "`journal` has no verb check"),
        ("relance-emulator run FILE... [--json] --tracing", "`run` has no option --tracing"),
    ],
)
def test_a_command_that_is_not_there_is_seen(command: str, message: str) -> None:
    assert message in str(wrong_with(command))


@pytest.mark.parametrize(
    "command",
    ["relance --help", "relance orders sign o000004 --as bert", "relance-emulator journal verify|replay F"],
)
def test_a_command_that_is_there_is_left_alone(command: str) -> None:
    assert wrong_with(command) is None
