"""The real `serve` on a home that was restored whole: only the broker still knows how far it had counted."""

import shutil
import signal
from pathlib import Path

from controller.office.audit import head_of
from controller.office.people import load_root
from controller.restores.mark_file import read_mark
from tests.brokers.running import RunningBroker
from tests.controller.faces.cli.fleet import store_of
from tests.controller.faces.cli.invocation import RELANCE, call, found_home
from tests.controller.faces.cli.test_served import running, stop, turns, until_connected


def declare(home: Path, *names: str) -> None:
    for name in names:
        until = ("--until", "2099-06-02T11:00+02:00")
        assert call(home, "moratorium", "declare", name, *until, "--as", "anne").status == 0


def until_marked(home: Path) -> None:
    """Wait until the mark names the last entry of the audit."""
    root, mark = load_root(home / "root.json"), None
    for _ in turns():
        with store_of(home) as session:
            head = head_of(session)
        mark = read_mark(home / "mark.json", root)
        if mark is not None and mark.last.number == head.number:
            return
    raise AssertionError(mark)


def lost_entries(home: Path) -> int:
    """What `status` says, once it is not 0; 0 where it stays so."""
    for _ in turns():
        lost = int(call(home, "status", "--json").found["lost_entries"])
        if lost:
            return lost
    return 0


def test_a_home_that_was_restored_whole_learns_of_it_from_the_broker(
    broker: RunningBroker, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    found_home(home)
    shutil.copytree(home, tmp_path / "backup")
    with running(home, RELANCE, "serve", "--verbose", broker=broker.address) as serve:
        until_connected(serve)
        declare(home, "winter", "summer", "covid")
        until_marked(home)
        stop(serve, signal.SIGTERM)
    shutil.rmtree(home)
    shutil.move(tmp_path / "backup", home)

    assert call(home, "audit", "verify").status == 0
    with running(home, RELANCE, "serve", "--verbose", broker=broker.address) as serve:
        until_connected(serve)
        assert lost_entries(home) >= 3
        status, err = stop(serve, signal.SIGTERM)
    assert status == 0
    assert "entries of the audit are lost" in err
    told = call(home, "audit", "verify")
    assert told.status == 1
    assert "a backup was restored" in told.one_line()
