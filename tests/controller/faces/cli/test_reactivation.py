"""`relance reactivation`: what a person sees, and what is refused, in one line each."""

import fcntl
import os
import sys
import termios
import time  # noqa: TID251 # waits for a real process
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from controller.faces.cli.reactivation_doors import cell_of
from controller.orders.acting import acting
from controller.reactivation import outbox
from controller.reactivation.acts import close
from controller.reactivation.mail import Handed
from controller.reactivation.rules import NoticeState
from protocols.instants import DAY_MS, iso_from_ms
from protocols.reasons import Voice
from protocols.rim.clocks import now_ms
from tests.controller.faces.cli.invocation import call, call_outside
from tests.controller.faces.cli.test_clocks import BOTH, service_believes
from tests.controller.households.households import ean
from tests.controller.reactivation.mail_server import MailBox

DEADLINE = "2099-07-03T23:01+02:00"
PATIENCE_S = 60.0
OPEN = (
    "reactivation",
    "open",
    "june",
    "--where",
    "area==Namur",
    "--sender",
    "The network",
    "--phone",
    "078787800",
)


@pytest.fixture
def opened(home: Path, tmp_path: Path) -> Path:
    """Three households, the third without an address, and a reactivation for them."""
    fleet, contacts = tmp_path / "fleet.csv", tmp_path / "contacts.csv"
    fleet.write_text("\n".join(["ean,meter,area", *(f"{ean(n)},m0000{n},Namur" for n in (1, 2, 3))]))
    contacts.write_text(f"ean;street;postcode;town\n{ean(1)};Rue B;5001;Namur\n{ean(2)};Rue A;5000;Namur\n")
    assert call(home, "meters", "import", str(fleet)).status == 0
    assert call(home, "reactivation", "contacts", str(contacts)).out == "2 rows: 2 new or changed.\n"
    assert call(home, *OPEN, "--deadline", DEADLINE).out == (
        "june is open for 3 households, until Friday 3 July 2099 23:01 (Europe/Brussels).\n"
    )
    return home


@pytest.fixture
def by_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine's clock shows, it is day: what is sent by night has tests of its own."""
    monkeypatch.setattr("controller.reactivation.rules.is_night", lambda _instant_ms, _zone: False)


def test_others_may_write_while_a_file_of_contacts_is_read(opened: Path, tmp_path: Path) -> None:
    """The file is a pipe that has not ended: the command reads, and another one is done meanwhile."""
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(call_outside, opened, "reactivation", "contacts", str(pipe))
        # For reading too: that waits for nobody to open the other end.
        with os.fdopen(os.open(pipe, os.O_RDWR), "w") as file:
            file.write(f"ean,email\n{ean(1)},h1@example.be\n")
            file.flush()
            wait_until_read(file.fileno())
            assert call(opened, "reactivation", "close", "june").status == 0
            file.write(f"{ean(2)},h2@example.be\n")
        assert taken.result().out == "2 rows: 2 new or changed.\n"


def wait_until_read(pipe: int) -> None:
    """Until somebody has taken all that is in the pipe."""
    ends_s = time.monotonic() + PATIENCE_S
    while int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder):
        assert time.monotonic() < ends_s, "nobody reads"
        time.sleep(0.01)


def test_the_counts_are_shown_and_add_up(opened: Path) -> None:
    assert call(opened, "reactivation", "status", "--json").found["reactivations"][0]["households"] == 3
    lines = call(opened, "reactivation", "status", "june").out.splitlines()
    assert lines[1].split() == ["nothing", "done", "3"]
    assert "3 nobody" in lines[6]
    call(opened, "reactivation", "done", "june", "m00001", "--channel", "call")
    shown = call(opened, "reactivation", "status", "june").out
    assert "1: 0 proved, 1 as the household says" in shown


