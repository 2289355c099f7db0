"""Commands typed by a person, told in this process: a program of its own costs a second and more.

    done = typed("relance-kiosk", "read", "--reader", "virtual:card.bin", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "...")

Tests in which a signal, a closed output or the start itself matters start the program instead.
"""

import io
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from types import MappingProxyType
from unittest import mock

from cardreader.cli import main as kiosk
from controller.main import run as relance
from emulator.cli import main as emulator

_PROGRAMS: Mapping[str, Callable[[], int]] = MappingProxyType(
    {"relance": relance, "relance-emulator": emulator, "relance-kiosk": kiosk}
)


def typed(
    program: str,
    *words: str,
    cwd: Path,
    settings: Mapping[str, str] = MappingProxyType({}),
    given_input: str = "",
) -> CompletedProcess[str]:
    """How the command ended and what it printed. `settings` are added to the environment.

    An exception that the program does not catch is raised: a person would see a traceback.
    """
    seen = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with (
        chdir(cwd),
        mock.patch.dict(os.environ, seen | dict(settings), clear=True),
        mock.patch.object(sys, "argv", [program, *words]),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(given_input.encode()), "utf-8")),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        status = _PROGRAMS[program]()
    return CompletedProcess([program, *words], int(status), _text(out), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()
