"""June 2020 played through by the command line, with real mail: who was told, and who did which step.

Dates and numbers of steps follow what is known of the reactivation of 2020: reminders from 4 June on, visits,
a deadline of 30 June that was moved to Friday 3 July at 23:01.
"""

import json
import time as real_time  # noqa: TID251 # what stands in its place below
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from protocols.instants import ms_from_iso
from protocols.rim import clocks
from tests.controller.faces.cli.invocation import Ended, call, found_home
from tests.controller.households.households import ean
from tests.controller.reactivation.mail_server import MailBox
from tests.controller.reactivation.test_mail import BOUNCE

FIRST, LAST = date(2020, 6, 4), date(2020, 7, 3)
HOUSEHOLDS = 24
LANGUAGES = ("fr", "nl", "de", "en")
OPEN = (
    *("reactivation", "open", "june-2020", "--where", "category==card"),
    *("--deadline", "2020-06-30T23:00+02:00", "--sender", "The network", "--phone", "078 78 78 00"),
    *("--basis", "decree of 18 March 2020"),
)


@dataclass
class MachineOf2020:
    """Stands in the place of `time` for the machine's clocks."""

    now_ms: int = 0

    def time_ns(self) -> int:
        return self.now_ms * 1_000_000

    def clock_gettime_ns(self, clock: int) -> int:
        return real_time.clock_gettime_ns(clock)

    CLOCK_BOOTTIME: int = real_time.CLOCK_BOOTTIME


@dataclass
class June:
    """The home, its mail server, and the machine's clock."""

    home: Path
    mailbox: MailBox
    machine: MachineOf2020

    def on(self, day: str, *argv: str, status: int = 0) -> Ended:
        """A command at an instant of 2020, such as `06-04 12:00`."""
        month_day, clock = day.split()
        self.machine.now_ms = ms_from_iso(f"2020-{month_day}T{clock}+02:00")
        settings = {"RELANCE_SMTP": self.mailbox.url, "RELANCE_MAIL_FROM": "info@example.be"}
        ended = call(self.home, *argv, settings=settings)
        assert ended.status == status, (argv, ended)
        return ended

    def act(self, day: str, verb: str, *argv: str, status: int = 0) -> dict[str, Any]:
        return self.on(day, "reactivation", verb, "june-2020", *argv, "--json", status=status).found

    def evening(self, day: date) -> dict[str, Any]:
        return self.act(f"{day:%m-%d} 23:59:30", "status")


@pytest.fixture
def june(tmp_path: Path, mailbox: MailBox, monkeypatch: pytest.MonkeyPatch) -> June:
    """Households with cards. Every third has no mail, every sixth no telephone, the last one nothing."""
    machine = MachineOf2020(ms_from_iso("2020-06-04T08:00+02:00"))
    monkeypatch.setattr(clocks, "time", machine)
    home = tmp_path / "home"
    found_home(home)
    fleet, contacts = tmp_path / "fleet.csv", tmp_path / "contacts.csv"
    lines = ["ean,meter,category,language,energy"]
    told = ["ean;name;email;phone;street;postcode;town"]
    for number in range(1, HOUSEHOLDS + 1):
        lines.append(f"{ean(number)},m{number:05},card,{LANGUAGES[number % 4]},electricity")
        email = f"h{number}@example.be" if number % 3 else ""
        phone = "0470 12 34 56" if number % 6 else ""
        street = f"Rue {number};{5000 + number % 3};Namur"
        told.append(f"{ean(number)};Household {number};{email};{phone};{street}")
    told[-1] = f"{ean(HOUSEHOLDS)};Household {HOUSEHOLDS};;;;;"
    fleet.write_text("\n".join(lines) + "\n")
    contacts.write_text("\n".join(told) + "\n")
    found = June(home, mailbox, machine)
    found.on("06-04 08:00", "meters", "import", str(fleet))
    found.on("06-04 08:05", "reactivation", "contacts", str(contacts))
    assert found.on("06-04 08:30", *OPEN, "--json").found["households"] == HOUSEHOLDS
    return found


def sent_back(june: June, number: int, path: Path) -> Path:
    """The mail in which a server says that one of ours did not arrive."""
    (mail,) = [each for each in june.mailbox.mails if each["To"] == f"h{number}@example.be"]
    returned = f"Content-Type: text/rfc822-headers\n\nMessage-ID: {mail['Message-ID']}"
    path.write_text(BOUNCE.format(action="failed", returned=returned))
    return path


