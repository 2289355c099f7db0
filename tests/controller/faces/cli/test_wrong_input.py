"""A ledger of wrong input: what is typed, the exit status, and the line that says what is allowed."""

import shlex
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from controller.office.keys import create_key, key_path
from protocols.documents.orders import short_keyid
from tests.controller.faces.cli.invocation import RELANCE, Ended, call, call_outside, environment
from tests.controller.faces.cli.terminal import CTRL_C, type_at_prompts

# Typed · status · how the line begins.
LEDGER = """
nope | 2 | No such command 'nope'.
meters | 2 |
meters lst | 2 | No such command 'lst'.
meters show | 2 | Missing argument 'METER'.
meters list --supply dark | 2 | --supply: "dark"; allowed: on, off, armed, limited
meters list --clock late | 2 | --clock: "late"; allowed: trusted, disputed, lost
meters list --clock dispute | 2 | --clock: "dispute"; did you mean disputed? allowed: trusted, disputed, lost
orders list --state drafft | 2 | --state: "drafft"; did you mean draft? allowed: draft, rehearsed
flag set m00001 medicall | 2 | NAME: "medicall"; did you mean medical? allowed: protected
release --all --as ann | 2 | --as: ann does not have the role protect; did you mean anne? allowed: anne, bart
meters list --zone Europe/Bruxelles | 2 | --zone: "Europe/Bruxelles"; allowed: an IANA zone
meters show m9 | 1 | no such meter: "m9"; `relance meters list` shows all
meters show m1 | 1 | no such meter: "m1"; did you mean m00001? `relance meters list` shows all
meters why 3 | 1 | no such meter: "3"; did you mean m00003? `relance meters list`
release M00002 m7 | 1 | no such meter: "M00002", "m7"; did you mean m00002?
meters show 'm/9' | 2 | METER: "m/9"; allowed: 1 to 64 letters, digits
meters why m9 | 1 | no such meter: "m9"
moratorium declare covid | 2 | Missing option '--until'.
moratorium declare covid --until 2099-01-01T00:00 | 2 | --until: "2099-01-01T00:00"; allowed: a date and
moratorium declare covid --until tomorrow | 2 | --until: "tomorrow"; allowed: a date and time with
moratorium declare covid --until 2020-07-01T00:00Z | 2 | --until: "2020-07-01T00:00Z"; allowed: an instant to
moratorium declare 'co vid' --until 2099-01-01T00:00Z | 2 | NAME: "co vid"; allowed: 1 to 64 letters
release --all --as dora | 2 | --as: dora does not have the role protect; allowed: anne, bart, carl
moratorium lift x --as service | 2 | --as: service does not have the role harm; allowed: anne
moratorium extend covid --until 2099-01-01T00:00Z | 1 | no moratorium covid in force
moratorium lift covid | 1 | no moratorium covid in force
moratorium status covid | 1 | no moratorium covid; `relance moratorium status` shows all
moratorium status 'co vid' | 2 | NAME: "co vid"; allowed: 1 to 64 letters
calendar set --rule x --until 2099-01-01T00:00Z | 2 | --rule: part 1: "x"; allowed: DAYS HH:MM-HH:MM
calendar set --rule 'mon 8-9' --until 2099-01-01T00:00Z | 2 | --rule: part 1: "8-9"; allowed: HH:MM-HH:MM
calendar set --rule 'mon 08:00-09:00' --until 2099-01-01T00:00Z --zone X | 2 | --zone: "X"; allowed: an
calendar set --rule 'mon 08:00-09:00' --until 2099-01-01T00:00Z --holidays XX | 2 | --holidays: "XX"; allowed:
release | 2 | release: allowed: the meters' ids, or --all
release m00001 --all | 2 | release: allowed: the meters' ids, or --all
release m00001 --hours 5 | 2 | --hours: 5; allowed: 24, 48, 72, 240
release m00001 --hours many | 2 | Invalid value for '--hours': "many"; allowed: a whole number
release m00001 m9 | 1 | no such meter: "m9"
release --all --wait --patience 0 | 2 | --patience: 0; allowed: 1 to 3600
topup m00001 --id x | 2 | Missing option '--eur'.
topup m00001 --eur 20.00 | 2 | Missing option '--id'.
topup m00001 --eur 20.005 --id x | 2 | --eur: "20.005"; allowed: whole cents
topup m00001 --eur -20 --id x | 2 | --eur: "-20"; allowed: whole cents from 0.01
topup m00001 --eur 20 --id 'a b' | 2 | --id: "a b"; allowed: 1 to 64 letters
topup m9 --eur 20 --id x | 1 | no such meter: "m9"
cut order m00001 --until 2099-06-02T10:00Z | 2 | Missing option '--name'.
cut order m9 --name x --from 2099-06-02T08:00Z --until 2099-06-02T09:00Z | 1 | no such meter: "m9"
flag set m00001 poor | 2 | NAME: "poor"; allowed: protected, medical, dispute
clock rebase m00001 | 1 | meter m00001 has reported no dispute
tariff set --name x --eur-per-kwh 0.3 --eur-per-day 101 | 2 | --eur-per-day: "101"; allowed: 0 to 100
tariff set --name x --eur-per-kwh 0 --eur-per-day 0 --until 2099-06-02T10:00Z | 2 | --until: allowed
tariff set --name x --eur-per-kwh 0 --eur-per-day 0 --register '1.8.1 0 0' | 2 | --register: "1.8.1 0 0"
tariff set --name x --eur-per-kwh 0 --eur-per-day 0 --register '1-0:1.8.1 0 0 rest' | 2 | --until: allowed
tariff set m9 --name x --eur-per-kwh 0 --eur-per-day 0 | 1 | no such meter: "m9"
debt set m00001 --eur 400001 --share 5 | 2 | --eur: "400001"; allowed: 0 to 400000
debt set m00001 --eur 5 --share 1001 | 2 | Invalid value for '--share': "1001"; allowed: at most 1000
debt set m00001 --eur 5 --share 5 --payment-cap x | 2 | --payment-cap:
refund m00001 --eur 0 | 2 | --eur: "0"; allowed: whole cents from 0.01
parameters set m00001 --mode postpaid | 2 | --mode: "postpaid"; did you mean prepaid? allowed: prepaid, credit
parameters set m00001 --group 'a b' | 2 | --group: "a b"; allowed: 1 to 64 letters
parameters set m00001 --from 2099-06-01 | 2 | --from:
parameters back m00001 | 2 | Missing option '--to'.
orders show o9 | 1 | no such order: "o9"; `relance orders list` shows all
orders sign o9 --as bart | 1 | no such order: "o9"
orders sign o000001 | 2 | Missing option '--as'.
orders withdraw o9 | 1 | no such order: "o9"
orders list --state lost | 2 | --state: "lost"; allowed: draft, rehearsed
orders list --kind kindness | 2 | --kind: "kindness"; allowed: hold, release
audit verify --head 3 | 2 | --head: "3"; allowed: N:HASH
audit list --limit 0 | 2 | Invalid value for '--limit': "0"; allowed: at least 1
"""
ROWS = [tuple(cell.strip() for cell in row.split(" | ")) for row in LEDGER.strip().splitlines()]


