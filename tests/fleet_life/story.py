"""The life of a fleet by the command line alone: it comes, is written to, moves, is replaced and removed.

    ledger = live(home, database, households=5_000, mailbox=mailbox, machine=machine)

What is counted afterwards comes from the commands too. It is the same on every database.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocols.instants import ms_from_iso
from tests.controller.faces.cli.invocation import Ended, call
from tests.controller.reactivation.mail_server import MailBox
from tests.controller.reactivation.test_june_2020 import MachineOf2020
from tests.fleet_life import files

DEADLINE = "2020-07-03T23:01+02:00"
LEFT_ON = "2020-06-09T12:00+02:00"
# The second wave is no letter: those take the longest.
_BY = ("--by", "email", "--by", "sms")
# A ledger: what was counted, by the name of the line.
Ledger = dict[str, int]


@dataclass
class Fleet:
    """A home, its store, its mail server, and the clock of the machine. `told`: hears of each step."""

    home: Path
    database: str | None
    households: int
    mailbox: MailBox
    machine: MachineOf2020
    told: Callable[[str], None]

    def on(self, day: str, *argv: str, status: int = 0) -> Ended:
        """A command at an instant of 2020, such as `06-04 12:00`."""
        month_day, clock = day.split()
        self.machine.now_ms = ms_from_iso(f"2020-{month_day}T{clock}+02:00")
        self.told(f"2020-{day}  relance {' '.join(argv)}")
        settings = {"RELANCE_SMTP": self.mailbox.url, "RELANCE_MAIL_FROM": "info@example.be"}
        if self.database is not None:
            settings["RELANCE_DATABASE"] = self.database
        ended = call(self.home, *argv, settings=settings)
        assert ended.status == status, (argv, ended.status, ended.out[-2_000:], ended.err[-2_000:])
        return ended

    def ask(self, day: str, *argv: str, status: int = 0) -> dict[str, Any]:
        return self.on(day, *argv, "--json", status=status).found


def live(fleet: Fleet, folder: Path) -> Ledger:
    """Play all of it; the files go into `folder`. Returns the counts, which each command has printed."""
    ledger: Ledger = {}
    fleet.on("06-02 08:00", "init", "--operator=anne", "--operator=bart", "--operator=carl")
    _come(fleet, folder, ledger)
    _write_to(fleet, folder, ledger)
    _work(fleet, folder, ledger)
    _write_again(fleet, ledger)
    _count(fleet, ledger)
    return ledger


def _come(fleet: Fleet, folder: Path, ledger: Ledger) -> None:
    path = files.write(folder / "fleet.csv", files.fleet(fleet.households))
    ledger["imported"] = fleet.ask("06-02 09:00", "meters", "import", str(path))["new"]
    ledger["imported again"] = fleet.ask("06-02 09:10", "meters", "import", str(path))["new"]
    path = files.write(folder / "commissioning.csv", files.commissioning(fleet.households))
    for name in ("commissioned", "commissioned again"):
        ledger[name] = fleet.ask("06-03 09:00", "meters", "work", str(path))["counts"]["commission"]["done"]
    ledger["flags ordered"] = len(fleet.ask("06-03 10:00", "flag", "due", "--order")["ordered"])


def _write_to(fleet: Fleet, folder: Path, ledger: Ledger) -> None:
    path = files.write(folder / "contacts.csv", files.contacts(fleet.households))
    ledger["contacts"] = fleet.ask("06-04 08:00", "reactivation", "contacts", str(path))["changed"]
    opened = fleet.ask(
        *("06-04 08:30", "reactivation", "open", "june-2020", "--where", "category==card"),
        *("--deadline", DEADLINE, "--sender", "The network", "--phone", "078 78 78 00"),
    )
    ledger["reactivation opened for"] = opened["households"]
    planned = fleet.ask("06-04 09:00", "reactivation", "remind", "june-2020", "--wave", "first")
    ledger["first wave planned"], ledger["cannot be written to"] = planned["planned"], planned["unreachable"]
    ledger["first wave sent"] = fleet.ask("06-04 10:00", "reactivation", "send", "june-2020")["sent"]
    ledger["sent twice"] = fleet.ask("06-04 11:00", "reactivation", "send", "june-2020")["sent"]
    _post(fleet, ledger, "first wave")


def _work(fleet: Fleet, folder: Path, ledger: Ledger) -> None:
    path = files.write(folder / "work.csv", files.days_work(fleet.households, LEFT_ON))
    for again in ("", " again"):
        done = fleet.ask("06-09 16:00", "meters", "work", str(path), "--basis", "work of 9 June", status=1)
        for do, counts in done["counts"].items():
            ledger[f"{do}{again}"] = counts["done"]
        ledger[f"refused{again}"] = len(done["refused"])
        ledger.setdefault("carried over, EUR cents", done["carried_ueur"] // 10_000)
        ledger.setdefault("drafts of moves", len(done["drafts"]))
        drafts = done["drafts"]
        for draft in drafts:
            fleet.on("06-09 17:00", "orders", "sign", draft, "--as", "bart")


def _write_again(fleet: Fleet, ledger: Ledger) -> None:
    told = ("--step", "card_back", "--channel", "technician")
    for number in files.of(range(30, 31), fleet.households):
        fleet.on("06-15 10:00", "reactivation", "done", "june-2020", files.meter(number), *told)
    planned = fleet.ask("06-16 09:00", "reactivation", "remind", "june-2020", "--wave", "second", *_BY)
    for name in ("planned", "done", "left", "unreachable"):
        ledger[f"second wave: {name}"] = planned[name]
    ledger["second wave sent"] = fleet.ask("06-16 10:00", "reactivation", "send", "june-2020")["sent"]
    _post(fleet, ledger, "both waves")


def _post(fleet: Fleet, ledger: Ledger, wave: str) -> None:
    post = fleet.home / "post"
    ledger[f"{wave}: mails"] = len(fleet.mailbox.mails)
    for kind, ending in (("sms", "*.json"), ("letters", "*.html")):
        ledger[f"{wave}: {kind}"] = len(list((post / kind).glob(ending)))
    with suppress(KeyError):
        assert len({each["Message-ID"] for each in fleet.mailbox.mails}) == len(fleet.mailbox.mails)


def _count(fleet: Fleet, ledger: Ledger) -> None:
    at = "06-16 12:00"
    ledger["meters in the fleet"] = _matching(fleet, at)
    for name, where in (
        ("of them replacements", "id==n*"),
        ("in Liège", "area=='Liège'"),
        ("whose household is known", "category==card"),
        ("flagged medical in the file", "flag==medical"),
    ):
        ledger[name] = _matching(fleet, at, "--where", where)
    ledger["left the fleet"] = len(fleet.ask(at, "meters", "retired")["retired"])
    stands = fleet.ask(at, "reactivation", "status", "june-2020")
    ledger |= {f"reactivation: {name}": stands[name] for name in ("nothing", "done", "proved", "left")}
    ledger |= {f"reached: {name}": count for name, count in stands["reached"].items()}
    fleet.on(at, "audit", "verify")


def _matching(fleet: Fleet, at: str, *where: str) -> int:
    """How many meters a list has: those of its first page, and those that it says there are more."""
    page = fleet.ask(at, "meters", "list", "--limit", "1", *where)
    found: int = len(page["meters"]) + page["more"]
    return found
