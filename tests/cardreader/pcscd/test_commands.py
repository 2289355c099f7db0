"""`relance-kiosk` with a card in a real reader, as a person types it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardreader.card.card import ATR, SmartCard
from cardreader.card.factory import make_blank_card
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import issuer_keys
from cardreader.cli.options import office_key
from cardreader.readers.opening import open_card
from cardreader.readers.virtual import VirtualCard
from tests.cardreader.one_card import SERIAL
from tests.cardreader.pcscd.acting_cards import PulledBeforeCommit
from tests.cardreader.pcscd.private_pcscd import PrivatePcscd

PROGRAM = Path(sys.executable).parent / "relance-kiosk"


def run(daemon: PrivatePcscd, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [PROGRAM, *words], env=daemon.environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def told(daemon: PrivatePcscd, *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(daemon, *words, "--json").stdout.splitlines()]


@pytest.fixture
def blank(pcscd: PrivatePcscd) -> WholeMemory:
    """A card from the factory in the first reader, with the issuer's keys for practice."""
    memory = WholeMemory()
    make_blank_card(memory, SERIAL, issuer_keys(office_key(None, "practice").key, SERIAL))
    pcscd.insert("Kiosk", SmartCard(memory))
    return memory


def test_a_card_is_issued_read_and_spoken_to(pcscd: PrivatePcscd, blank: WholeMemory) -> None:
    before = bytes(blank.content)
    readers = told(pcscd, "readers")
    assert [(each["reader"], each["has_card"], each["in_use"]) for each in readers] == [
        ("Kiosk 00 00", True, False),
        ("Office 01 00", False, False),
    ]
    assert readers[0]["atr"] == ATR.hex()
    (issued,) = told(pcscd, "issue", "--reader", "kiosk", "--meter", "m00042")
    assert {
        "card": SERIAL.hex(),
        "reader": "Kiosk 00 00",
        "file": None,
        "did": "issued",
    }.items() <= issued.items()
    assert bytes(blank.content) != before
    (again,) = told(pcscd, "issue", "--reader", "any", "--meter", "m00042")
    assert again["did"] == "unchanged"
    (read,) = told(pcscd, "read", "--reader", "any")
    assert (read["card"], read["meter"], read["missing"]) == (SERIAL.hex(), "m00042", "home")
    # The meter's keys: nobody looks into the card's memory for them.
    (pairing,) = told(pcscd, "card", "apdu", "kiosk", "--as", "meter", "00B0820000")
    assert pairing["data"].endswith(b"m00042".hex() + "00")


def test_a_card_in_a_reader_is_shown_as_the_same_card_in_a_file(
    pcscd: PrivatePcscd, blank: WholeMemory, tmp_path: Path
) -> None:
    run(pcscd, "issue", "--reader", "any", "--meter", "m00042", "--reference", "5414000000042")
    asked = told(pcscd, "card", "dump", "any")
    run(pcscd, "card", "export", "any", "--out", str(tmp_path / "asked"))
    # After being asked: a session counts on.
    VirtualCard.create(tmp_path / "card.bin", blank)
    in_file = told(pcscd, "card", "dump", f"virtual:{tmp_path / 'card.bin'}")
    run(pcscd, "card", "export", f"virtual:{tmp_path / 'card.bin'}", "--out", str(tmp_path / "read"))
    assert asked[1:] == in_file[1:]
    assert in_file[0]["card"].pop("sequence") - asked[0]["card"].pop("sequence") == 2
    assert asked[0] == in_file[0]
    written = {each.name: each.read_bytes() for each in (tmp_path / "read").iterdir()}
    assert {each.name: each.read_bytes() for each in (tmp_path / "asked").iterdir()} == written
    assert {"DIR-1.bin", "GDO.bin", "CARD.bin", "PAIRING.bin", "LOG-1.bin"} == set(written)


def test_a_payment_whose_card_was_pulled_out_is_made_good_by_the_same_command(
    pcscd: PrivatePcscd, blank: WholeMemory, tmp_path: Path
) -> None:
    run(pcscd, "issue", "--reader", "any", "--meter", "m00042")
    store = ("--ledger", str(tmp_path / "kiosk.db"))
    pay = ("topup", "--reader", "any", "--eur", "20", "--id", "p1", *store)
    pcscd.insert("Kiosk", PulledBeforeCommit(blank))
    failed = run(pcscd, *pay, status=3)
    assert "payment p1 is booked, and not on the card: repeat the command with --id p1" in failed.stderr
    assert "what the card did last is not known" in failed.stderr
    pcscd.insert("Kiosk", SmartCard(blank))
    (paid,) = told(pcscd, *pay)
    (again,) = told(pcscd, *pay)
    assert [each["total_ueur"] for each in (paid, again)] == [20_000_000, 20_000_000]
    (read,) = told(pcscd, "read", "--reader", "any")
    assert [each["total_ueur"] for each in read["documents"] if each["total_ueur"]] == [20_000_000]


def test_what_cannot_be_done_now_says_what_to_do(pcscd: PrivatePcscd, blank: WholeMemory) -> None:
    for words, status, line in (
        (
            ("read", "--reader", "Cash"),
            2,
            '--reader: "Cash"; allowed: virtual:FILE, any, or a reader: "Kiosk',
        ),
        (("read", "--reader", "office"), 3, "Office 01 00: there is no card in it: put one in"),
        (("card", "dump", "office"), 3, "Office 01 00: there is no card in it: put one in"),
    ):
        assert line in run(pcscd, *words, status=status).stderr
    with open_card("any"):
        assert "another program uses this card" in run(pcscd, "read", "--reader", "any", status=3).stderr
        assert "which another program uses" in run(pcscd, "readers").stdout
    assert blank.content
    pcscd.kill()
    pcscd.start([])
    assert run(pcscd, "readers", status=1).stdout == "no card reader is plugged in\n"
    pcscd.kill()
    assert "start pcscd" in run(pcscd, "readers", status=3).stderr