@pytest.mark.parametrize(("typed", "status", "line"), [(*row, "")[:3] for row in ROWS])
def test_wrong_input_ends_with_its_status_and_one_line(
    seeded: Path, typed: str, status: str, line: str
) -> None:
    ended = call(seeded, *shlex.split(typed.removesuffix(" |")))
    assert ended.status == int(status.removesuffix(" |"))
    assert "Traceback" not in ended.err
    if line:
        assert ended.one_line().startswith(line)


def refused(ended: Ended, status: int) -> str:
    assert ended.status == status, ended
    return ended.one_line()


def test_without_a_home_it_says_how_one_is_made(tmp_path: Path) -> None:
    line = refused(call_outside(tmp_path / "none", "meters", "list"), 2)
    missing = f"{tmp_path}/none/root.json: no such file"
    assert line.startswith(f"{missing}; `relance init` makes it, --home or RELANCE_HOME names another home, ")


def test_a_missing_store_is_unreachable(home: Path) -> None:
    (home / "relance.db").unlink()
    assert "no such file; `relance init` makes it" in refused(call(home, "meters", "list"), 3)


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 5_000])
def test_a_file_that_is_no_store_is_wrong_input(home: Path, content: bytes) -> None:
    (home / "relance.db").write_bytes(content)
    assert "relance.db: " in refused(call(home, "meters", "list"), 2)


def test_a_damaged_store_is_an_error_of_one_line(home: Path) -> None:
    data = bytearray((home / "relance.db").read_bytes())
    data[4_096:] = b"\xff" * (len(data) - 4_096)
    (home / "relance.db").write_bytes(data)
    refused(call(home, "meters", "list"), 2)


@pytest.mark.parametrize("typed", ["meters list", "orders list", "audit verify", "release --all"])
def test_a_store_that_lacks_our_tables_is_wrong_input(home: Path, typed: str) -> None:
    with closing(sqlite3.connect(home / "relance.db")) as store:
        for table in ("meter", "signed_order", "audit"):
            store.execute("PRAGMA foreign_keys=OFF")
            store.execute(f"DROP TABLE {table}")
        store.commit()
    assert "no such table" in refused(call(home, *typed.split()), 2)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("UPDATE signed_order SET envelope = x'7b7d'", "missing required field"),
        ("UPDATE signed_order SET kind = 'kindness'", "is not a valid Kind"),
    ],
)
def test_a_damaged_order_in_the_store_is_an_error_of_one_line(home: Path, damage: str, why: str) -> None:
    call(home, "moratorium", "declare", "heat", "--until", "2099-01-01T00:00Z")
    with closing(sqlite3.connect(home / "relance.db")) as store:
        store.execute(damage)
        store.commit()
    for typed in ("orders show o000001", "orders sign o000001 --as bart", "orders withdraw o000001"):
        line = refused(call(home, *typed.split()), 2)
        assert line.startswith("database: order o000001 is damaged: ")
        assert why in line