def test_doors_come_street_by_street_and_those_without_an_address_last(opened: Path, tmp_path: Path) -> None:
    found = call(opened, "reactivation", "visit", "june", "--json").found
    assert [each["meter"] for each in found["doors"]] == ["m00002", "m00001", "m00003"]
    route = tmp_path / "route.csv"
    assert call(opened, "reactivation", "visit", "june", "--out", str(route)).out == f"{route}: 3 doors.\n"
    assert route.stat().st_mode & 0o777 == 0o600
    assert call(opened, "reactivation", "visit", "june", "--out", str(route)).status == 2, (
        "no file is replaced"
    )
    for meter in ("m00001", "m00002", "m00003"):
        call(opened, "reactivation", "done", "june", meter, "--channel", "technician")
    assert call(opened, "reactivation", "visit", "june").status == 1


def test_a_card_that_is_back_without_a_terminal_is_recorded_and_told(opened: Path) -> None:
    done = ("reactivation", "done", "june", "m00001")
    warned = (
        "warning: m00001: at_terminal is not recorded; without it the card brings the meter nothing new\n"
    )
    ended = call(opened, *done)
    assert (ended.status, ended.err) == (0, warned)
    assert ended.out == "m00001: card_back by clerk is recorded.\n"
    assert call(opened, *done, "--json").found["without_terminal"] is True
    assert call(opened, *done, "--step", "at_terminal").err == ""
    assert call(opened, *done, "--channel", "technician").err == ""
    undone = ("reactivation", "undo", "june", "m00001", "--channel", "clerk", "--step")
    assert call(opened, *undone, "at_terminal").err == ""
    assert call(opened, *done).err == warned
    assert call(opened, "reactivation", "done", "june", "m00002", "--step", "remote").err == ""


def test_the_doors_fit_on_eighty_columns(opened: Path, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    file.write_text(
        "ean,name,phone,street,postcode,town\n"
        f"{ean(1)},Marie-Louise Vandenbroucke-Delvaux,0470123456,Chaussée de Waterloo 1234,5000,Namur\n"
        f"{ean(2)},Jan Peeters,081223344,Rue A 1,1348,Ottignies-Louvain-la-Neuve\n"
    )
    assert call(opened, "reactivation", "contacts", str(file)).status == 0
    lines = call(opened, "reactivation", "visit", "june", settings={"COLUMNS": "80"}).out.splitlines()
    assert max(map(len, lines)) <= 80, lines
    words = " ".join(lines)
    for word in ("m00001", "Waterloo", "+32470123456", "Marie-Louise", "nobody", "5000 Namur", "1348"):
        assert word in words
    wide = call(opened, "reactivation", "visit", "june").out.splitlines()
    assert wide[2].split("  ")[0] == "5000 Namur, Chaussée de Waterloo 1234"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (3, "3"),
        ("Rue de l'Ange 3", "Rue de l'Ange 3"),
        ("+32 470 00 00 01", "+32 470 00 00 01"),
        ("=HYPERLINK(x)", "'=HYPERLINK(x)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
    ],
)
def test_no_name_is_a_formula_in_a_route(value: object, cell: str) -> None:
    assert cell_of(value) == cell


def test_who_can_be_written_to_in_no_way_is_told(opened: Path) -> None:
    told = call(opened, "reactivation", "remind", "june", "--wave", "first").out
    assert "2 reminders are planned" in told
    assert "1 cannot be written to so: `relance reactivation visit june` has their doors." in told
    assert call(opened, "reactivation", "remind", "june", "--wave", "x", "--by", "sms").status == 1


@pytest.mark.parametrize(("off_ms", "voices"), [(60 * DAY_MS, BOTH), (0, BOTH[:1])])
def test_nothing_with_a_date_leaves_while_nobody_can_say_what_time_it_is(
    opened: Path, off_ms: int, voices: tuple[Voice, ...]
) -> None:
    assert call(opened, "reactivation", "remind", "june", "--wave", "first").status == 0
    service_believes(opened, off_ms, *voices)
    for argv in (("send", "june"), ("remind", "june", "--wave", "second")):
        ended = call(opened, "reactivation", *argv)
        assert ended.status == 1
        assert "so nothing with a date is sent; `relance doctor` says more" in ended.one_line()
    assert not (opened / "post").exists()


