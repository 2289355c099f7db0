"""`relance-kiosk read` and `topup` for practice, as a clerk types them, with an emulated meter beside."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardreader.issuing.practice import practice_signer
from protocols.documents import drafting
from protocols.documents.envelope import seal
from protocols.documents.orders import ORDER_TYPE, write_document
from tests.typed import typed

BIN = Path(sys.executable).parent
READER = ("--reader", "virtual:card.bin")
# Keys of another practice, with a store of its own.
OTHER = ("--practice", "x", "--ledger", "x.db")


def run(program: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return typed(program, *words, cwd=cwd)


def kiosk(*words: str, cwd: Path, status: int = 0) -> dict[str, Any]:
    done = run("relance-kiosk", *words, "--json", cwd=cwd)
    assert done.returncode == status, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def meter(*words: str, cwd: Path, status: int = 0) -> dict[str, Any]:
    base = ("meter", "m1", "--state", "m1.json", "--card", "card.bin", "--json")
    done = run("relance-emulator", *base, *words, cwd=cwd)
    assert done.returncode == status, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def booked(home: Path) -> list[tuple[str, str, int]]:
    with sqlite3.connect(home / "card.bin.ledger") as store:
        return list(store.execute("SELECT id, state, amount_ueur FROM payment ORDER BY id"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    done = run("relance-kiosk", "issue", *READER, "--meter", "m1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_the_whole_way_from_kiosk_to_meter_and_back(home: Path) -> None:
    new = kiosk("read", *READER, cwd=home)
    assert (new["meter"], new["said"], new["missing"]) == ("m1", None, "home")
    meter(cwd=home)
    assert kiosk("read", *READER, cwd=home)["missing"] == "none"
    paid = kiosk("topup", *READER, "--eur", "20", "--id", "p1", cwd=home)
    assert (paid["did"], paid["amount_ueur"], paid["total_ueur"]) == ("written", 20_000_000, 20_000_000)
    waiting = kiosk("read", *READER, cwd=home)
    assert waiting["missing"] == waiting["explained"]["step"] == "home_again"
    assert [(each["total_ueur"], each["is_done"]) for each in waiting["documents"] if each["issuer"]] == [
        (20_000_000, False)
    ]
    torn = meter("--pull-after-ms", "2000", cwd=home, status=1)
    assert torn["after"]["balance_ueur"] == 0
    assert kiosk("read", *READER, cwd=home)["missing"] == "home_again"
    whole = meter(cwd=home)
    assert (whole["after"]["balance_ueur"], whole["after"]["clock"]) == (20_000_000, "trusted")
    done = kiosk("read", *READER, cwd=home)
    assert (done["missing"], done["said_proof"]) == ("none", "authentic")
    assert done["said"]["balance_ueur"] == 20_000_000
    assert [each["verdict"] for each in done["documents"] if each["issuer"]] == ["accepted"]
    assert [each["deed"] for each in done["visits"]] == ["applied", "written", "applied", "issued"]
    told = [
        line for line in run("relance-kiosk", "read", *READER, cwd=home).stdout.splitlines() if "time" in line
    ]
    assert len(told) == len(set(told)) == 2, "a time of each authority, and each is named by its key"


def test_the_same_id_is_the_same_payment_also_on_a_card_of_last_week(home: Path) -> None:
    old = (home / "card.bin").read_bytes()
    kiosk("topup", *READER, "--eur", "20", "--id", "p1", cwd=home)
    kiosk("topup", *READER, "--eur", "30", "--id", "p2", cwd=home)
    (home / "card.bin").write_bytes(old)
    again = kiosk("topup", *READER, "--eur", "30", "--id", "p2", cwd=home)
    assert (again["did"], again["number"], again["total_ueur"]) == ("repeated", 2, 50_000_000)
    assert meter(cwd=home)["after"]["balance_ueur"] == 50_000_000
    (home / "card.bin").write_bytes(old)
    assert kiosk("topup", *READER, "--eur", "5", cwd=home)["total_ueur"] == 55_000_000
    assert meter(cwd=home)["after"]["balance_ueur"] == 55_000_000


def test_a_kiosk_that_has_lost_its_ledger_goes_on_from_what_the_card_says(home: Path) -> None:
    kiosk("topup", *READER, "--eur", "20", cwd=home)
    meter(cwd=home)
    (home / "card.bin.ledger").unlink()
    assert kiosk("topup", *READER, "--eur", "10", cwd=home)["total_ueur"] == 30_000_000
    assert meter(cwd=home)["after"]["balance_ueur"] == 30_000_000


def test_a_clerk_reads_what_to_do_in_a_few_lines(home: Path) -> None:
    paid = run("relance-kiosk", "topup", *READER, "--eur", "20.50", "--id", "p1", cwd=home)
    assert paid.stdout == (
        "payment p1: 20.50 € for meter m1, in all 20.50 €, on the card; "
        "put it into the meter, until it shows 9\n"
    )
    read = run("relance-kiosk", "read", *READER, cwd=home).stdout.splitlines()
    assert read[1] == "  the meter: it has never read this card"
    assert read[2] == "  payment/practice-kiosk, in all 20.50 €: not yet in the meter"
    assert read[-1] == "  to do: Step 3 of 3 is missing: the card into the meter, at home."


def test_a_gas_household_is_told_how_the_gas_comes_back(tmp_path: Path) -> None:
    made = ("issue", *READER, "--meter", "g1", "--energy", "gas")
    assert run("relance-kiosk", *made, cwd=tmp_path).returncode == 0
    done = kiosk("recover", *READER, "--hours", "240", cwd=tmp_path)
    ticket = ("reprint", "--ledger", "card.bin.ledger", "--number", str(done["receipt"]))
    said = kiosk(*ticket, "--language", "fr", cwd=tmp_path)
    assert said["facts"]["energy"] == "gas"
    text = " ".join(said["text"].split())
    assert "3. Fermez tous les appareils au gaz." in text
    assert "test d'étanchéité de 12 minutes" in text
    assert "rien ne la coupe pendant 10 jours" in text
    assert said["facts"]["call_code"] == "100032"


def test_a_receipt_printed_after_its_void_says_so_and_a_bank_card_gets_its_money(home: Path) -> None:
    paid = kiosk("topup", *READER, "--eur", "20", "--id", "p1", "--means", "terminal", cwd=home)
    void = ("void", *READER, "--id", "p1", "--means", "terminal")
    for _ in ("new", "repeated"):
        said = run("relance-kiosk", *void, cwd=home).stdout
        assert said == (
            "payment p1 for meter m1: voided: the terminal has given 20.00 € back to the bank card: "
            "give no cash\n"
        )
    again = ("reprint", "--ledger", "card.bin.ledger", "--number", str(paid["receipt"]), "--language", "fr")
    assert "*** Annulé : ce paiement a été rendu ***" in kiosk(*again, cwd=home)["text"]
    back = ("reprint", "--ledger", "card.bin.ledger", "--payment", "p1", "--language", "fr")
    assert "Rendu sur la carte bancaire" in kiosk(*back, cwd=home)["text"]


def test_a_payment_that_does_not_fit_is_not_taken(home: Path) -> None:
    files = []
    for issuer in ("a", "b", "c", "d"):
        sheet = drafting.Sheet(f"o-{issuer}", 1, 1_800_000_000_000, "test")
        order = drafting.payment_statement(sheet, "m1", issuer, 1, 1_000_000)
        document = seal(write_document(order), ORDER_TYPE, [practice_signer("practice", "anna")])
        (home / f"{issuer}.json").write_bytes(document)
        files.append(f"{issuer}.json")
    assert run("relance-kiosk", "card", "load", "virtual:card.bin", *files, cwd=home).returncode == 0
    full = run("relance-kiosk", "topup", *READER, "--eur", "20", "--id", "p1", cwd=home)
    assert full.returncode == 1
    assert "it does not fit onto the card: no_slot; put the card into the meter first" in full.stderr
    assert "is booked" not in full.stderr
    found = run("relance-kiosk", "find", "--ledger", "card.bin.ledger", "--payment", "p1", cwd=home)
    assert (found.returncode, found.stdout) == (1, "this kiosk knows nothing of it\n")
    assert meter(cwd=home)["after"]["balance_ueur"] == 4_000_000
    assert kiosk("topup", *READER, "--eur", "20", "--id", "p1", cwd=home)["total_ueur"] == 20_000_000
    assert meter(cwd=home)["after"]["balance_ueur"] == 24_000_000


def test_each_recovery_card_releases_once(home: Path) -> None:
    for slot in ("ORDER-1", "ORDER-2"):
        told = kiosk("recover", *READER, "--hours", "48", cwd=home)
        assert (told["kind"], told["meter"], told["slot"]) == ("release", "m1", slot)
        first, again = meter(cwd=home), meter(cwd=home)
        reasons = [each["reason"] for each in first["visit"]["documents"]]
        assert reasons[-1] == "released"
        assert {each["reason"] for each in again["visit"]["documents"]} == {"repeated"}
        assert kiosk("read", *READER, cwd=home)["missing"] == "none"


def test_a_cancelled_cut_is_stored_and_read_back(home: Path) -> None:
    told = kiosk("reactivate", *READER, "--id", "c1", cwd=home)
    assert (told["kind"], told["object"]) == ("cancel_cut", "cut/c1")
    assert [each["object"] for each in meter(cwd=home)["visit"]["documents"]] == ["cut/c1"]
    done = kiosk("read", *READER, cwd=home)
    assert [(each["object"], each["verdict"]) for each in done["documents"]] == [("cut/c1", "accepted")]


def test_reading_changes_nothing_that_a_household_would_see(home: Path) -> None:
    before = kiosk("read", *READER, cwd=home)
    assert kiosk("read", *READER, cwd=home) == before


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (("topup", *READER, "--eur", "4.99"), 2, '--eur: "4.99"; allowed: 5 to 250'),
        (("topup", *READER, "--eur", "250.01"), 2, "allowed: 5 to 250"),
        (("topup", *READER, "--eur", "5.001"), 2, "whole cents"),
        (("topup", *READER, "--eur", "20", "--id", "a b"), 2, "--id"),
        (
            ("topup", *READER, "--eur", "21", "--id", "p1"),
            1,
            "p1 is another payment, of 20.00 € for meter m1, cash",
        ),
        (("topup", *READER, "--eur", "20", "--ledger", "notes"), 2, "notes: no store of a kiosk"),
        (("topup", *READER, "--eur", "20", "--ledger", "no/ledger"), 2, "no/ledger: cannot be made"),
        (("topup", *READER, "--eur", "20", "--practice", "x"), 2, "practice with another seed"),
        (("topup", *READER, "--eur", "20", *OTHER), 1, "keys of a card of ours"),
        (("recover", *READER, "--hours", "25"), 2, "--hours: 25; allowed: 24, 48, 72, 240"),
        (("recover", *READER, *OTHER), 1, "keys of a card of ours"),
        (("reactivate", *READER), 1, "--id"),
        (("reactivate", *READER, "--id", "a b"), 2, "--id"),
        (("read", "--reader", "virtual:none.bin"), 2, "none.bin: no such file"),
        (("read", "--reader", "card.bin"), 2, '"card.bin" is a file; allowed: virtual:FILE'),
        (("read", *READER, "--practice", "x"), 1, "keys of a card of ours"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_books_nothing(
    words: tuple[str, ...], status: int, error: str, home: Path
) -> None:
    kiosk("topup", *READER, "--eur", "20", "--id", "p1", cwd=home)
    before = booked(home)
    (home / "notes").write_text("hello")
    done = run("relance-kiosk", *words, cwd=home)
    assert (done.returncode, done.stdout) == (status, "")
    assert error in done.stderr
    assert "Traceback" not in done.stderr
    assert booked(home) == before
