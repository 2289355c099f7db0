"""Runs `relance` as it is, but with a wall clock that is wrong while its crystal stays true.

`python -m tests.controller.service.wrong_clock_program FILE ARGUMENTS` is the real entry point; only the
module `time` of `protocols.rim.clocks`, where alone the program reads a clock, is replaced. FILE holds by how
many milliseconds the wall clock is wrong, and is read at each look, so that a test steps the clock of a
running process. libfaketime would not do: it shifts CLOCK_BOOTTIME too.
"""

import sys
import time  # noqa: TID251 # what the rim reads, to be bent
from pathlib import Path

from controller.main import run
from protocols.rim import clocks


class WrongTime:
    """The module `time` as the rim uses it: the wall clock is off by what a file says, the crystal is not."""

    CLOCK_BOOTTIME = time.CLOCK_BOOTTIME
    clock_gettime_ns = staticmethod(time.clock_gettime_ns)

    def __init__(self, file: Path) -> None:
        self._file = file

    def time_ns(self) -> int:
        return time.time_ns() + int(self._file.read_text("ascii") or "0") * 1_000_000


def main() -> int:
    """Start the program with the clock of the file that the first argument names."""
    file = Path(sys.argv.pop(1))
    clocks.time = WrongTime(file)  # type: ignore[assignment,attr-defined] # the part of `time` that the rim uses
    sys.argv[0] = "relance"
    return run()


if __name__ == "__main__":
    sys.exit(main())