def test_nobody_chosen_opens_nothing(home: Path) -> None:
    argv = [word if word != "area==Namur" else "area==Nowhere" for word in OPEN]
    ended = call(home, *argv, "--deadline", DEADLINE)
    assert (ended.status, ended.out) == (1, "No household matches: nothing is opened.\n")
    assert call(home, "reactivation", "status").out == "No reactivation has been opened.\n"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--phone", "abc", '--phone: "abc"; allowed: a number such as +32 470 12 34 56'),
        ("--phone", "078", "allowed: a number such as"),
        ("--phone", "078 78 78 00 or 01", "allowed: a number such as"),
        ("--phone", "", "allowed: 1 to"),
        ("--sender", "-- 1", "allowed: a name, as households know it"),
    ],
)
def test_whom_households_call_and_who_writes_must_be_what_it_is(
    home: Path, option: str, value: str, words: str
) -> None:
    """It stands in each reminder: what has left with it cannot be taken back."""
    argv = list(OPEN)
    argv[argv.index(option) + 1] = value
    ended = call(home, *argv, "--deadline", DEADLINE)
    assert (ended.status, words in ended.one_line()) == (2, True), ended
    assert call(home, "reactivation", "status").out == "No reactivation has been opened.\n"


@pytest.mark.parametrize("phone", ["078 78 78 00", "0800/12 345", "+32 (0)81 22 33 44", "+49 30 123456"])
def test_the_number_to_call_is_shown_as_it_was_written(opened: Path, phone: str) -> None:
    argv = [phone if word == OPEN[-1] else word for word in OPEN]
    argv[2] = "other"
    assert call(opened, *argv, "--deadline", DEADLINE).status == 0
    told = call(opened, "reactivation", "status", "--json").found["reactivations"]
    assert phone in {each["phone"] for each in told}


@pytest.mark.parametrize(
    ("deadline", "words"),
    [
        ("2099-07-03T23:01", "allowed: a date and time with its offset"),
        ("2020-07-03T23:01+02:00", "2020-07-03T21:01:00Z is over"),
        ("2099-07-03T23:01+01:00", "is Saturday 4 July 2099 00:01 (Europe/Brussels); allowed: the offset of"),
        (
            "2099-07-03T21:01Z",
            "is Friday 3 July 2099 23:01 (Europe/Brussels); allowed: the offset of that day",
        ),
    ],
)
def test_a_deadline_that_can_be_read_otherwise_is_refused_with_its_reading(
    opened: Path, deadline: str, words: str
) -> None:
    for argv in (("move", "june"), ("open", "other", *OPEN[3:])):
        ended = call(opened, "reactivation", *argv, "--deadline", deadline)
        assert (ended.status, words in ended.one_line()) == (2, True), ended


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        ("status jun", 1, 'no reactivation "jun"; did you mean june?'),
        ("status june --on yesterday", 2, "allowed: a day such as 2020-06-10"),
        ("status --on 2020-06-10", 2, "allowed: with the NAME of a reactivation"),
        ("show june m9", 1, '"m9": is no household of june'),
        ("remind june", 2, "--wave"),
        ("remind june --wave a/b", 2, "--wave: "),
        ("remind june --wave w --by pigeon", 2, "allowed: email, sms, letter"),
        ("send nope", 1, "no reactivation"),
        ("send june --smtp mail", 2, "allowed: smtp://HOST:PORT"),
        ("send june --smtp smtp://127.0.0.1:1", 2, "--from: missing"),
        ("bounce june", 2, "allowed: files, or --meter with --by"),
        ("bounce june /nowhere/x.eml", 2, "/nowhere/x.eml: No such file or directory"),
        ("bounce june --meter m00001 --by letter", 1, "no letter of june has been sent"),
        ("bounce june --undo", 2, "allowed: --by, and --meter for one household; no files"),
        ("bounce june --undo --by pigeon", 2, "allowed: email, sms, letter"),
        ("visited june m00001 --found x", 2, "allowed: met, absent"),
        ("done june m00001 --step met", 2, "allowed: card_in_meter, at_terminal, card_back, remote"),
        ("done june m00001 --channel mqtt", 2, "allowed: card, clerk, technician, call"),
        ("done june m00001 --on 2099-01-01T00:00Z", 2, "is to come"),
        ("undo june m00001 --step met --channel call", 1, "is not recorded"),
        ("contacts /nowhere/x.csv", 2, "No such file or directory"),
        ("close nope", 1, "no reactivation"),
    ],
)
def test_what_is_wrong_is_one_line_and_changes_nothing(
    opened: Path, argv: str, status: int, words: str
) -> None:
    before = call(opened, "reactivation", "show", "june", "m00001", "--json").out
    ended = call(opened, "reactivation", *argv.split())
    assert (ended.status, words in ended.one_line()) == (status, True), ended
    assert call(opened, "reactivation", "show", "june", "m00001", "--json").out == before


