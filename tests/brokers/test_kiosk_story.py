"""A kiosk and a card meter, the whole way: paid, written, credited, brought back, booked, reconciled.

Real programs and a real mosquitto with the files of `relance broker config`: `serve`, `timeserver` and the
kiosk's line, each killed or away for a while.
"""

import getpass
import signal
import subprocess
import sys
import time  # noqa: TID251 # waits for real processes
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cardreader.kiosk.home import open_home
from cardreader.line.taking import limits_held
from protocols.units import UEUR_PER_EUR
from tests.brokers.running import ConfiguredMosquitto, free_port
from tests.controller.faces.cli.invocation import Ended, call, environment, found_home

BIN = Path(sys.executable).parent
WAIT_S = 60.0


class Street:
    """An office with its broker and programs, a kiosk, and a meter that only its card reaches."""

    def __init__(self, folder: Path) -> None:
        self.home, self.kiosk, self.card = folder / "home", folder / "kiosk", folder / "card.bin"
        self.meter_file, self.port = folder / "m1.json", free_port()
        self.broker_url = f"mqtts://127.0.0.1:{self.port}"
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        found_home(self.home)
        self.relance("broker", "config", "--listen", f"127.0.0.1:{self.port}", "--user", getpass.getuser())
        self.add()
        self.broker = ConfiguredMosquitto(self.home / "broker" / "server" / "mosquitto.conf", self.port)
        self.broker.start()
        self.office("issue", "--meter", "m1", "--fleet-key", str(self.home / "fleet.key"))
        self.run("relance-kiosk", "shift", "open", "--home", str(self.kiosk), "--clerk", "anne")

    def add(self) -> Ended:
        """The kiosk is proposed by one person and signed by another; then its home is brought up to date."""
        told = ("kiosk", "add", "namur-1", "--office", "namur", "--out", str(self.kiosk), "--as", "anne")
        first = self.relance(*told, "--json")
        assert self.relance(*told, "--json").found["code"] == first.found["code"]
        self.relance("issuers", "sign", "--code", first.found["code"], "--as", "bart")
        last = self.relance(*told, "--json")
        assert (last.found["in_force"], last.found["new"]) == (True, False)
        return last

    def relance(self, *argv: str, status: int = 0) -> Ended:
        ended = call(self.home, *argv, settings={"RELANCE_BROKER": self.broker_url})
        assert ended.status == status, ended
        return ended

    def office(self, command: str, *argv: str) -> None:
        """A command of `relance-kiosk` with the card in its reader."""
        self.run("relance-kiosk", command, "--reader", f"virtual:{self.card}", *argv)

    def run(self, *argv: str, statuses: tuple[int, ...] = (0,)) -> None:
        done = subprocess.run(
            [str(BIN / argv[0]), *argv[1:]],
            env=environment(self.home),
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in statuses, done

    def start(self, name: str, *argv: str) -> None:
        env = environment(self.home, RELANCE_BROKER=self.broker_url)
        self.programs[name] = subprocess.Popen(
            [str(BIN / argv[0]), *argv[1:]], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self, name: str) -> None:
        self.programs[name].send_signal(signal.SIGKILL)
        self.programs.pop(name).wait()

    def pay(self, name: str, euro: int, *statuses: int) -> None:
        """A household pays at the kiosk, and its card has the statement then."""
        reader, home = f"virtual:{self.card}", str(self.kiosk)
        told = ("--reader", reader, "--home", home, "--eur", str(euro), "--id", name)
        self.run("relance-kiosk", "topup", *told, statuses=statuses or (0,))

    def visit_meter(self) -> None:
        told = ("--state", str(self.meter_file), "--card", str(self.card))
        self.run("relance-emulator", "meter", "m1", "--home", str(self.home), *told)

    def differences(self) -> list[str]:
        ended = call(self.home, "kiosk", "reconcile", "--json")
        return [each["kind"] for each in ended.found["differences"]]

    def until(self, what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not what():
            assert time.monotonic() < deadline, (self.differences(), self.shown())
            time.sleep(0.2)

    def shown(self) -> dict[str, object]:
        (kiosk,) = self.relance("kiosk", "list", "--json").found["kiosks"]
        assert isinstance(kiosk, dict)
        return kiosk

    def balance_ueur(self) -> object:
        ended = call(self.home, "meters", "show", "m1", "--json")
        return ended.found.get("balance_ueur") if ended.status == 0 else None

    def stop(self) -> None:
        for name in list(self.programs):
            self.kill(name)
        self.broker.stop()


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    made = Street(tmp_path)
    yield made
    made.stop()


def test_paid_at_a_kiosk_with_the_controller_away_credited_by_card_and_reconciled(street: Street) -> None:
    street.start("timeserver", "relance", "timeserver")
    street.start("line", "relance-kiosk", "line", "--home", str(street.kiosk))
    # Paid while no controller is there: on the card, and in the kiosk's queue.
    street.pay("p1", 20)
    street.visit_meter()
    street.office("read", "--home", str(street.kiosk))
    street.pay("p1", 20)  # the same payment again
    assert street.shown()["heard_ms"] is None
    street.start("serve", "relance", "serve")
    street.until(lambda: street.balance_ueur() == 20 * UEUR_PER_EUR and street.differences() == [])
    assert street.shown()["booked_ueur"] == 20 * UEUR_PER_EUR
    # The line is killed with a payment in its queue, and the meter credits that before anybody hears of it.
    street.kill("line")
    street.pay("p2", 30)
    street.visit_meter()
    street.start("line", "relance-kiosk", "line", "--home", str(street.kiosk))
    street.until(lambda: street.differences() == ["not_credited"])
    street.office("exchange", "--home", str(street.kiosk))
    street.until(lambda: street.balance_ueur() == 50 * UEUR_PER_EUR and street.differences() == [])
    assert (street.shown()["state"], street.shown()["clock"]) == ("online", "trusted")
    # Revoked by one person: what it says is believed no more, though its line still runs.
    revoked = street.relance("kiosk", "revoke", "namur-1", "--as", "carl", "--json").found
    assert (revoked["broker_access_removed"], revoked["issuer_closed"]) == (True, False)
    # Until its line has brought it that, it may still take a payment; after that it takes none.
    street.pay("p3", 40, 0, 1)
    street.until(lambda: obeys_a_revocation(street))
    street.pay("p4", 5, 1)
    assert street.shown()["booked_ueur"] == 50 * UEUR_PER_EUR
    street.broker.signal(signal.SIGHUP)
    street.relance("issuers", "sign", "--code", revoked["code"], "--as", "anne")
    assert street.shown()["state"] == "revoked"
    assert street.relance("kiosk", "add", "namur-1", "--office", "x", "--out", "y", status=1).one_line()


def obeys_a_revocation(street: Street) -> bool:
    held = limits_held(open_home(street.kiosk))
    return held is not None and held.revoked


def test_a_second_home_of_one_kiosk_and_wrong_input_are_one_line(street: Street, tmp_path: Path) -> None:
    told = ("kiosk", "add", "namur-1", "--office", "namur", "--as", "anne", "--out")
    other = street.relance(*told, str(tmp_path / "elsewhere"), status=1)
    assert "was added with another key" in other.one_line()
    assert (
        "has kiosk namur-1"
        in street.relance(
            "kiosk", "add", "k2", "--office", "namur", "--as", "anne", "--out", str(tmp_path / "k2"), status=1
        ).one_line()
    )
    for argv in (("limits", "nobody"), ("revoke", "nobody"), ("reconcile", "nobody")):
        assert "no such kiosk" in street.relance("kiosk", *argv, status=1).one_line()
    wrong = street.relance("kiosk", "limits", "namur-1", "--payment-max", "300", "--as", "anne", status=2)
    assert '--payment-max: "300"; allowed: 5 to 250, in euro' in wrong.one_line()
