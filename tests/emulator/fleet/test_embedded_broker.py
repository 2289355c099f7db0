"""The embedded broker serves loopback only, is quiet, and never outlives us."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time  # noqa: TID251 # waits for a real process
from pathlib import Path

import pytest

from emulator.fleet.embedded_broker import EmbeddedBroker
from protocols.errors import UnreachableError

OWNER = textwrap.dedent("""
    import sys
    from emulator.fleet.embedded_broker import EmbeddedBroker
    with EmbeddedBroker() as broker:
        print(broker.address.port, flush=True)
        sys.stdin.read()
""")


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def soon_refuses(port: int) -> bool:
    """Whether nobody listens any more, or will not in a moment."""
    for _ in range(500):
        if not accepts(port):
            return True
        time.sleep(0.01)
    return False


def test_it_accepts_when_started_and_no_longer_when_stopped() -> None:
    broker = EmbeddedBroker()
    broker.start()
    port = broker.address.port
    assert accepts(port)
    broker.stop()
    assert not accepts(port)
    broker.stop()


def test_started_again_it_has_the_same_address() -> None:
    broker = EmbeddedBroker()
    with broker:
        address = broker.address
    with broker:
        assert broker.address == address
        assert accepts(address.port)


def test_it_listens_on_loopback_alone() -> None:
    with EmbeddedBroker() as broker:
        table = Path(f"/proc/{broker.pid}/net/tcp").read_text(encoding="ascii").splitlines()
    listening = [line.split()[1] for line in table if line.split()[3] == "0A"]
    port = f":{broker.address.port:04X}"
    assert [each for each in listening if each.endswith(port)] == [f"0100007F{port}"]


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            UnreachableError, match=f"^embedded broker at 127.0.0.1:{port}: Address already in use$"
        ):
            EmbeddedBroker(port).start()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda sent: sent.name)
def test_it_ends_with_its_owner_however_that_ends(sent: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        port = int(owner.stdout.readline())
        assert accepts(port)
        owner.send_signal(sent)
        owner.wait()
    assert soon_refuses(port)


def test_ctrl_c_for_the_whole_group_leaves_the_broker_to_its_owner() -> None:
    """The owner wants to say goodbye through it, so it must not go first."""
    with EmbeddedBroker() as broker:
        assert os.getsid(broker.pid) == broker.pid
        assert os.getpgid(broker.pid) != os.getpgid(0)


def test_it_says_nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker, socket.create_connection(("127.0.0.1", broker.address.port)) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert capfd.readouterr() == ("", "")
