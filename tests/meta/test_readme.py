"""What README.md and CONTRIBUTING.md tell a person to type can be typed.

In a fenced block marked `console`, lines that begin with `$ ` are commands; the others are what they
print. `make TARGET` must be a target. Our own programs are asked for `--help` with all the arguments
given, which checks the verb and the options; after a comment `<!-- run -->` or `<!-- run: exit 1 -->`
the lines of the block are really run, one after the other in one empty folder.
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PAGES = ("README.md", "CONTRIBUTING.md")
OUR_PROGRAMS = ("relance", "relance-emulator", "relance-kiosk", "relance-hil")
MEANT_AS_THEY_ARE = (".", "cp", "git", "cd", "export", "mosquitto", "mosquitto_sub", "mosquitto_pub")

BLOCK = re.compile(
    r"(?:<!-- (?P<run>run)(?:: exit (?P<status>\d+))? -->\s*\n)?^```console\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """The commands of one fenced block, and the exit status of each where it is to be run."""

    page: str
    commands: tuple[str, ...]
    run: bool
    status: int


def blocks(page: str, text: str) -> list[Block]:
    found = []
    for match in BLOCK.finditer(text):
        joined = match["text"].replace("\\\n", " ")
        commands = tuple(line[2:].strip() for line in joined.splitlines() if line.startswith("$ "))
        found.append(Block(page, commands, bool(match["run"]), int(match["status"] or 0)))
    return found


ALL = [block for page in PAGES for block in blocks(page, (ROOT / page).read_text("utf-8"))]
COMMANDS = sorted({command for block in ALL for command in block.commands})


def words_of(command: str) -> list[str]:
    """The words of a command, without settings before it, redirections, and `&` after it."""
    words = shlex.split(command, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    for stop in ("|", ">", "&", "&&", ";"):
        if stop in words:
            words = words[: words.index(stop)]
    return words


def test_the_pages_have_commands() -> None:
    assert "make demo" in COMMANDS
    assert "make test" in COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_can_be_typed(command: str) -> None:
    words = words_of(command)
    if words[0] == "make":
        argv = ["make", "--dry-run", "--always-make", *words[1:]]
    elif words[0] in OUR_PROGRAMS:
        argv = [str(BIN / words[0]), *words[1:], "--help"]
    else:
        assert words[0] in MEANT_AS_THEY_ARE, f"{command}: not a program that this test knows"
        return
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    "block",
    [pytest.param(block, id=block.commands[0]) for block in ALL if block.run]
    or [Block("there is none yet", (), run=True, status=0)],
)
def test_a_block_that_says_run_runs(block: Block, tmp_path: Path) -> None:
    for command in block.commands:
        words = words_of(command)
        assert words[0] in OUR_PROGRAMS, f"{command}: only our own programs are run"
        done = subprocess.run(
            [str(BIN / words[0]), *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
        assert done.returncode == block.status, f"{command}\n{done.stdout}{done.stderr}"


SAMPLE = """
<!-- run: exit 2 -->
```console
$ relance-emulator run \\
    missing.toml
missing.toml: no such file
```

```console
$ RELANCE_HOME=x relance serve & # in another terminal
$ make test | tail
```

```
$ not a command
```
"""


def test_blocks_are_read_as_a_person_reads_them() -> None:
    first, second = blocks("SAMPLE", SAMPLE)
    assert (first.run, first.status, second.run) == (True, 2, False)
    assert [words_of(command) for command in first.commands] == [["relance-emulator", "run", "missing.toml"]]
    assert [words_of(command) for command in second.commands] == [["relance", "serve"], ["make", "test"]]
