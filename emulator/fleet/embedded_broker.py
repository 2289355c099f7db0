"""The default broker: iotcore (rumqttd in a wheel) as a process of our own, on loopback (design §5).

Needs no root and no installation. Why this one, and what it may not be relied on for:
docs/decisions/0003-embedded-broker.md. The process itself: `python -m emulator.fleet.embedded_broker CONFIG`.
"""

import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from iotcore import IotCoreBroker

from protocols.errors import UnreachableError
from protocols.limits import PAYLOAD_BYTES_MAX
from protocols.link.carriage import BrokerAddress

_HOST: Final = "127.0.0.1"
_START_S: Final = 10.0
_STOP_S: Final = 2.0
_POLL_S: Final = 0.02

# MQTT 5 only. Topic, properties and headers come on top of a payload. The log of each filter is a ring:
# 10 × 4 MiB bounds its memory (10 × 100 MiB as shipped) and holds what thousands of meters send at once.
_CONFIG: Final = """\
id = 0

[router]
id = 0
max_connections = 10000
max_outgoing_packet_count = 200
max_segment_size = 4194304
max_segment_count = 10

[v5.1]
name = "v5"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 5000
max_payload_size = {packet_bytes_max}
max_inflight_count = 100
dynamic_filters = true
"""
_OVERHEAD_BYTES: Final = 4096


class EmbeddedBroker:
    """A broker that lives as long as this object is open, and never longer than this process.

    Retained messages beyond a hundred and everything on a restart are forgotten: nothing of ours relies
    on them. `start` and `stop` block for some tenths of a second.
    """

    def __init__(self, port: int | None = None) -> None:
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> BrokerAddress:
        """Where it listens; a started broker has one, and keeps it when it is started again."""
        assert self._port is not None, "not started"
        return BrokerAddress(_HOST, self._port)

    @property
    def pid(self) -> int:
        """The process, for a test that kills it."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it accepts connections. Raises UnreachableError where it does not."""
        assert self._process is None, "already started"
        with (
            tempfile.TemporaryDirectory() as folder,
            tempfile.TemporaryFile() as complaints,
            _reserved(self._port) as reservation,
        ):
            self._port = reservation.getsockname()[1]
            config = Path(folder, "broker.toml")
            config.write_text(
                _CONFIG.format(
                    host=_HOST, port=self._port, packet_bytes_max=PAYLOAD_BYTES_MAX + _OVERHEAD_BYTES
                )
            )
            self._process = _spawn(config, complaints)
            self._wait_until_ready(complaints)

    def stop(self) -> None:
        """End the process; no matter whether it still runs."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_ready(self, complaints: IO[bytes]) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection((_HOST, self.address.port), timeout=_POLL_S).close()
            except OSError:
                time.sleep(_POLL_S)
            else:
                return
        self.stop()
        complaints.seek(0)
        lines = complaints.read().decode(errors="replace").strip().splitlines()
        why = lines[-1] if lines else f"not ready within {_START_S:.0f} s"
        raise UnreachableError(f"embedded broker at {self.address}: {why}")


def _reserved(port: int | None) -> socket.socket:
    """A socket that keeps a port from everybody but a listener with SO_REUSEADDR, as the broker's is.

    Held until the broker listens, so that nobody takes a free port between choosing and using it.
    Raises UnreachableError where the port is taken.
    """
    reservation = socket.socket()
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        reservation.bind((_HOST, port or 0))
    except OSError as error:
        reservation.close()
        raise UnreachableError(
            f"embedded broker at {_HOST}:{port}: {os.strerror(error.errno or 0)}"
        ) from None
    return reservation


def _spawn(config: Path, complaints: IO[bytes]) -> "subprocess.Popen[bytes]":
    """The process. It ends when its standard input closes, which happens even if we are killed."""
    return subprocess.Popen(  # noqa: S603 # our own interpreter, module and file
        # -P: a folder `emulator` where the person stands must not shadow this package.
        [sys.executable, "-P", "-m", "emulator.fleet.embedded_broker", str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=complaints,
        # Ctrl-C goes to the whole session: without a session of its own the broker would end before the
        # clients that still have a last message to publish.
        start_new_session=True,
    )


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _serve(config: str) -> None:
    # rumqttd reports every packet's span as an error: what is worth knowing comes as an exception.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    IotCoreBroker(config_path=config).run_forever()


if __name__ == "__main__":
    _serve(sys.argv[1])