def play(june: June, tmp_path: Path) -> dict[date, dict[str, Any]]:
    """What happens from day to day; returns the counts of each evening."""
    evenings: dict[date, dict[str, Any]] = {}
    for day in (FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1)):
        _day(june, f"{day:%m-%d}", tmp_path)
        evenings[day] = june.evening(day)
    return evenings


def _day(june: June, day: str, tmp_path: Path) -> None:
    done = ("--step", "card_back", "--channel")
    match day:
        case "06-04":
            assert june.act("06-04 09:00", "remind", "--wave", "first")["planned"] == HOUSEHOLDS - 1
            assert june.act("06-04 09:10", "send")["sent"] == HOUSEHOLDS - 1
        case "06-05":
            files = [str(sent_back(june, number, tmp_path / f"{number}.eml")) for number in (1, 2)]
            assert june.act("06-05 09:00", "bounce", *files) == {"name": "june-2020", "bounced": 2, "late": 0}
            assert june.act("06-05 09:01", "bounce", *files)["bounced"] == 0
            assert june.act("06-05 21:00", "remind", "--wave", "first")["planned"] == 2
            assert june.act("06-05 21:05", "send", status=1)["sent"] == 0, "not by night"
        case "06-06":
            assert june.act("06-06 08:00", "send")["sent"] == 2
        case "06-12":
            # The terminals' list of the 10th comes two days later.
            for number in (3, 4, 5, 6, 7):
                when = "2020-06-10T17:00+02:00"
                june.act(
                    "06-12 10:00",
                    "done",
                    f"m{number:05}",
                    *("--step", "at_terminal", "--channel", "card", "--on", when),
                )
        case "06-15":
            june.act("06-15 11:00", "done", "m00003", *done, "card", "--proof", "card of 15 June")
            june.act("06-15 11:05", "done", "m00004", *done, "call")
        case "06-20":
            route = tmp_path / "route.csv"
            assert june.act("06-20 08:00", "visit", "--out", str(route))["total"] == HOUSEHOLDS - 2
            assert len(route.read_text().splitlines()) == HOUSEHOLDS - 1
            june.act("06-20 10:00", "visited", "m00024", "--found", "absent")
            june.act("06-20 10:30", "visited", "m00023", "--found", "met")
            june.act("06-20 10:35", "done", "m00023", *done, "technician", "--proof", "photo 118")
        case "06-29":
            for number in range(8, 16):
                june.act("06-29 17:00", "done", f"m{number:05}", *done, "clerk")
        case "06-30":
            june.act("06-30 09:00", "undo", "m00015", *done, "clerk", "--proof", "another household")
            moved = june.act("06-30 18:00", "move", "--deadline", "2020-07-03T23:01+02:00")
            assert moved["told_otherwise"] == HOUSEHOLDS - 1
            assert june.act("06-30 18:05", "remind", "--wave", "moved")["planned"] == HOUSEHOLDS - 11
            assert june.act("06-30 18:10", "send")["sent"] == HOUSEHOLDS - 11
        case _:
            pass


def test_the_funnel_of_june_2020_is_what_happened_and_every_day_of_it_can_be_asked_again(
    june: June, tmp_path: Path
) -> None:
    evenings = play(june, tmp_path)
    ledger = {
        "06-04": (24, 0, 0, "23 written, 1 nobody"),
        "06-05": (24, 0, 0, "21 written, 3 nobody"),
        "06-06": (24, 0, 0, "23 written, 1 nobody"),
        "06-11": (24, 0, 0, "23 written, 1 nobody"),
        "06-12": (19, 5, 0, "5 acted, 18 written, 1 nobody"),
        "06-15": (19, 3, 2, "5 acted, 18 written, 1 nobody"),
        "06-20": (18, 3, 3, "6 acted, 17 written, 1 nobody"),
        "06-29": (10, 3, 11, "14 acted, 9 written, 1 nobody"),
        "06-30": (11, 3, 10, "13 acted, 10 written, 1 nobody"),
        "07-03": (11, 3, 10, "13 acted, 10 written, 1 nobody"),
    }
    for day, found in evenings.items():
        reached = ", ".join(f"{count} {name}" for name, count in found["reached"].items() if count)
        row = (found["nothing"], found["at_terminal"], found["done"], reached)
        assert ledger.get(f"{day:%m-%d}", row) == row, day
    # Ten days later each day is asked again: as it was known then, nothing has changed.
    for day, then in evenings.items():
        asked = june.act("07-13 12:00", "status", "--on", f"{day}", "--known", f"{day}")
        ignored = {"on", "on_ms", "known", "known_ms", "told_otherwise"}
        assert {k: v for k, v in asked.items() if k not in ignored} == {
            k: v for k, v in then.items() if k not in ignored
        }, day
    # As it is known now, the cards of the 10th were at terminals on the 10th, and m00015 never was done.
    assert june.act("07-13 12:00", "status", "--on", "2020-06-10")["at_terminal"] == 5
    assert june.act("07-13 12:00", "status", "--on", "2020-06-29")["done"] == 10


