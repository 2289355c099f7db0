"""The real parts together: broker, `relance serve`, `relance timeserver`, emulated meters, and a person."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from emulator.fleet.embedded_broker import EmbeddedBroker
from protocols.link.carriage import BrokerAddress
from tests.controller.faces.cli.invocation import RELANCE, call, call_outside, environment, found_home

EMULATOR = str(Path(sys.executable).parent / "relance-emulator")
PATIENCE_S = 60.0
METERS = 5


@contextmanager
def running(
    home: Path, *argv: str, broker: BrokerAddress, settings: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A program that runs until the block ends."""
    process = subprocess.Popen(
        argv,
        env=environment(home, RELANCE_BROKER=str(broker), **(settings or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def stop(process: subprocess.Popen[str], by: signal.Signals) -> tuple[int, str]:
    """The exit status of a program, and its errors."""
    process.send_signal(by)
    _, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, err


def meters_when(home: Path, count: int) -> list[dict[str, Any]]:
    """The meters, once so many are known with trusted clocks."""
    found: list[dict[str, Any]] = []
    for _ in turns():
        ended = call(home, "meters", "list", "--clock", "trusted", "--json")
        found = json.loads(ended.out)["meters"]
        if len(found) >= count:
            break
    assert len(found) == count
    return found


def turns() -> Iterator[int]:
    """Poll ten times a second, until the patience of the test is over."""
    waiting = Event()
    for turn in range(int(PATIENCE_S * 10)):
        yield turn
        waiting.wait(0.1)


def until_connected(process: subprocess.Popen[str]) -> None:
    """Wait until a program with `--verbose` has logged that it is connected."""
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "connected to broker" in line, line


@pytest.fixture
def fleet_home(tmp_path: Path) -> Path:
    found_home(tmp_path / "home")
    return tmp_path / "home"


def fleet_argv(home: Path, broker: BrokerAddress) -> list[str]:
    root = str(home / "root.json")
    argv = [EMULATOR, "fleet", "--meters", str(METERS), "--links", "2", "--broker", str(broker)]
    return [*argv, "--root", root, "--seed", "7", "--json"]


def test_a_release_is_effective_and_a_kill_loses_nothing(fleet_home: Path) -> None:
    home = fleet_home
    with EmbeddedBroker() as broker:
        at = broker.address
        with (
            running(home, RELANCE, "serve", "--verbose", broker=at) as first,
            running(home, RELANCE, "timeserver", broker=at) as second_time,
        ):
            until_connected(first)
            with running(home, *fleet_argv(home, at), broker=at):
                check_release(home, at)
                first.kill()
                check_payment_over_a_restart(home, at)
            assert stop(second_time, signal.SIGINT) == (130, "")


def check_release(home: Path, at: BrokerAddress) -> None:
    names = [meter["id"] for meter in meters_when(home, METERS)]
    assert names == [f"m{number:05}" for number in range(1, METERS + 1)]
    ended = call(home, "release", "--all", "--wait", "--json")
    assert (ended.status, ended.found["effective"]) == (0, METERS), ended
    status = next(shown for _ in turns() if not (shown := call(home, "status", "--json")).status)
    assert (status.status, status.found["service"]["broker"], status.found["queued"]) == (0, str(at), 0)
    assert status.found["meters"] == {
        "total": METERS,
        "supply": {"on": METERS},
        "clock": {"trusted": METERS},
    }
    assert [link["online"] for link in status.found["links"]] == [True, True]
    assert 0 <= ended.found["p50_ms"] <= ended.found["p99_ms"]
    check_release_of_a_restored_store(home)
    second = call_outside(home, "serve", settings={"RELANCE_BROKER": str(at)})
    assert second.status == 2
    assert "another `relance serve` runs" in second.one_line()


def check_release_of_a_restored_store(home: Path) -> None:
    """The store has lost the release before, and gives its number a second time: it is signed again above."""
    with sqlite3.connect(home / "relance.db") as connection:
        connection.execute("UPDATE signed_order SET object = 'release/lost' WHERE kind = 'release'")
        connection.execute("UPDATE counter SET value = 0 WHERE name LIKE 'rev/release/%'")
    connection.close()
    ended = call(home, "release", "m00001", "m00002", "--wait", "--json")
    assert (ended.status, ended.found["meters"], ended.found["effective"]) == (0, 2, 2), ended
    refused = [order["rev"] for order in ended.found["orders"] if order["deliveries"] == {"queued": 1}]
    assert len(refused) > 2, "two at first, and those again that were refused"


def check_payment_over_a_restart(home: Path, at: BrokerAddress) -> None:
    """The service was killed. Payments that are taken meanwhile wait in the store.

    A link syncs once a minute at most, and the new service signs for no meter that it has not heard.
    """
    topup = ("topup", "m00001", "--eur", "20.00", "--id", "till-1", "--json")
    assert call(home, *topup).found["payment"]["state"] == "requested"
    with running(home, RELANCE, "serve", broker=at) as served:
        order = None
        for _ in turns():  # each waits two seconds for the service
            order = call(home, *topup).found["order"]
            if order is not None and order["deliveries"] == {"effective": 1}:
                break
        assert order is not None
        assert order["deliveries"] == {"effective": 1}
        assert order["body"] == {"epoch": 1, "issuer": "controller", "number": 1, "total_ueur": 20_000_000}
        assert any(call(home, "status").status == 0 for _ in turns())
        assert stop(served, signal.SIGTERM) == (0, "")
    ended = call(home, "status", "--json")
    assert (ended.status, ended.found["service"]["presence"]) == (1, "absent")


@pytest.mark.parametrize("verb", ["serve", "timeserver"])
def test_a_broker_that_does_not_answer_is_an_error_of_one_line(fleet_home: Path, verb: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        ended = call_outside(fleet_home, verb, "--broker", f"mqtt://127.0.0.1:{port}")
    assert ended.status == 3
    assert ended.one_line() == f"broker mqtt://127.0.0.1:{port}: Connection refused"


@pytest.mark.parametrize("verb", ["serve", "timeserver"])
@pytest.mark.parametrize("address", ["127.0.0.1", "tcp://x", "mqtt://x:0", "mqtt://anne:geheim@x:y"])
def test_a_malformed_broker_address_is_an_error_of_one_line(
    fleet_home: Path, verb: str, address: str
) -> None:
    ended = call(fleet_home, verb, "--broker", address)
    assert ended.status == 2
    line = ended.one_line()
    assert line.startswith("broker ")
    assert "allowed: " in line
    assert "geheim" not in line


def test_a_service_without_its_passphrase_does_not_start(fleet_home: Path) -> None:
    with EmbeddedBroker() as broker:
        settings = {"RELANCE_BROKER": str(broker.address), "RELANCE_PASSPHRASE": "guessed"}
        for verb, holder in (("serve", "service"), ("timeserver", "timeserver")):
            ended = call(fleet_home, verb, settings=settings)
            assert ended.status == 2
            assert ended.one_line().endswith(f"keys/{holder}.pem: wrong passphrase, or the file is damaged")


def test_a_damaged_file_of_issuers_is_an_error_of_one_line(fleet_home: Path) -> None:
    issuers = fleet_home / "issuers.json"
    issuers.write_bytes(issuers.read_bytes()[:-1])
    with EmbeddedBroker() as broker:
        ended = call(fleet_home, "serve", settings={"RELANCE_BROKER": str(broker.address)})
    assert ended.status == 2
    assert ended.one_line().startswith(f"{issuers}: ")