def test_a_file_of_contacts_is_taken_whole_or_not_at_all(opened: Path, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    file.write_text(f"ean,email\n{ean(1)},a@example.be\n{ean(2)},nobody\n{ean(9)},b@example.be\n")
    ended = call(opened, "reactivation", "contacts", str(file))
    assert ended.status == 2
    assert ended.err.splitlines() == [
        f'{file}: row 3, email: "nobody"; allowed: an address such as anna@example.be, or nothing',
        f'{file}: row 4, ean: "{ean(9)}"; allowed: a household that `relance meters import` has named',
        f"{file}: 2 wrong: nothing is stored.",
    ]
    call(opened, "reactivation", "remind", "june", "--wave", "w")
    notices = call(opened, "reactivation", "show", "june", "m00001", "--json").found["notices"]
    assert [each["means"] for each in notices] == ["letter"]


def test_a_moratorium_that_ends_before_what_households_are_told_is_warned_of(opened: Path) -> None:
    """In 2020 people were told Friday 3 July, and were cut on the Thursday."""
    told = "households of the reactivation june are told Friday 3 July 2099 23:01 (Europe/Brussels)"
    alone = call(opened, "reactivation", "move", "june", "--deadline", DEADLINE)
    assert f"warning: {told}, and no moratorium forbids cuts until then\n" in alone.err
    early = call(opened, "moratorium", "declare", "covid", "--until", "2099-07-02T23:00+02:00")
    assert early.status == 0
    assert f"{told}, and the last moratorium for the fleet ends before that, on Thursday 2 July" in early.err
    late = call(opened, "moratorium", "extend", "covid", "--until", DEADLINE)
    assert (late.status, told in late.err) == (0, False)
    for argv in (("reactivation", "close", "june"), ("moratorium", "declare", "heat", "--until", DEADLINE)):
        assert told not in call(opened, *argv).err


def test_a_moratorium_for_a_group_counts_for_the_households_that_it_reaches(
    opened: Path, tmp_path: Path
) -> None:
    told = "households of the reactivation june are told Friday 3 July 2099 23:01 (Europe/Brussels)"
    fleet = tmp_path / "areas.csv"
    fleet.write_text(f"ean,area\n{ean(1)},Namur\n{ean(2)},\n{ean(3)},Mons\n")
    assert call(opened, "meters", "import", str(fleet)).status == 0
    declared = ("moratorium", "declare", "namur", "--group", "area/Namur", "--until")
    short = call(opened, *declared, "2099-07-02T00:00+02:00")
    assert f"{told}, and no moratorium forbids cuts until then\n" in short.err
    # The row of household 2 leaves its area open: it is protected too.
    lasting = call(opened, "moratorium", "extend", "namur", "--until", DEADLINE)
    assert (
        f"{told}, and no moratorium forbids cuts until then; that for area/Namur lasts, and 1 household is"
        " outside\n" in lasting.err
    )
    mons = call(opened, "moratorium", "declare", "mons", "--group", "area/Mons", "--until", DEADLINE)
    assert (mons.status, told in mons.err) == (0, False)


@pytest.mark.usefixtures("by_day")
def test_who_moves_out_takes_the_address_along(opened: Path) -> None:
    call(opened, "reactivation", "remind", "june", "--wave", "first")
    moved = call(opened, "meters", "move-out", "m00001", "--on", iso_from_ms(now_ms()))
    assert moved.status == 0, moved
    sent = call(opened, "reactivation", "send", "june", "--json").found
    assert (sent["sent"], sent["dropped"]) == (1, 1)
    shown = call(opened, "reactivation", "show", "june", "m00001").out
    assert "The household of before has left." in shown
    assert "nobody's name is known" in shown


def test_doors_of_those_who_have_left_are_told_and_not_called_done(opened: Path) -> None:
    left = (
        " left since it was opened, and nobody knows who lives there now: they get no reminder, no visit and"
        " no warning, so open a new reactivation for them.\n"
    )
    assert "left since it was opened" not in call(opened, "reactivation", "visit", "june").out
    call(opened, "meters", "move-out", "m00001", "--on", iso_from_ms(now_ms()))
    assert call(opened, "reactivation", "visit", "june").out.endswith(f"1 household has{left}")
    assert call(opened, "reactivation", "status", "june").out.endswith(f"1 household has{left}")
    for meter in ("m00002", "m00003"):
        call(opened, "meters", "move-out", meter, "--on", iso_from_ms(now_ms()))
    ended = call(opened, "reactivation", "visit", "june")
    assert ended.status == 1
    assert ended.out == (
        f"All who have not left are done: there is no door to go to.\n3 households have{left}"
    )
    told = call(opened, "reactivation", "visit", "june", "--json").found
    assert (told["total"], told["left"]) == (0, 3)


@pytest.mark.usefixtures("by_day")
def test_a_move_of_long_before_that_is_recorded_late_takes_no_address_along(opened: Path) -> None:
    call(opened, "reactivation", "remind", "june", "--wave", "first")
    moved = call(opened, "meters", "move-out", "m00001", "--on", "2020-01-01T12:00+01:00")
    assert "How it is written to stays: a file has told it after the move.\n" in moved.out
    sent = call(opened, "reactivation", "send", "june", "--json").found
    assert (sent["sent"], sent["dropped"]) == (2, 0)


@pytest.mark.usefixtures("by_day")
def test_without_weasyprint_letters_are_html_and_one_line_says_so(
    opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    call(opened, "reactivation", "remind", "june", "--wave", "first")
    sent = call(opened, "reactivation", "send", "june", "--pdf", "--drop", str(tmp_path / "post"))
    assert sent.status == 0
    pdf, clock = sent.err.splitlines()
    assert pdf == (
        "warning: letters are HTML only: PDF needs weasyprint, the extra `relance[pdf]`, and Debian's pango"
    )
    assert "no service has ever said what time it is: by this machine's clock alone it is " in clock
    assert {file.suffix for file in (tmp_path / "post" / "letters").iterdir()} == {".html"}


@pytest.mark.usefixtures("by_day")
def test_with_it_each_letter_is_a_pdf_for_screen_readers_too(
    opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Html:
        """Stands for weasyprint's class: what it is asked is what it gives."""

        def __init__(self, string: str) -> None:
            self.string = string

        def write_pdf(self, pdf_variant: str) -> bytes:
            return f"{pdf_variant} {self.string}".encode()

    monkeypatch.setitem(sys.modules, "weasyprint", SimpleNamespace(HTML=Html))
    call(opened, "reactivation", "remind", "june", "--wave", "first")
    sent = call(opened, "reactivation", "send", "june", "--pdf", "--drop", str(tmp_path / "post"))
    assert (sent.status, "PDF" in sent.err) == (0, False)
    files = list((tmp_path / "post" / "letters").iterdir())
    assert sorted(file.suffix for file in files) == [".html", ".html", ".pdf", ".pdf"]
    for file in files:
        if file.suffix == ".pdf":
            assert file.read_text("utf-8").startswith('pdf/ua-1 <!doctype html>\n<html lang="fr">')


@pytest.mark.usefixtures("by_day")
def test_a_run_that_is_closed_says_that_the_rest_stays(opened: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closing(desk: outbox.SendingDesk, claimed: outbox._Claimed) -> Handed:
        with acting(desk.store, desk.root, desk.actor, claimed.now_ms) as act:
            close(act, "june")
        return Handed(NoticeState.SENT)

    call(opened, "reactivation", "remind", "june", "--wave", "first")
    monkeypatch.setattr(outbox, "_FILES_AT_ONCE", 1)
    monkeypatch.setattr(outbox, "_hand_over", closing)
    told = call(opened, "reactivation", "send", "june").out
    assert told.startswith("1 sent, ")
    assert told.endswith("; 1 stay, since the reactivation was closed meanwhile.\n")


@pytest.mark.usefixtures("by_day")
def test_a_server_that_refuses_all_ends_with_3_and_a_refused_address_is_told_with_its_reason(
    opened: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mail.csv"
    file.write_text("\n".join(["ean,email", *(f"{ean(n)},h{n}@example.be" for n in (1, 2, 3))]))
    call(opened, "reactivation", "contacts", str(file))
    call(opened, "reactivation", "remind", "june", "--wave", "first")
    with MailBox() as box:
        send = ("reactivation", "send", "june", "--smtp", box.url, "--from", "info@example.be")
        box.answers["h1@example.be"] = "554 5.7.1 Relay access denied"
        ended = call(opened, *send)
        assert (ended.status, ended.out) == (3, "")
        assert "554 5.7.1 Relay access denied" in ended.one_line()
        box.answers |= {f"h{n}@example.be": f"550 5.1.1 <h{n}@example.be>: unknown" for n in (2, 3)}
        told = call(opened, *send).out.splitlines()
    assert told[0] == "0 sent, 2 refused for good, 0 not needed any more; 1 wait."
    assert told[1] == "Refused for good: 550 5.1.1 <…>: unknown (2)."
    undone = call(opened, "reactivation", "bounce", "june", "--undo", "--by", "email")
    assert (undone.status, undone.out.startswith("2 bounces are taken back.")) == (0, True)
    again = call(opened, "reactivation", "bounce", "june", "--undo", "--by", "email", "--json")
    assert (again.status, again.found["taken_back"]) == (1, 0)


def test_a_day_before_the_opening_says_so_and_ends_with_1(opened: Path) -> None:
    ended = call(opened, "reactivation", "status", "june", "--on", "2020-01-01")
    assert (ended.status, ended.err) == (1, "")
    assert "june was not open on Wednesday 1 January 2020" in ended.out
    asked = call(opened, "reactivation", "status", "june", "--on", "2020-01-01", "--json")
    assert (asked.status, asked.found["before_opening"]) == (1, True)
    assert call(opened, "reactivation", "status", "june", "--json").found["before_opening"] is False
    unknown = call(opened, "reactivation", "status", "june", "--known", "2020-01-01")
    assert (unknown.status, "june was not known to be open on Wednesday 1 January" in unknown.out) == (
        1,
        True,
    )
    today = call(opened, "reactivation", "status", "june", "--known", "2098-01-01").out
    assert ", by what was recorded until " in today.splitlines()[0]
