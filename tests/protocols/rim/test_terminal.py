"""What a status says: the same of every program."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from protocols.errors import DocumentError, InputError, RefusedError, RelanceError, UnreachableError
from protocols.instants import UtcMs, ms_from_iso
from protocols.rim import clocks
from protocols.rim.terminal import Exit, exit_of, line_of

BIN = Path(sys.executable).parent
LINES = {">&-": "standard output is closed\n", ">/dev/full": "No space left on device\n"}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RefusedError("no"), 1),
        (InputError("what, where, what is allowed"), 2),
        (DocumentError("JSON is malformed"), 2),
        (UnreachableError("broker"), 3),
    ],
)
def test_an_error_of_ours_has_a_status(error: RelanceError, status: int) -> None:
    assert exit_of(error) == status


def test_the_statuses_are_those_of_the_design() -> None:
    assert sorted(map(int, Exit)) == [0, 1, 2, 3, 130]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "keys/anne.pem"),
            "keys/anne.pem: Permission denied",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_what_the_machine_refuses_is_one_line(error: OSError, line: str) -> None:
    assert line_of(error) == line


@pytest.mark.parametrize("where", [">&-", ">/dev/full", ">&- 2>&-", ">/dev/full 2>/dev/full", "<&- >&-"])
@pytest.mark.parametrize("typed", ["relance --help", "relance-emulator faults", "relance-emulator library"])
def test_an_output_that_takes_nothing_is_one_line_and_a_status(typed: str, where: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {BIN}/{typed} {where}"], stderr=subprocess.PIPE, text=True, check=False
    )
    expected = "" if "2>" in where else LINES[where.removeprefix("<&- ")]
    assert (done.returncode, done.stderr) == (Exit.WRONG_INPUT, expected)


def test_what_is_printed_never_goes_into_a_file_that_took_the_place_of_a_closed_output() -> None:
    code = (
        "import os, sys; from protocols.rim.terminal import _open_what_is_closed as o; o(); "
        "sys.exit(os.open(os.devnull, os.O_RDONLY))"
    )
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -c '{code}' <&- >&- 2>&-"], check=False, env=os.environ
    )
    assert done.returncode > 2


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ("1970-01-01T00:00:00Z", "shows 1970-01-01T00:00:00Z; allowed: 2000-01-01T00:00:00Z to "),
        (
            "2200-01-02T00:00:00Z",
            "shows 2200-01-02T00:00:00Z; allowed: 2000-01-01T00:00:00Z to 2200-01-01T00:00:00Z",
        ),
        ("", f"shows {2**60} ms; allowed: "),
    ],
)
def test_a_clock_that_is_far_out_is_named(monkeypatch: pytest.MonkeyPatch, shown: str, words: str) -> None:
    instant_ms = UtcMs(2**60) if not shown else ms_from_iso(shown)
    monkeypatch.setattr(clocks, "now_ms", lambda: instant_ms)
    with pytest.raises(InputError, match=r"^this machine's clock shows") as caught:
        clocks.checked_now_ms()
    assert words in str(caught.value)


def test_a_clock_that_may_be_right_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "now_ms", lambda: ms_from_iso("2020-07-02T21:00:00Z"))
    assert clocks.checked_now_ms() == ms_from_iso("2020-07-02T21:00:00Z")
