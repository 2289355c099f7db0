"""`relance-emulator meter`: one meter from a shell, a card in its slot, both in files."""

import fcntl
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardreader.card.store import Store, WholeMemory
from cardreader.channel.keys import generation_key, kiosk_keys
from cardreader.files.access import KeyHolder
from cardreader.files.layout import STATE, stored_as
from cardreader.files.meter_state import StateWord
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import HostSession, ask, select_application
from cardreader.iso7816 import instructions as iso
from cardreader.issuing.practice import practice_key, practice_signer
from cardreader.loading.contents import read_contents
from cardreader.loading.loads import load
from cardreader.readers.virtual import VirtualCard
from protocols.documents import drafting
from protocols.documents.drafting import Sheet
from protocols.documents.envelope import seal
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.rim.clocks import now_ms

BIN = Path(sys.executable).parent


def run(program: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / program, *words], cwd=cwd, capture_output=True, text=True, check=False)


def meter(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run("relance-emulator", "meter", *words, cwd=cwd)


def told(*words: str, cwd: Path, status: int = 0) -> dict[str, Any]:
    done = meter(*words, "--json", cwd=cwd)
    assert done.returncode == status, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a card of meter m1, for practice."""
    done = run("relance-kiosk", "issue", "--reader", "virtual:card.bin", "--meter", "m1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def pay(folder: Path, number: int, total_ueur: int) -> None:
    """A kiosk puts a statement onto the card."""
    sheet = Sheet(f"payment-{number}", number, now_ms(), "test")
    order = drafting.payment_statement(sheet, "m1", "kiosk", number, total_ueur)
    document = seal(write_document(order), ORDER_TYPE, [practice_signer("practice", "anna")])
    key = generation_key(practice_key("practice"), 1)
    with VirtualCard(folder / "card.bin") as card:
        select_application(card)
        serial = ask(card, iso.DATA_SERIAL)
        session = HostSession.open(card, kiosk_keys(key, 1, serial), number.to_bytes(8))
        visit = Visit(KeyHolder.KIOSK, Deed.WRITTEN, now_ms(), "kiosk")
        load(session, read_contents(session).documents, [document], visit, lambda _document: True)


WITH_CARD = ("m1", "--state", "m1.json", "--card", "card.bin")


def test_what_is_paid_on_the_card_is_credited_once_and_stays_in_the_file(home: Path) -> None:
    first = told(*WITH_CARD, cwd=home)
    assert (first["new"], first["visit"]["code"], first["visit"]["accepted"]) == (True, "9", True)
    pay(home, 1, 20_000_000)
    torn = told(*WITH_CARD, "--pull-after-ms", "1500", cwd=home, status=1)
    assert torn["visit"]["text"] == "card out too early: put it in again"
    assert torn["after"]["balance_ueur"] == 0
    second = told(*WITH_CARD, cwd=home)
    assert [each["object"] for each in second["visit"]["documents"]] == ["payment/kiosk"]
    assert second["after"]["balance_ueur"] == 20_000_000
    pay(home, 2, 50_000_000)
    third = told(*WITH_CARD, cwd=home)
    again = told("m1", "--state", "m1.json", "--card", "virtual:card.bin", cwd=home)
    assert third["after"]["balance_ueur"] == again["after"]["balance_ueur"] == 50_000_000
    assert again["after"]["credited"] == [{"issuer": "kiosk", "epoch": 0, "total_ueur": 50_000_000}]
    with VirtualCard(home / "card.bin") as card:
        state = StateWord.decode(Store(WholeMemory(bytes(card.memory.content))).read(stored_as(STATE))).state
    assert state is not None
    assert [each.total_ueur for each in state.totals] == [50_000_000]


def test_a_person_reads_what_happened_in_a_few_lines(home: Path) -> None:
    pay(home, 1, 20_000_000)
    done = meter(*WITH_CARD, cwd=home)
    assert done.returncode == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "meter m1 (new): supply on, 0.00 €, clock trusted"
    assert lines[1] == "  payment/kiosk: accepted, credited"
    assert lines[2].startswith("  screen: card accepted (code 9), after ")
    assert lines[3] == "  now: supply on, 20.00 €, clock trusted"


def test_a_meter_without_a_file_is_new_each_time_and_says_so(home: Path) -> None:
    for _ in range(2):
        done = meter("m1", "--card", "card.bin", cwd=home)
        assert done.returncode == 0
        assert "(new)" in done.stdout
        assert done.stderr == "warning: the meter is not kept: it is a new one each time (--state FILE)\n"


def test_the_card_of_another_meter_or_seed_ends_with_one(home: Path) -> None:
    for words in (("m2",), ("m1", "--practice", "other")):
        found = told(*words, "--card", "card.bin", cwd=home, status=1)
        assert found["visit"]["text"] == "not the card of this meter"


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (("m1", "--card", "none.bin"), 2, "none.bin: no such file"),
        (("m1", "--card", "m1.txt"), 2, "no virtual card"),
        (("m1", "--state", "m1.txt"), 2, "--state: m1.txt: no meter's file"),
        (("m1", "--state", "none/m1.json"), 2, "--state: none/m1.json: cannot be written"),
        (("m1", "--profile", "wallonia-smar"), 2, "perhaps wallonia-smart"),
        (("m1", "--energy", "steam"), 2, "--energy"),
        (("m1", "--balance-eur", "ten"), 2, '--balance-eur: "ten"; allowed: an amount in euro'),
        (("m1", "--balance-eur", "400001"), 2, "--balance-eur: 400001; allowed: -400000 to 400000"),
        (("m 1",), 2, "METER"),
        (("m1", "--home", "none"), 2, "none/root.json"),
    ],
)
def test_wrong_input_is_one_line_that_says_what_is_wrong(
    words: tuple[str, ...], status: int, error: str, home: Path
) -> None:
    (home / "m1.txt").write_text("hello\n")
    done = meter(*words, cwd=home)
    assert done.returncode == status
    assert error in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_of_another_meter_or_in_use_is_left_alone(home: Path) -> None:
    told(*WITH_CARD, cwd=home)
    before = (home / "m1.json").read_bytes()
    other = meter("m2", "--state", "m1.json", cwd=home)
    assert (other.returncode, "it holds meter m1" in other.stderr) == (2, True)
    with (home / "m1.json").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        busy = meter(*WITH_CARD, cwd=home)
    assert (busy.returncode, "another program uses this meter" in busy.stderr) == (3, True)
    assert (home / "m1.json").read_bytes() == before
