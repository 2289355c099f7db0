"""Calls `relance`: in the process of the test for speed, or in a process of its own where that matters."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from controller.main import run

RELANCE = str(Path(sys.executable).parent / "relance")
PASSPHRASE = "a horse that was cut off"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended."""

    status: int
    out: str
    err: str

    @property
    def found(self) -> dict[str, Any]:
        """The one JSON object that was printed."""
        (line,) = self.out.splitlines()
        found = json.loads(line)
        assert isinstance(found, dict)
        return found

    def one_line(self) -> str:
        """The one error line; there must be no traceback, and nothing on standard output."""
        assert self.out == ""
        (line,) = self.err.splitlines()
        assert "Traceback" not in line
        return line


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a call: this process's, without its width and our variables but for those given."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if name != "COLUMNS" and not name.startswith("RELANCE_")
    }
    return ours | {"RELANCE_HOME": str(home), "RELANCE_PASSPHRASE": PASSPHRASE} | more


def call(home: Path, *argv: str, settings: Mapping[str, str] | None = None) -> Ended:
    """Call `relance` in this process."""
    out, err = io.StringIO(), io.StringIO()
    seen = environment(home, **(settings or {}))
    with (
        mock.patch.dict(os.environ, seen, clear=True),
        mock.patch.object(sys, "argv", ["relance", *argv]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        status = run()
    return Ended(int(status), out.getvalue(), err.getvalue())


def call_outside(home: Path, *argv: str, settings: Mapping[str, str] | None = None) -> Ended:
    """Call `relance` as a program of its own, with nobody at a terminal."""
    done = subprocess.run(
        [RELANCE, *argv],
        env=environment(home, **(settings or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def found_home(home: Path) -> None:
    """A home with three operators."""
    names = [f"--operator={name}" for name in ("anne", "bart", "carl")]
    ended = call(home, "init", *names)
    assert ended.status == 0, ended