@pytest.mark.parametrize("typed", ["orders list", "orders list --json", "orders list --help", "audit list"])
def test_a_full_disk_is_said_in_one_line(home: Path, typed: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [RELANCE, *typed.split()],
            env=environment(home),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, "No space left on device\n")


def test_a_wrong_passphrase_signs_nothing(home: Path) -> None:
    ended = call(home, "release", "--all", settings={"RELANCE_PASSPHRASE": "guessed"})
    line = refused(ended, 2)
    assert line == f"{home}/keys/anne.pem: wrong passphrase, or the file is damaged"
    assert call(home, "orders", "list", "--json").found["orders"] == []


def test_a_missing_key_is_an_error_before_a_passphrase_is_asked_for(home: Path) -> None:
    key_path(home / "keys", "anne").unlink()
    line = refused(call(home, "release", "--all"), 2)
    assert line.startswith(f"{home}/keys/anne.pem: no such key; keys there: bart, card, carl")


def test_a_key_that_the_root_does_not_know_signs_nothing(home: Path) -> None:
    key_path(home / "keys", "anne").unlink()
    new = create_key(home / "keys", "anne", environment(home)["RELANCE_PASSPHRASE"])
    line = refused(call(home, "release", "--all"), 2)
    assert f"anne.pem: key {short_keyid(new.keyid)}, but the root lists " in line
    assert line.endswith(" as anne's; allowed: a home that has that one (--home)")


def test_a_key_that_others_can_read_is_warned_of_and_works(home: Path) -> None:
    key_path(home / "keys", "anne").chmod(0o644)
    ended = call(home, "release", "--all", "--json")
    assert ended.status == 0
    assert ended.err.startswith("warning: ")
    assert "mode 644" in ended.err


def test_ctrl_c_at_the_passphrase_signs_nothing(home: Path) -> None:
    seen = environment(home)
    del seen["RELANCE_PASSPHRASE"]
    argv = [RELANCE, "release", "--all"]
    status, shown = type_at_prompts(argv, seen, [("Passphrase of anne: ", CTRL_C)])
    assert (status, "Traceback" in shown) == (130, False)
    assert call(home, "orders", "list", "--json").found["orders"] == []


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("postgresql://", 'database "postgresql://'),
        (
            "postgresql:///x",
            'database "postgresql:///x"; allowed: sqlite:///FILE or postgresql://USER@HOST/NAME',
        ),
        ("postgresql://u@127.0.0.1:1/x?foo=bar", "postgresql+pg8000://u@127.0.0.1:1/x?foo=bar: "),
        ("sqlite:///", 'database "sqlite:///"; allowed: '),
        ("sqlite://host/x", 'database "sqlite://host/x"; allowed: '),
    ],
)
def test_a_database_that_cannot_be_named_so_is_wrong_input(home: Path, url: str, line: str) -> None:
    assert refused(call(home, "meters", "list", "--database", url), 2).startswith(line)


@pytest.mark.parametrize(
    ("passphrase", "line"),
    [
        ("a" * 2_000, "RELANCE_PASSPHRASE: 2000 bytes; allowed: at most 1023"),
        ("é" * 512, "RELANCE_PASSPHRASE: 1024 bytes; allowed: at most 1023"),
        ("a horse at night\udcff", "RELANCE_PASSPHRASE: bytes that are no UTF-8; allowed: text"),
    ],
)
def test_a_passphrase_that_no_key_can_have_is_wrong_input(home: Path, passphrase: str, line: str) -> None:
    for typed in (("release", "--all"), ("init", "--operator", "a", "--operator", "b")):
        place = home if typed[0] == "release" else home.parent / "new"
        ended = call(place, *typed, settings={"RELANCE_PASSPHRASE": passphrase})
        assert refused(ended, 2) == line


def test_a_clock_that_is_far_out_signs_nothing_and_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocols.rim.clocks.now_ms", lambda: 0)
    for typed in ("release --all", "init --operator a --operator b"):
        place = home if typed.startswith("release") else home.parent / "new"
        line = refused(call(place, *typed.split()), 2)
        assert line.startswith("this machine's clock shows 1970-01-01T00:00:00Z; allowed: 2000-01-01")
    assert not (home.parent / "new").exists()