def test_each_mail_names_the_weekday_the_date_and_the_hour_that_count_and_none_comes_twice(
    june: June, tmp_path: Path
) -> None:
    play(june, tmp_path)
    days = {
        "fr": ("mardi 30 juin 2020 à 23h00", "vendredi 3 juillet 2020 à 23h01"),
        "nl": ("dinsdag 30 juni 2020 om 23.00 uur", "vrijdag 3 juli 2020 om 23.01 uur"),
        "de": ("Dienstag, 30. Juni 2020, um 23:00 Uhr", "Freitag, 3. Juli 2020, um 23:01 Uhr"),
        "en": ("Tuesday 30 June 2020 at 23:00", "Friday 3 July 2020 at 23:01"),
    }
    told: dict[tuple[str, int], int] = {}
    for mail in june.mailbox.mails:
        number = int(str(mail["To"]).partition("@")[0][1:])
        moments = days[LANGUAGES[number % 4]]
        text = mail.get_content()
        which = [
            place for place, moment in enumerate(moments) if moment in text and moment in mail["Subject"]
        ]
        assert len(which) == 1, "one date, and no other"
        told[str(mail["To"]), which[0]] = told.get((str(mail["To"]), which[0]), 0) + 1
    assert set(told.values()) == {1}
    # Who was done by the 30th was not told the new date; the two dead addresses got nothing more.
    second = {to for to, which in told if which == 1}
    assert not second & {f"h{n}@example.be" for n in (1, 2, 3, 4, *range(8, 15), 23)}
    assert {f"h{n}@example.be" for n in (5, 7, 16, 17, 19, 20, 22)} <= second
    sms = [json.loads(file.read_text("utf-8")) for file in (june.home / "post" / "sms").iterdir()]
    assert len({each["id"] for each in sms}) == len(sms)
    # Households 6, 12 and 18 have neither mail nor telephone: their letters are in German and French.
    letters = [file.read_text("utf-8") for file in (june.home / "post" / "letters").glob("*.html")]
    assert {text.partition('<html lang="')[2][:2] for text in letters} == {"de", "fr"}
    assert sum("Household 12\nRue 12\n5000 Namur" in text for text in letters) == 1


def test_a_cut_on_the_day_after_warns_of_whom_nobody_has_reached(june: June, tmp_path: Path) -> None:
    play(june, tmp_path)
    lifted = june.on("07-03 10:00", "moratorium", "declare", "covid", "--until", "2020-07-10T00:00+02:00")
    assert "reached" not in lifted.err, "protection warns of nobody"
    lift = june.on("07-03 11:00", "moratorium", "lift", "covid")
    assert "1 meter may be cut, and the reactivation june-2020 has reached nobody there: m00024" in lift.err
    assert "13 meters may be cut, reached by the reactivation june-2020 and not done" in lift.err
    signed = june.on("07-03 11:05", "orders", "sign", "o000002", "--as", "bart", "--json")
    (found,) = signed.found["unreached"]
    assert (found["nobody"], len(found["undone"])) == (["m00024"], 13)
    june.act("07-03 12:00", "close")
    assert "reactivation" not in june.on("07-03 12:05", "orders", "list").err


def test_a_household_tells_its_whole_story(june: June, tmp_path: Path) -> None:
    play(june, tmp_path)
    story = june.act("07-03 12:00", "show", "m00001")
    assert [(each["wave"], each["means"], each["state"]) for each in story["notices"]] == [
        ("first", "email", "bounced"),
        ("first", "sms", "sent"),
        ("moved", "sms", "sent"),
    ]
    assert "User unknown" in story["notices"][0]["reason"]
    shown = june.on("07-03 12:00", "reactivation", "show", "june-2020", "m00015").out
    assert "0 of 3 steps" in shown
    assert "not: card_back" in shown
    assert "another household" in shown
    assert ean(15) in shown
