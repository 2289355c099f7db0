"""A clerk's day at a kiosk with a home of its own, typed into a shell; and a lost card in practice."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cardreader.cli import reprint
from protocols.link.keys import kiosk_key
from tests.cardreader.one_card import FLEET_KEY, GENERATION, METER, SERIAL
from tests.typed import typed

BIN = Path(sys.executable).parent
PASSPHRASE = "correct horse battery"  # of a key for tests


def run(*words: str, cwd: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = typed("relance-kiosk", *words, cwd=cwd, settings={"RELANCE_PASSPHRASE": PASSPHRASE})
    assert done.returncode == status, (words, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def told(*words: str, cwd: Path, status: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--json", cwd=cwd, status=status).stdout)
    return found


def test_a_clerks_day(desk: Path) -> None:
    home, reader = ("--home", "k1"), ("--reader", "virtual:card.bin")
    refused = run("topup", *home, *reader, "--eur", "20", "--id", "p1", cwd=desk, status=1)
    assert refused.stderr == "no shift is open: `relance-kiosk shift open` opens one\n"
    opened = told("shift", "open", *home, "--clerk", "anna", "--language", "nl", "--float", "100", cwd=desk)
    assert (opened["clerk"], opened["did"], opened["float_ueur"]) == ("anna", "opened", 100_000_000)
    paid = told("topup", *home, *reader, "--eur", "20", "--id", "p1", cwd=desk)
    assert (paid["issuer"], paid["epoch"], paid["total_ueur"], paid["state"]) == (
        "k1",
        1,
        20_000_000,
        "committed",
    )
    told("topup", *home, *reader, "--eur", "30.50", "--id", "p2", cwd=desk)
    # The kiosk's own look at the card does not count as somebody else's.
    seen = told("read", *home, *reader, cwd=desk)
    assert (seen["meter"], seen["missing"], seen["said_proof"]) == (METER, "home_again", None)
    undone = told("void", *home, *reader, "--id", "p2", cwd=desk)
    # Said once more after a kill, it neither pays twice nor keeps a household's money.
    assert "back in cash only if that was not done then" in run("void", *home, "--id", "p2", cwd=desk).stdout
    assert (undone["state"], undone["way"]) == ("voided", "card")
    assert run("queue", *home, cwd=desk).stdout == "no payment is open\n"
    found = run("find", *home, "--reference", "5414000000042", cwd=desk).stdout.splitlines()
    assert found[0].startswith(f"card {SERIAL.hex()} of meter {METER}, pairing epoch 1")
    assert [line.split()[1] for line in found[1:]] == ["p2:", "p1:"]
    closed = told("shift", "close", *home, "--counted", "119,00", cwd=desk, status=1)
    assert (closed["booked_ueur"], closed["difference_ueur"]) == (120_000_000, -1_000_000)
    run("shift", "close", *home, "--counted", "0", cwd=desk, status=1)


def test_a_recovery_card_is_signed_by_the_clerk(desk: Path) -> None:
    words = ("recover", "--home", "k1", "--reader", "virtual:card.bin", "--hours", "48")
    done = told(*words, "--key", "anna.pem", cwd=desk)
    assert (done["kind"], done["meter"], done["rev"], done["hours"]) == ("release", METER, 1, 48)
    assert done["present_until_local"].split()[0].endswith("day")
    missing = run(*words, cwd=desk, status=2)
    assert "no kiosk signs this with its own key" in missing.stderr
    foreign = run(*words, "--key", "dora.pem", cwd=desk, status=1)
    assert "not one of role protect" in foreign.stderr
    (desk / "anna.pem").write_bytes(b"-----BEGIN")
    assert "not an encrypted private key" in run(*words, "--key", "anna.pem", cwd=desk, status=2).stderr


def test_a_lost_card_is_replaced_with_all_that_was_paid(tmp_path: Path) -> None:
    run("issue", "--reader", "virtual:card.bin", "--meter", "m1", cwd=tmp_path)
    run("topup", "--reader", "virtual:card.bin", "--eur", "20", cwd=tmp_path)
    words = ("replace", "--reader", "virtual:new.bin", "--meter", "m1", "--ledger", "card.bin.ledger")
    made = told(*words, cwd=tmp_path)
    assert (made["epoch"], made["replaces"], made["total_ueur"], made["did"]) == (2, 1, 20_000_000, "issued")
    again = told(*words, cwd=tmp_path)
    assert (again["epoch"], again["card"], again["did"]) == (2, made["card"], "unchanged")
    # Its meter would not read the old card: no money is taken on it any more.
    with_old = ("topup", "--reader", "virtual:card.bin", "--eur", "10", "--id", "late")
    assert "was replaced" in run(*with_old, cwd=tmp_path, status=1).stderr
    run("find", "--payment", "late", "--ledger", "card.bin.ledger", cwd=tmp_path, status=1)
    seen = told("read", "--reader", "virtual:card.bin", cwd=tmp_path)
    assert (seen["replaced_by"], seen["explained"]["card"]) == (2, "replaced")
    french = run("read", "--reader", "virtual:card.bin", "--language", "fr", cwd=tmp_path).stdout
    assert "remplacée par une plus récente" in french
    assert french.splitlines()[-1].startswith("400 ")
    kiosk = run(
        "replace", "--reader", "virtual:x.bin", "--meter", "m1", "--home", "k", cwd=tmp_path, status=1
    )
    assert "no kiosk holds a key that makes cards" in kiosk.stderr


def test_a_kiosk_makes_the_card_for_which_the_office_has_made_it_a_kit(desk: Path) -> None:
    (desk / "fleet.key").write_text(FLEET_KEY.hex())
    (desk / "k1" / "words.key").write_text(kiosk_key(FLEET_KEY, "k1").hex() + "\n")
    office, home = ("--fleet-key", "fleet.key"), ("--home", "k1")
    told("shift", "open", *home, "--clerk", "anna", cwd=desk)
    told("topup", *home, "--reader", "virtual:card.bin", "--eur", "20", "--id", "p1", cwd=desk)
    blank = told("card", "blank", "virtual:new.bin", *office, cwd=desk)["card"]
    for_it = ("--serial", blank, "--epoch", "2", "--generation", str(GENERATION))
    kit = ("card", "kit", "--meter", METER, *for_it, *office)
    assert "--kiosk: missing" in run(*kit, "--out", "kit.json", cwd=desk, status=2).stderr
    told(*kit, "--kiosk", "k1", "--out", "kit.json", cwd=desk)
    assert (desk / "kit.json").stat().st_mode & 0o077 == 0
    words = ("replace", *home, "--reader", "virtual:new.bin", "--kit", "kit.json", "--not-theirs", 16 * "e")
    assert "allowed with this kit: m00042" in run(*words, "--meter", "m2", cwd=desk, status=2).stderr
    made = told(*words, cwd=desk)
    assert (made["card"], made["epoch"], made["replaces"], made["did"]) == (blank, 2, 1, "issued")
    assert made["total_ueur"] == 20_000_000
    again = told("issue", *home, "--reader", "virtual:new.bin", "--kit", "kit.json", cwd=desk)
    assert (again["did"], again["total_ueur"]) == ("unchanged", 20_000_000)
    old = ("recover", *home, "--reader", "virtual:card.bin", "--key", "anna.pem")
    assert "was replaced" in run(*old, cwd=desk, status=1).stderr
    told(*kit, "--kiosk", "k2", "--out", "other.json", cwd=desk)
    other = run("issue", *home, "--reader", "virtual:new.bin", "--kit", "other.json", cwd=desk, status=2)
    assert other.stderr == "--kit: other.json: kit: it is for kiosk k2, and this is k1\n"


def test_a_receipt_is_printed_and_then_a_copy(desk: Path) -> None:
    home = ("--home", "k1")
    told("shift", "open", *home, "--clerk", "anna", "--language", "nl", cwd=desk)
    paid = told("topup", *home, "--reader", "virtual:card.bin", "--eur", "20", "--id", "p1", cwd=desk)
    words = ("reprint", *home, "--payment", "p1")
    assert run(*words, "--out", "no/folder", cwd=desk, status=3).stdout == ""
    first, again = (run(*words, cwd=desk).stdout for _ in range(2))
    assert "ONTVANGSTBEWIJS" in first
    assert "Kopie" not in first
    assert "*** Kopie ***" in again
    page = told(
        "reprint", *home, "--number", str(paid["receipt"]), "--as", "html", "--out", "r.html", cwd=desk
    )
    assert (page["kind"], page["copy"], page["facts"]["amount_ueur"]) == ("payment", True, 20_000_000)
    assert "<html" in (desk / "r.html").read_text()
    missing = run("reprint", *home, "--number", "9", cwd=desk, status=1)
    assert missing.stderr == "receipt 9: no such receipt here\n"


def test_a_card_that_was_found_again_is_blocked_and_serves_nobody(desk: Path) -> None:
    (desk / "fleet.key").write_text(FLEET_KEY.hex())
    office = ("card", "block", "virtual:card.bin", "--fleet-key", "fleet.key")
    assert "--station" in run(*office, "--station", "a b", cwd=desk, status=2).stderr
    assert "does not have the keys" in run("card", "block", "virtual:card.bin", cwd=desk, status=1).stderr
    for did in ("blocked", "unchanged"):
        told_of = told(*office, cwd=desk)
        assert (told_of["did"], told_of["meter"], told_of["epoch"]) == (did, METER, 1)
    shift = ("shift", "open", "--home", "k1", "--clerk", "anna")
    told(*shift, cwd=desk)
    pay = ("topup", "--home", "k1", "--reader", "virtual:card.bin", "--eur", "20", "--id", "p1")
    paid = run(*pay, cwd=desk, status=1)
    assert "this card is blocked: nobody is served with it" in paid.stderr
    told("card", "blank", "virtual:new.bin", "--fleet-key", "fleet.key", cwd=desk)
    blank = ("card", "block", "virtual:new.bin", "--fleet-key", "fleet.key")
    assert "belongs to nobody" in run(*blank, cwd=desk, status=1).stderr


def test_the_store_is_free_while_a_receipt_is_written(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = ("--home", "k1")
    told("shift", "open", *home, "--clerk", "anna", "--language", "nl", cwd=desk)
    told("topup", *home, "--reader", "virtual:card.bin", "--eur", "20", "--id", "p1", cwd=desk)
    write, written = reprint._write, list[Path]()

    def write_beside_a_payment(out: Path, data: bytes) -> None:
        with closing(sqlite3.connect(desk / "k1" / "kiosk.db", timeout=0, isolation_level=None)) as till:
            till.execute("BEGIN IMMEDIATE")  # as the screen does for a payment, while a page is rendered
            till.execute("ROLLBACK")
        written.append(out)
        write(out, data)

    monkeypatch.setattr(reprint, "_write", write_beside_a_payment)
    for number in ("1", "2"):
        out = desk / f"{number}.txt"
        reprint.reprint_receipt(payment="p1", out=out, home=desk / "k1")
    assert [each.name for each in written] == ["1.txt", "2.txt"]
    first, copy = (each.read_text() for each in written)
    assert ("*** Kopie ***" in first, "*** Kopie ***" in copy) == (False, True)


def test_a_lost_gas_card_is_replaced_by_a_gas_card(tmp_path: Path) -> None:
    """The steps at home are other ones: its appliances are closed, and leaks are looked for."""
    run("issue", "--reader", "virtual:card.bin", "--meter", "g1", "--energy", "gas", cwd=tmp_path)
    run("topup", "--reader", "virtual:card.bin", "--eur", "20", cwd=tmp_path)
    words = ("replace", "--reader", "virtual:new.bin", "--meter", "g1", "--ledger", "card.bin.ledger")
    done = told(*words, cwd=tmp_path)
    assert (done["energy"], done["epoch"], done["replaces"]) == ("gas", 2, 1)
    unknown = ("replace", "--reader", "virtual:n.bin", "--meter", "m2", "--ledger", "card.bin.ledger")
    refused = run(*unknown, cwd=tmp_path, status=2).stderr
    assert "--epoch: missing; no card of meter m2 was ever here" in refused
    assert not (tmp_path / "n.bin").exists()


def test_a_batch_pays_a_meter_once_whichever_card_it_has(tmp_path: Path) -> None:
    run("issue", "--reader", "virtual:card.bin", "--meter", "m1", cwd=tmp_path)
    gift = ("queue", "topup", "--eur", "100", "--batch", "gift", "--ledger", "till.db")
    first = told(*gift, "--reader", "virtual:card.bin", cwd=tmp_path)
    told("replace", "--reader", "virtual:new.bin", "--meter", "m1", "--ledger", "till.db", cwd=tmp_path)
    again = told(*gift, "--reader", "virtual:new.bin", cwd=tmp_path)
    assert (first["did"], again["did"], again["total_ueur"]) == ("written", "repeated", 100_000_000)


def test_practice_touches_no_store_of_a_kiosk_and_no_other_seed_does(desk: Path) -> None:
    """Practice money in a real drawer, and a real refund signed by nobody, are worse than a refusal."""
    told("shift", "open", "--home", "k1", "--clerk", "anna", cwd=desk)
    run("issue", "--reader", "virtual:p.bin", "--meter", "m1", cwd=desk)
    paid = ("topup", "--reader", "virtual:p.bin", "--eur", "20", "--id", "x")
    refused = run(*paid, "--ledger", "k1/kiosk.db", cwd=desk, status=2).stderr
    assert "k1/kiosk.db: the store of another kiosk, or of practice with another seed" in refused
    closed = ("shift", "close", "--ledger", "k1/kiosk.db", "--counted", "0")
    run(*closed, cwd=desk, status=2)
    run(*paid, "--ledger", "own.db", cwd=desk)
    run("find", "--payment", "x", "--ledger", "own.db", "--practice", "other", cwd=desk, status=2)
    assert told("shift", "close", "--home", "k1", "--counted", "0", cwd=desk)["difference_ueur"] == 0
