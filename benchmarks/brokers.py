"""The brokers that are measured: the embedded one, and Debian's mosquitto if it is installed."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.machine import mosquitto
from emulator.fleet.embedded_broker import EmbeddedBroker
from protocols.errors import UnreachableError
from protocols.link.carriage import BrokerAddress

EMBEDDED: Final = "embedded"
MOSQUITTO: Final = "mosquitto"
_START_S: Final = 10.0
_POLL_S: Final = 0.02


def available() -> tuple[str, ...]:
    """The brokers that this machine has."""
    return (EMBEDDED,) if mosquitto() is None else (EMBEDDED, MOSQUITTO)


@contextmanager
def running(name: str) -> Iterator[BrokerAddress]:
    """A new broker on loopback. Raises UnreachableError if it does not start."""
    if name == EMBEDDED:
        with EmbeddedBroker() as broker:
            yield broker.address
    else:
        with _running_mosquitto() as address:
            yield address


@contextmanager
def _running_mosquitto() -> Iterator[BrokerAddress]:
    program = mosquitto()
    assert program is not None, "see `available`"
    folder = Path(tempfile.mkdtemp())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = BrokerAddress("127.0.0.1", probe.getsockname()[1])
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {address.port} {address.host}\nallow_anonymous true\npersistence false\n"
        "set_tcp_nodelay true\nmax_queued_messages 0\n"
    )
    process = subprocess.Popen(  # noqa: S603 # the broker found on this machine
        [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_ready(address)
        yield address
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _wait_until_ready(address: BrokerAddress) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address.host, address.port), timeout=0.1).close()
        except OSError:
            time.sleep(_POLL_S)
        else:
            return
    raise UnreachableError(f"mosquitto did not start at {address}")
