"""The real programs, each alone with a wrong wall clock: `serve`, `timeserver`, and a command.

How a clock is made wrong: see `tests.controller.service.wrong_clock_program`.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from emulator.fleet.embedded_broker import EmbeddedBroker
from protocols.instants import DAY_MS, MINUTE_MS, iso_from_ms, ms_from_iso
from protocols.link.carriage import BrokerAddress
from protocols.rim.clocks import now_ms
from tests.controller.faces.cli.invocation import Ended, call, environment, found_home
from tests.controller.faces.cli.test_served import fleet_argv, meters_when, running, turns

PROGRAM: Final = (sys.executable, "-m", "tests.controller.service.wrong_clock_program")
FAR_MS: Final = (
    *(sign * days * DAY_MS for days in (1, 60, 400) for sign in (1, -1)),
    ms_from_iso("2099-01-01T00:00:00+00:00") - ms_from_iso("2026-01-01T00:00:00+00:00"),
)


class Clock:
    """The clock of one process, in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.set(0)

    def set(self, off_ms: int) -> None:
        """Put a new file in the old one's place: a reader never sees half of it."""
        new = self.file.with_suffix(".new")
        new.write_text(str(off_ms))
        new.replace(self.file)

    def argv(self, *argv: str) -> tuple[str, ...]:
        return (*PROGRAM, str(self.file), *argv)


class Site:
    """A broker, `serve`, `timeserver` and a fleet, and the clocks of the two and of a clerk."""

    def __init__(self, home: Path, at: BrokerAddress, folder: Path) -> None:
        self.home, self.at = home, at
        self.service, self.second, self.clerk = (
            Clock(folder / name) for name in ("service", "second", "clerk")
        )

    def clerks(self, *argv: str) -> Ended:
        """A command on the clerk's machine."""
        done = subprocess.run(
            self.clerk.argv(*argv),
            env=environment(self.home),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def clock(self) -> dict[str, Any]:
        found = call(self.home, "doctor", "--json").found["clock"]
        assert isinstance(found, dict)
        return found

    def until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What `doctor` says, once it fits; the last word where it never does."""
        found: dict[str, Any] = {}
        for _ in turns():
            found = self.clock()
            if found["standing"] is not None and fits(found):
                return found
        raise AssertionError(found)


@contextmanager
def site(folder: Path, *, service_ms: int = 0, second_ms: int = 0) -> Iterator[Site]:
    home = folder / "home"
    found_home(home)
    with EmbeddedBroker() as broker:
        made = Site(home, broker.address, folder)
        made.service.set(service_ms)
        made.second.set(second_ms)
        with (
            running(home, *made.service.argv("serve"), broker=made.at),
            running(home, *made.second.argv("timeserver"), broker=made.at),
        ):
            yield made


def offset_of(found: dict[str, Any], voice: str) -> int:
    return next((int(each["offset_ms"]) for each in found["heard"] if each["voice"] == voice), 0)


def trusted(found: dict[str, Any]) -> bool:
    return bool(found["standing"] == "trusted")


def test_a_step_of_either_clock_ends_no_moratorium_and_is_named(tmp_path: Path) -> None:
    with site(tmp_path) as made:
        made.until(trusted)
        ended = call(made.home, "moratorium", "declare", "mora", "--until", _in_days(30), "--json")
        assert ended.status == 0, ended
        order_id = ended.found["id"]
        for clock, voice in ((made.service, "system"), (made.second, "timeserver")):
            for off_ms in (60 * DAY_MS, -400 * DAY_MS):
                clock.set(off_ms)
                # Until the service has ticked with this clock: what it wrote names who is wrong.
                if voice == "system":
                    found = made.until(lambda found: abs(offset_of(found, "system")) > MINUTE_MS)
                    assert trusted(found)
                assert abs(made.clock()["estimate_ms"] - now_ms()) < MINUTE_MS
            clock.set(0)
        assert call(made.home, "orders", "show", order_id, "--json").found["state"] == "active"


@pytest.mark.parametrize("off_ms", [60 * DAY_MS, -400 * DAY_MS])
@pytest.mark.parametrize("liar", ["service", "second"])
def test_a_clock_that_is_wrong_from_the_start_is_outvoted_by_fleet_and_the_other(
    tmp_path: Path, liar: str, off_ms: int
) -> None:
    wrong = {f"{liar}_ms": off_ms}
    with site(tmp_path, **wrong) as made:
        found = made.until(lambda found: found["doubt"] == "apart")
        assert found["standing"] == "doubtful"
        # Protection goes on.
        with running(made.home, *fleet_argv(made.home, made.at), broker=made.at):
            meters_when(made.home, 5)
            ended = call(made.home, "release", "m00001", "--wait", "--json")
            assert (ended.status, ended.found["effective"]) == (0, 1), ended
            found = made.until(trusted)
            assert abs(found["estimate_ms"] - now_ms()) < 20 * MINUTE_MS


def test_a_clerk_whose_clock_is_wrong_alone_still_releases_and_harms_nobody(tmp_path: Path) -> None:
    with site(tmp_path) as made, running(made.home, *fleet_argv(made.home, made.at), broker=made.at):
        meters_when(made.home, 5)
        made.until(trusted)
        for off_ms in (10 * MINUTE_MS, *FAR_MS):
            made.clerk.set(off_ms)
            ended = made.clerks("release", "m00001", "--wait", "--json")
            assert (ended.status, ended.found["effective"]) == (0, 1), (off_ms, ended)
            assert "what the service last knew" in ended.err
            refused = made.clerks("flag", "clear", "m00001", "medical")
            assert refused.status == 1
            assert "clock" in refused.err


def _in_days(days: int) -> str:
    return iso_from_ms((now_ms() // 1_000) * 1_000 + days * DAY_MS)
