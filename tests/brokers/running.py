"""The brokers that we name. A test starts them, kills them, and starts them again on the same port."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time  # noqa: TID251 # waits for a real process
from pathlib import Path
from typing import Protocol

from emulator.fleet.embedded_broker import EmbeddedBroker
from protocols.link.carriage import BrokerAddress

_START_S = 10.0
_STOP_S = 5.0
# Debian installs mosquitto in sbin, which is not on everybody's path.
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])


class RunningBroker(Protocol):
    """A broker on loopback. After `kill` (as by `kill -9`), `start` brings it back to the same address."""

    @property
    def address(self) -> BrokerAddress: ...

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def signal(self, number: signal.Signals) -> None: ...

    def stop(self) -> None: ...


class Embedded(EmbeddedBroker):
    """The default broker."""

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.stop()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


def free_port() -> int:
    """A port of loopback on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ConfiguredMosquitto:
    """Debian's mosquitto with a configuration that listens on `port`."""

    def __init__(self, config: Path, port: int) -> None:
        self._config = config
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> BrokerAddress:
        return BrokerAddress("127.0.0.1", self._port)

    def start(self) -> None:
        program = shutil.which("mosquitto", path=_PATH)
        assert program is not None, "mosquitto is not installed: apt-get install mosquitto"
        self._process = subprocess.Popen(
            [program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _START_S
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=0.1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.stop()
        raise AssertionError(f"mosquitto did not start on port {self._port}")

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.stop()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_STOP_S)
            self._process = None


class Mosquitto(ConfiguredMosquitto):
    """Mosquitto without persistence, because none of our code relies on persistence."""

    def __init__(self, folder: Path, *, anonymous: bool = True, access_list: str = "") -> None:
        port, config = free_port(), folder / "mosquitto.conf"
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous {str(anonymous).lower()}\npersistence false\n"
            "set_tcp_nodelay true\nmax_queued_messages 0\n"
            # Started by root it would become another user, who may not read the list.
            + (f"acl_file {folder / 'acl'}\nuser {getpass.getuser()}\n" if access_list else "")
        )
        if access_list:
            (folder / "acl").write_text(access_list)
            (folder / "acl").chmod(0o600)
        super().__init__(config, port)
