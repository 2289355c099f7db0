"""`relance broker config`, and the whole chain over TLS with the files that it writes."""

import getpass
import json
from pathlib import Path

import pytest

from protocols.link.carriage import BrokerAddress
from tests.brokers.running import ConfiguredMosquitto, free_port
from tests.controller.faces.cli.invocation import RELANCE, call, call_outside, found_home
from tests.controller.faces.cli.test_served import EMULATOR, METERS, meters_when, running

LINKS = ("link-1", "link-2")


@pytest.fixture
def founded(tmp_path: Path) -> Path:
    found_home(tmp_path / "home")
    return tmp_path / "home"


def test_it_says_what_it_made_and_made_nothing_the_second_time(founded: Path) -> None:
    config = [argument for link in LINKS for argument in ("--link", link)]
    first = call(founded, "broker", "config", *config, "--host", "broker.example", "--json").found
    assert first == {
        "folder": str(founded / "broker"),
        "config": str(founded / "broker" / "server" / "mosquitto.conf"),
        "listen": "127.0.0.1:8883",
        "links": list(LINKS),
        "kiosks": [],
        "made": ["server", "serve", "timeserver", *LINKS],
        "removed": [],
    }
    again = call(founded, "broker", "config", "--host", "broker.example", "--json").found
    assert again == first | {"made": []}
    gone = call(founded, "broker", "config", "--host", "broker.example", "--without", "link-1")
    assert "Taken away: link-1." in gone.out


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("--link", "a/b"), '--link: "a/b"; allowed: 1 to 64 letters'),
        (("--link", "a", "--without", "a"), "--link, --without: a in both; allowed: in one"),
        (("--without", "a"), "--without: a; allowed: none, since no link has credentials"),
        (("--renew", "a"), "--renew: a; allowed: serve, server, timeserver"),
        (("--listen", "nowhere:0"), 'broker "mqtt://nowhere:0": port 0; allowed: 1 to 65535'),
        (("--host", "a b"), 'broker "mqtt://a b"; allowed: '),
        (("--at", "a\nuser root"), '--at: "a\\nuser root"; allowed: text on one line'),
    ],
)
def test_wrong_input_is_one_line_and_makes_nothing(founded: Path, argv: tuple[str, ...], told: str) -> None:
    ended = call(founded, "broker", "config", *argv)
    assert ended.status == 2
    assert told in ended.one_line()
    assert not (founded / "broker").exists()


@pytest.mark.parametrize("verb", ["serve", "timeserver"])
def test_a_program_without_credentials_says_which_file_it_lacks(founded: Path, verb: str) -> None:
    ended = call(founded, verb, "--broker", "mqtts://127.0.0.1:1")
    assert ended.status == 2
    lacks = founded / "broker" / verb / "ca.pem"
    assert ended.one_line() == f"{lacks}: no such file; `relance broker config` makes it"


def test_the_whole_chain_runs_with_a_certificate_for_each_part(founded: Path) -> None:
    port = free_port()
    links = [argument for link in LINKS for argument in ("--link", link)]
    account = getpass.getuser()
    call(founded, "broker", "config", *links, "--listen", f"127.0.0.1:{port}", "--user", account)
    folder = founded / "broker"
    broker = ConfiguredMosquitto(folder / "server" / "mosquitto.conf", port)
    at = BrokerAddress("127.0.0.1", port, credentials=str(folder / "links"))
    fleet = [EMULATOR, "fleet", "--meters", str(METERS), "--links", "2", "--broker", str(at)]
    fleet += ["--root", str(founded / "root.json"), "--tls", str(folder / "links"), "--json"]
    broker.start()
    try:
        with (
            running(founded, RELANCE, "serve", broker=at),
            running(founded, RELANCE, "timeserver", broker=at),
            running(founded, *fleet, broker=at),
        ):
            names = [meter["id"] for meter in meters_when(founded, METERS)]
            ended = call_outside(founded, "release", names[0], "--wait", "--json")
            assert (ended.status, json.loads(ended.out)["effective"]) == (0, 1), ended
    finally:
        broker.stop()
