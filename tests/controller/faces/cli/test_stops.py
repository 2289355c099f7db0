"""`relance serve` on a disk that is full, on a store that lost a table or is locked: it ends when told to."""

import resource
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import aiomqtt
import pytest

from emulator.fleet.embedded_broker import EmbeddedBroker
from protocols.link.carriage import BrokerAddress
from protocols.link.messages import Status, write_message
from protocols.link.topics import Channel, Place, topic_of
from tests.brokers.post import play
from tests.controller.faces.cli.invocation import RELANCE, found_home
from tests.controller.faces.cli.test_served import running, stop, until_connected

# Coverage writes a file at the end of each program that it measures: here that would be one more trouble.
UNMEASURED = {"COVERAGE_PROCESS_START": "", "COVERAGE_PROCESS_CONFIG": ""}


@contextmanager
def full_disk(process: subprocess.Popen[str], _store: Path) -> Iterator[None]:
    """No file may grow: as on a full disk, every write beyond the end of a file fails."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
    yield


@contextmanager
def lost_table(_process: subprocess.Popen[str], store: Path) -> Iterator[None]:
    with closing(sqlite3.connect(store)) as opened:
        for table in ("link", "outbox", "signed_order"):
            opened.execute("PRAGMA foreign_keys=OFF")
            opened.execute(f"DROP TABLE {table}")
        opened.commit()
    yield


@contextmanager
def locked(_process: subprocess.Popen[str], store: Path) -> Iterator[None]:
    with closing(sqlite3.connect(store)) as opened:
        opened.execute("BEGIN IMMEDIATE")
        yield


Trouble = Callable[[subprocess.Popen[str], Path], AbstractContextManager[None]]


@pytest.mark.parametrize(("by", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
@pytest.mark.parametrize("trouble", [full_disk, lost_table, locked])
def test_it_ends_when_told_to_and_says_what_is_missing(
    tmp_path: Path, trouble: Trouble, by: signal.Signals, status: int
) -> None:
    home = tmp_path / "home"
    found_home(home)
    with (
        EmbeddedBroker() as broker,
        running(home, RELANCE, "serve", "--verbose", broker=broker.address, settings=UNMEASURED) as process,
    ):
        until_connected(process)
        with trouble(process, home / "relance.db"):
            play(lambda: publish_birth(broker.address))
            wait_for(process, "intake: database: ")
            ended, err = stop(process, by)
    assert "Traceback" not in err
    if trouble is locked:
        # The thread that waits for the lock cannot be ended; the program is.
        assert ended == (3 if by is signal.SIGTERM else 130)
        assert err.rstrip().endswith("stopped while the store did not answer; what it lacks is sent again")
    else:
        assert ended == status
        assert "intake: ends without storing 1 received messages: database: " in err


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    while words not in (line := process.stderr.readline()):
        assert line, f"it ended without saying {words}"


async def publish_birth(address: BrokerAddress) -> None:
    birth = write_message(Status(link="link-9", online=True, sequence=1, meters=0))
    client = aiomqtt.Client(address.host, address.port, protocol=aiomqtt.ProtocolVersion.V5)
    async with client:
        await client.publish(topic_of(Place(Channel.STATUS, link="link-9")), birth, qos=1)
