"""`relance-emulator fleet` as a person runs it: how it ends, what it keeps, what bad input gets."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time  # noqa: TID251 # a person's two seconds
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.fleet.embedded_broker import EmbeddedBroker
from emulator.fleet.files import read_journal
from protocols.chain import verify
from protocols.documents.bodies import HoldBody
from protocols.documents.envelope import seal
from protocols.documents.issuers import ISSUERS_TYPE, write_issuers
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope
from protocols.documents.roles import ROOT_TYPE, write_root
from protocols.instants import DAY_MS
from protocols.link.messages import MeterHolds, Receipt, Reported, Status, Sync, read_message, read_report
from protocols.link.topics import Channel, Place, controller_filters
from protocols.reasons import ClockStatus
from tests.brokers.post import Post, play, running, until
from tests.brokers.running import free_port
from tests.emulator.firmware.guarded.workbench import ISSUERS, ROOT, SIGNERS, Workbench, sign

PROGRAM = Path(sys.executable).with_name("relance-emulator")


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as started:
        yield started


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """What `relance init` leaves for a fleet."""
    signers = [SIGNERS["gina"], SIGNERS["hugo"]]
    (tmp_path / "root.json").write_bytes(seal(write_root(ROOT), ROOT_TYPE, signers))
    (tmp_path / "fleet.key").write_text("ab" * 32 + "\n")
    return tmp_path


def start(home: Path, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [PROGRAM, "fleet", *arguments],
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "200"} | environment,
    )


def refused(home: Path, *arguments: str) -> tuple[int, str]:
    """The status of a fleet that must not start, and its one line."""
    done = start(home, *arguments)
    out, err = done.communicate(timeout=30)
    assert out == ""
    (line,) = err.splitlines()
    return done.returncode, line


def test_ctrl_c_ends_it_within_two_seconds_with_130(home: Path, broker: EmbeddedBroker) -> None:
    fleet = start(home, "--broker", str(broker.address), "--root", "root.json", "--json")
    assert fleet.stdout is not None
    state = json.loads(fleet.stdout.readline())
    assert (state["meters"], state["links"]["of"], state["supply"]["on"]) == (20, 2, 20)
    interrupted_s = time.monotonic()
    fleet.send_signal(signal.SIGINT)
    _, err = fleet.communicate(timeout=10)
    assert (fleet.returncode, err) == (130, "")
    assert time.monotonic() - interrupted_s < 2


def test_a_fleet_with_its_own_broker_prints_its_address(home: Path) -> None:
    port = free_port()
    own = f"embedded:{port}"
    fleet = start(home, "--broker", own, "--root", "root.json", "--meters", "3", "--links", "1")
    assert fleet.stdout is not None
    assert "links 1/1 online; supply: 3 on" in fleet.stdout.readline()
    fleet.send_signal(signal.SIGINT)
    _, err = fleet.communicate(timeout=10)
    assert fleet.returncode == 130
    assert err.startswith(f"broker: mqtt://127.0.0.1:{port}\n")


@pytest.mark.parametrize("port", ["", "0", "65536", "x", "1883 ", "01883"])
def test_a_port_that_no_broker_can_have_is_refused(home: Path, port: str) -> None:
    status, line = refused(home, "--broker", f"embedded:{port}", "--root", "root.json")
    assert (status, "allowed: embedded, or embedded:1 to embedded:65535" in line) == (2, True)


def test_broker_and_root_come_from_the_settings_of_all_programs(home: Path, broker: EmbeddedBroker) -> None:
    fleet = start(home, "--meters", "3", RELANCE_BROKER=str(broker.address), RELANCE_HOME=str(home))
    assert fleet.stdout is not None
    assert "links 2/2 online; supply: 3 on" in fleet.stdout.readline()
    fleet.send_signal(signal.SIGINT)
    _, err = fleet.communicate(timeout=10)
    assert (fleet.returncode, err) == (130, "connected: 2 links, 3 meters\n")


def test_card_meters_run_and_exchange_nothing(home: Path) -> None:
    fleet = start(home, "--firmware", "legacy-2020", "--broker", "mqtt://127.0.0.1:1", "--meters", "3")
    assert fleet.stdout is not None
    assert "supply: 3 on" in fleet.stdout.readline()
    fleet.send_signal(signal.SIGINT)
    _, err = fleet.communicate(timeout=10)
    assert (fleet.returncode, err) == (
        130,
        "legacy-2020: no remote channel; the meters run and exchange nothing\n",
    )


class Listener(Post):
    """A controller that only listens."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        super().__init__(broker.address, "listener", controller_filters())

    def holds(self) -> dict[str, MeterHolds]:
        """The last sync of each meter."""
        syncs = [read_message(e.payload, Sync) for e in self.heard if e.place.channel is Channel.SYNC]
        return {each.meter: each for sync in syncs for each in sync.meters}

    def online(self) -> set[str]:
        """The links whose last status is a birth."""
        statuses = [e for e in self.heard if e.place.channel is Channel.STATUS]
        last = {each.place.link: read_message(each.payload, Status) for each in statuses}
        return {link for link, status in last.items() if status.online}

    def numbers(self, kind: type[Reported] | type[Receipt]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for each in self.heard:
            if each.place.channel in (Channel.REPORTED, Channel.RECEIPTS):
                report = read_report(each.payload)[0]
                if isinstance(report, kind):
                    found.setdefault(report.meter, []).append(report.number)
        return found


def test_a_kill_loses_nothing_that_was_promised(home: Path, broker: EmbeddedBroker) -> None:
    arguments = ("--broker", str(broker.address), "--root", "root.json", "--state", "kept", "--meters", "6")

    async def story() -> None:
        listener = Listener(broker)
        async with running(listener):
            fleet = start(home, *arguments)
            try:
                await until(lambda: len(listener.holds()) == 6, "all meters are there")
                bench = Workbench(now_ms=int(time.time()) * 1000)
                body = HoldBody(bench.now_ms, bench.now_ms + DAY_MS)
                order = bench.order(Kind.HOLD, "moratorium", body, scope=Scope(fleet=True))
                await listener.publish(Place(Channel.FLEET_ORDERS, order=order.id), sign(order), retain=False)
                await until(lambda: len(listener.numbers(Receipt)) == 6, "all have promised to hold")
            finally:
                fleet.kill()
                await asyncio.to_thread(fleet.communicate)
            await until(lambda: listener.online() == set(), "the broker tells the last will of both links")
            before = listener.numbers(Reported)
            listener.heard.clear()
            fleet = start(home, *arguments)
            try:
                await until(lambda: len(listener.numbers(Reported)) == 6, "all meters are there again")
                assert listener.online() == {"link-1", "link-2"}
            finally:
                fleet.send_signal(signal.SIGINT)
                await asyncio.to_thread(fleet.communicate)
            for meter, holds in listener.holds().items():
                assert [named.object for named in holds.protections] == ["hold/moratorium"]
                assert holds.clock is ClockStatus.LOST
                assert min(listener.numbers(Reported)[meter]) > max(before[meter])
        for journal in (home / "kept" / "journals").iterdir():
            assert verify(read_journal(journal)) is None

    play(story)
    assert refused(home, *arguments, "--seed", "2") == (
        2,
        "kept keeps a fleet with seed 1, not 2; allowed: the same choices, or another folder",
    )


BROKER = ("--broker", "mqtt://127.0.0.1:1")
WHOLE = (*BROKER, "--root", "root.json")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (WHOLE, 3, "broker mqtt://127.0.0.1:1: Connection refused"),
        (("--broker", "localhost", "--root", "root.json"), 2, 'broker "localhost"; allowed: mqtt[s]://'),
        (BROKER, 2, "--root: missing; allowed: the root.json that `relance init` writes"),
        ((*BROKER, "--root", "none.json"), 2, "--root: none.json: cannot be read: No such file"),
        ((*BROKER, "--root", "fleet.key"), 2, "--root: fleet.key: envelope: JSON is malformed"),
        ((*BROKER, "--root", "alone.json"), 2, "--root: alone.json: root: not signed by as many people as"),
        ((*WHOLE, "--fleet-key", "root.json"), 2, "--fleet-key: root.json: allowed: 32 bytes as hex"),
        ((*WHOLE, "--issuers", "none.json"), 2, "--issuers: none.json: cannot be read: No such file"),
        ((*WHOLE, "--issuers", "root.json"), 2, "--issuers: root.json: envelope: payloadType"),
        ((*WHOLE, "--issuers", "gina.json"), 2, "--issuers: gina.json: too_few_signers; allowed: signed by"),
        ((*WHOLE, "--meters", "0"), 2, "--meters: 0; allowed: 1 to 100000"),
        ((*WHOLE, "--links", "21"), 2, "--links: 21; allowed: 1 to 20"),
        ((*WHOLE, "--meters", "many"), 2, "Invalid value for '--meters': \"many\"; allowed: a whole number"),
        ((*WHOLE, "--rate", "0"), 2, "--rate: 0; allowed: 0.001 to 100000"),
        ((*WHOLE, "--rate", "1e308"), 2, "--rate: 1e+308; allowed: 0.001 to 100000"),
        ((*WHOLE, "--rate", "nan"), 2, "--rate: nan; allowed:"),
        ((*WHOLE, "--firmware", "best"), 2, '--firmware: "best"; allowed: guarded, legacy-2020'),
        ((*WHOLE, "--firmware", "legacy-2020", "--state", "x"), 2, "--state: legacy-2020 keeps nothing over"),
        ((*WHOLE, "--profile", "gold"), 2, '--profile: "gold"; allowed: wallonia-card-2020, '),
        ((*WHOLE, "--state", "root.json"), 2, "root.json: cannot be used: File exists"),
        ((), 2, "--broker: missing; allowed: mqtt[s]://HOST[:PORT], embedded[:PORT], or RELANCE_BROKER"),
    ],
)
def test_a_wrong_command_line_gets_one_line(
    home: Path, arguments: tuple[str, ...], status: int, message: str
) -> None:
    (home / "alone.json").write_bytes(seal(write_root(ROOT), ROOT_TYPE, [SIGNERS["gina"]]))
    (home / "gina.json").write_bytes(seal(write_issuers(ISSUERS), ISSUERS_TYPE, [SIGNERS["gina"]]))
    found, line = refused(home, *arguments)
    assert message in line
    assert found == status
