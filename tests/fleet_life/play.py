"""`python -m tests.fleet_life.play HOUSEHOLDS [URL]`: the life of a fleet, by the command line alone.

Without URL its store is SQLite. Its days are those of June 2020: the clock of the commands is moved on.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from protocols.instants import ms_from_iso
from protocols.rim import clocks
from tests.controller.reactivation.mail_server import MailBox
from tests.controller.reactivation.test_june_2020 import MachineOf2020
from tests.fleet_life.story import Fleet, live


def main(arguments: Sequence[str]) -> int:
    """Play it, print each command and then the ledger."""
    parser = argparse.ArgumentParser(prog="python -m tests.fleet_life.play", description=__doc__)
    parser.add_argument("households", type=int, help="how many; a hundred or more")
    parser.add_argument("url", nargs="?", help="an empty database: postgresql://USER@HOST/NAME")
    given = parser.parse_args(arguments)
    machine = MachineOf2020(ms_from_iso("2020-06-02T08:00+02:00"))
    # The commands ask the rim for the time.
    moved = mock.patch.object(clocks, "time", machine)
    with moved, tempfile.TemporaryDirectory(prefix="relance-fleet-") as folder, MailBox() as mailbox:
        fleet = Fleet(Path(folder, "home"), given.url, given.households, mailbox, machine, _say)
        ledger = live(fleet, Path(folder))
    for line, count in ledger.items():
        _say(f"{count:>9}  {line}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
