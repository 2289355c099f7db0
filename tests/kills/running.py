"""The real processes as a person starts them, each with its log; whatever ends by itself is started again."""

import os
import signal
import subprocess
import sys
import time  # noqa: TID251 # waits for real processes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from protocols.link.carriage import BrokerAddress
from tests.brokers.running import RunningBroker
from tests.controller.faces.cli.invocation import RELANCE, Ended, environment
from tests.kills.plan import LINKS, METERS, How, Part

# A program that ends by itself, since its broker is away, is started again after this, as systemd would.
_AGAIN_S: Final = 0.3
_END_S: Final = 60.0
EMULATOR: Final = str(Path(sys.executable).with_name("relance-emulator"))
# A machine that has much else to do takes its time.
COMMAND_S: Final = 180.0


class Struck(Protocol):
    """A process that can be struck, and helped up again."""

    def start(self) -> None: ...

    def strike(self, how: How) -> None: ...

    def help_up(self, how: How) -> None: ...

    def keep(self) -> None: ...

    def stop(self) -> None: ...


class Program:
    """One of our programs; its output and errors go to `log`."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self._argv = argv
        self._env = env
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._ended_s = 0.0
        self.down = True

    def start(self) -> None:
        self.down = False
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def strike(self, how: How) -> None:
        assert self._process is not None
        if how is How.FREEZE:
            self._process.send_signal(signal.SIGSTOP)
            return
        self.down = True
        self._process.send_signal(signal.SIGKILL if how is How.KILL else signal.SIGTERM)
        self._process.wait(_END_S)

    def help_up(self, how: How) -> None:
        assert self._process is not None
        if how is How.FREEZE:
            self._process.send_signal(signal.SIGCONT)
        else:
            self.start()

    def keep(self) -> None:
        """Start it again where it has ended by itself."""
        if self.down or self._process is None or self._process.poll() is None:
            return
        now_s = time.monotonic()
        self._ended_s = self._ended_s or now_s
        if now_s - self._ended_s >= _AGAIN_S:
            self._ended_s = 0.0
            self.start()

    def stop(self, by: signal.Signals = signal.SIGINT) -> None:
        """End it in an orderly way; kill it where it does not end."""
        self.down = True
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(by)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Broker:
    """A broker that a test has started."""

    def __init__(self, broker: RunningBroker) -> None:
        self._broker = broker
        self.down = False

    def start(self) -> None:
        self._broker.start()

    def strike(self, how: How) -> None:
        if how is How.FREEZE:
            self._broker.signal(signal.SIGSTOP)
        else:
            # A broker that is told to end says goodbye to nobody either.
            self._broker.kill()

    def help_up(self, how: How) -> None:
        if how is How.FREEZE:
            self._broker.signal(signal.SIGCONT)
        else:
            self._broker.start()

    def keep(self) -> None:
        """It does not end by itself."""

    def stop(self) -> None:
        self._broker.stop()


class Command:
    """A command of `relance` that a person has typed, in a process of its own."""

    def __init__(self, home: Path, broker: BrokerAddress, *argv: str) -> None:
        self.argv = argv
        self._began_s = time.monotonic()
        self._process = subprocess.Popen(
            [RELANCE, *argv],
            env=environment(home, RELANCE_BROKER=str(broker)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def runs_ms(self) -> int:
        return int((time.monotonic() - self._began_s) * 1_000)

    def kill(self) -> None:
        self._process.kill()

    def ended(self) -> Ended | None:
        """How it ended; None while it runs."""
        if self._process.poll() is None:
            return None
        return self.wait()

    def wait(self) -> Ended:
        out, err = self._process.communicate(timeout=COMMAND_S)
        return Ended(self._process.returncode, out, err)


class Site:
    """A home, a broker, and the three programs that speak over it."""

    def __init__(self, home: Path, folder: Path, broker: RunningBroker, seed: int) -> None:
        self.home, self.folder, self.seed = home, folder, seed
        self.address = broker.address
        self.state = folder / "fleet"
        env = environment(home, RELANCE_BROKER=str(broker.address), PYTHONUNBUFFERED="1")
        fleet = [sys.executable, "-m", "tests.kills.fleet_program", "fleet", "--meters", str(METERS)]
        fleet += ["--links", str(LINKS), "--seed", str(seed), "--state", str(self.state), "--json"]
        self.programs = {
            Part.SERVE: Program([RELANCE, "serve", "--verbose"], env, folder / "serve.log"),
            Part.TIMESERVER: Program([RELANCE, "timeserver", "--verbose"], env, folder / "timeserver.log"),
            Part.FLEET: Program(fleet, env, folder / "fleet.log"),
        }
        self._said_bytes = dict.fromkeys(self.programs, 0)
        self.parts: dict[Part, Struck] = {Part.BROKER: Broker(broker), **self.programs}

    def strike(self, part: Part, how: How) -> None:
        """Strike a part; whoever loses its connection by that has to say that it is connected again."""
        self.parts[part].strike(how)
        if how is not How.FREEZE:
            for name in self.programs if part is Part.BROKER else (part,):
                self._said_bytes[name] = self.programs[name].log.stat().st_size

    def help_up(self, part: Part, how: How) -> None:
        self.parts[part].help_up(how)

    def command(self, *argv: str) -> Command:
        return Command(self.home, self.address, *argv)

    def call(self, *argv: str) -> Ended:
        """Type a command and wait for its end."""
        return self.command(*argv).wait()

    def keep(self) -> None:
        for part in self.parts.values():
            part.keep()

    def wait_until(self, holds: Callable[[], bool], patience_s: float) -> bool:
        """Look again and again until something holds; False where it never does."""
        until_s = time.monotonic() + patience_s
        while not (found := holds()) and time.monotonic() < until_s:
            self.keep()
            time.sleep(0.5)
        return found

    def stop(self) -> None:
        """End all that still runs: meters first, so that they can say goodbye; the broker last."""
        for part in (Part.FLEET, Part.SERVE, Part.TIMESERVER, Part.BROKER):
            self.parts[part].stop()

    def is_connected(self, part: Part) -> bool:
        """Whether a service has logged that it is connected, since it or the broker was killed last."""
        log = self.programs[part].log.read_bytes()[self._said_bytes[part] :]
        said = [line for line in log.splitlines() if b"connect" in line]
        return bool(said) and (b"connected to" in said[-1] or b"connected again" in said[-1])

    def logs(self, lines: int = 15) -> str:
        """The end of each log."""
        told: list[str] = []
        for name in self.programs:
            log = self.folder / f"{name}.log"
            if log.exists():
                shown = [line for line in log.read_text("utf-8", "replace").splitlines() if line[:1] != "{"]
                told += [f"--- {log}", *shown[-lines:]]
        return os.linesep.join(told)
