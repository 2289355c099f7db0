"""`relance-kiosk issue` and `card`, as a person types them: results, exit statuses, errors in one line."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import generation_key, kiosk_keys, meter_keys_of_fleet
from cardreader.cli.options import office_key
from cardreader.cli.talking import read_script
from cardreader.files.identity import CardState, Pairing
from cardreader.files.layout import PAIRING, STATEMENTS
from cardreader.host.session import HostSession
from cardreader.host.transport import InProcess
from cardreader.iso7816.apdu import CardGoneError
from cardreader.readers.virtual import VirtualCard
from protocols.documents import drafting
from protocols.documents.drafting import Sheet
from protocols.documents.envelope import Signer, seal
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.errors import InputError, UnreachableError
from protocols.rim.terminal import Exit
from tests.cardreader.one_card import session
from tests.typed import typed

PROGRAM = Path(sys.executable).parent / "relance-kiosk"
SERIAL = "0102030405060708"
KEY = "000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f"
OURS = ("issue", "--reader", "virtual:card.bin", "--meter", "m00042", "--serial", SERIAL)


def run(*words: str, cwd: Path, given_input: str = "") -> subprocess.CompletedProcess[str]:
    return typed("relance-kiosk", *words, cwd=cwd, given_input=given_input)


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a card of meter m00042."""
    done = run(*OURS, "--reference", "5414000000042", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def practice_kiosk(path: Path) -> tuple[VirtualCard, HostSession]:
    key = office_key(None, "practice").key
    card = VirtualCard(path).__enter__()
    keys = kiosk_keys(generation_key(key, 1), 1, bytes.fromhex(SERIAL))
    return card, session(card, keys)


# ------------------------------------------------------------------------------------------------- issue


def test_the_shortest_way_to_a_card(tmp_path: Path) -> None:
    done = run("issue", "--reader", "virtual:card.bin", cwd=tmp_path)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert "issued: meter m1, pairing epoch 1" in done.stdout
    assert done.stderr.startswith("warning: practice keys: no real meter")
    assert (tmp_path / "card.bin").stat().st_size == 16 + 32 * 1024


def test_a_card_that_was_issued_opens_with_the_meters_keys_and_says_whose_it_is(home: Path) -> None:
    key = office_key(None, "practice").key
    with VirtualCard(home / "card.bin") as card:
        opened = session(card, meter_keys_of_fleet(key, "m00042", bytes.fromhex(SERIAL), 1))
        found = Pairing.decode(opened.read(PAIRING))
    assert found == Pairing(CardState.PAIRED, 1, "m00042", "5414000000042")


def test_issuing_again_changes_nothing_and_for_another_household_is_refused(home: Path) -> None:
    again = run("issue", "--reader", "virtual:card.bin", "--meter", "m00042", "--reference", "5414000000042",
                "--json", cwd=home)  # fmt: skip
    assert again.returncode == 0
    assert lines(again.stdout)[0]["did"] == "unchanged"
    before = (home / "card.bin").read_bytes()
    other = run("issue", "--reader", "virtual:card.bin", "--meter", "m00043", cwd=home)
    assert (other.returncode, other.stdout) == (1, "")
    assert "belongs to meter m00042, pairing epoch 1, customer 5414000000042; allowed" in other.stderr
    # Only the authentication has left its trace: its counter.
    with VirtualCard(home / "card.bin"):
        pass
    assert len((home / "card.bin").read_bytes()) == len(before)


def test_the_fleets_key_makes_the_cards_of_its_meters(tmp_path: Path) -> None:
    (tmp_path / "fleet.key").write_text(KEY + "\n")
    done = run(*OURS, "--fleet-key", "fleet.key", "--epoch", "2", "--energy", "gas", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (fields,) = lines(done.stdout)
    assert {"practice": False, "epoch": 2, "energy": "gas", "card": SERIAL}.items() <= fields.items()
    with VirtualCard(tmp_path / "card.bin") as card:
        keys = meter_keys_of_fleet(bytes.fromhex(KEY), "m00042", bytes.fromhex(SERIAL), 2)
        assert session(card, keys).greeting.epoch == 2
    foreign = run(*OURS[:5], cwd=tmp_path)
    assert foreign.returncode == 1
    assert foreign.stderr.splitlines()[-1] == "card: it does not have the keys of a card of ours"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("issue", "allowed: --reader NAME|virtual:FILE, or --list CSV with --out DIR"),
        ("issue --reader virtual:", '--reader: "virtual:"; allowed: virtual:FILE'),
        ("issue --reader notes.txt", '"notes.txt" is a file; allowed: virtual:FILE, here virtual:notes.txt'),
        ("card apdu card.bin 00", 'CARD: "card.bin" is a file; allowed: virtual:FILE'),
        ("issue --reader virtual:a/b.bin", "a/b.bin: cannot be written: No such file or directory"),
        ("issue --reader virtual:n.bin --energy water", 'energy: "water"; allowed: electricity, gas'),
        ("issue --reader virtual:n.bin --reference 12", '--reference: "12"; allowed: 13 digits'),
        ("issue --reader virtual:n.bin --epoch 0", "--epoch: 0; allowed: 1 to 65535"),
        ("issue --reader virtual:n.bin --meter m/1", '--meter: "m/1"; allowed: 1 to 64'),
        ("issue --reader virtual:n.bin --serial 12", '--serial: "12"; allowed: 16 hex digits'),
        ("issue --reader virtual:n.bin --fleet-key no.key", "no.key: no such file"),
        ("issue --reader virtual:card.bin --serial 0102030405060709", "card.bin is a card already"),
        ("issue --reader virtual:notes.txt", "notes.txt: 5 bytes, no virtual card; allowed: 32784 bytes"),
        ("issue --reader virtual:n.bin --fleet-key notes.txt", "no fleet key; allowed: 32 bytes as hex"),
        ("issue --list cards.csv", "allowed: --reader NAME|virtual:FILE, or --list CSV with --out DIR"),
        ("issue --list no.csv --out cards", "--list: no.csv: cannot be read: No such file or directory"),
        (
            "issue --list notes.txt --out cards",
            "columns; allowed: meter, energy, reference, epoch, fleet_generation; needed: meter",
        ),
        ("card dump card.bin", 'CARD: "card.bin" is a file; allowed: virtual:FILE'),
        ("card dump virtual:no.bin", "no.bin: no such file; `relance-kiosk issue --reader virtual:no.bin`"),
        ("card dump virtual:card.bin --file KEYS", '--file: "KEYS"; allowed: DIR, GDO, CARD, PAIRING'),
        ("card apdu virtual:card.bin 00A4x", 'APDU 1: "00A4x"; allowed: whole bytes as hex digits'),
        ("card apdu virtual:card.bin 00A40400 0", 'APDU 2: "0"; allowed: whole bytes'),
        ("card apdu virtual:card.bin 00 --as thief", '--as: "thief"; allowed: issuer, kiosk, meter'),
        ("card script virtual:card.bin no.txt", "no.txt: cannot be read: No such file or directory"),
        ("card script virtual:card.bin notes.txt", 'notes.txt: line 1: "note"; allowed: whole bytes'),
        ("card export virtual:card.bin --out notes.txt", "notes.txt: cannot be written: File exists"),
    ],
)
def test_wrong_input_is_told_in_one_line_and_nothing_is_made(home: Path, words: str, line: str) -> None:
    (home / "notes.txt").write_text("note\n")
    before = sorted(home.iterdir())
    done = run(*words.split(), cwd=home)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert line in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert sorted(home.iterdir()) == before


@pytest.mark.parametrize(
    "words", ["read --reader kiosk", "issue --reader any", "card apdu any 00", "card load any c", "readers"]
)
def test_a_reader_that_cannot_be_reached_is_one_line_that_says_what_to_do(home: Path, words: str) -> None:
    """Whether pyscard is installed here or not: no service has such a socket."""
    (home / "c").write_bytes(b"")
    # In a program of its own: the library of PC/SC keeps the first socket that it is told of.
    done = subprocess.run(
        [PROGRAM, *words.split()],
        cwd=home,
        env=os.environ | {"PCSCLITE_CSOCK_NAME": str(home / "no.sock")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert done.stderr.splitlines()[-1].startswith("card readers")
    assert "pcscd" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_list_gives_each_card_its_own_result(tmp_path: Path) -> None:
    (tmp_path / "cards.csv").write_text(
        "meter,energy,reference,epoch\nm1,electricity,5414000000001,1\nm2,water,,\nm3,gas,,2\n"
    )
    done = run("issue", "--list", "cards.csv", "--out", "cards", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert [(each["meter"], each["did"]) for each in lines(done.stdout)] == [
        ("m1", "issued"),
        ("m2", "failed"),
        ("m3", "issued"),
    ]
    assert 'cards.csv: line 3: energy: "water"' in done.stderr.replace("--energy", "energy")
    assert sorted(each.name for each in (tmp_path / "cards").iterdir()) == ["m1.card", "m3.card"]
    again = run("issue", "--list", "cards.csv", "--out", "cards", cwd=tmp_path)
    assert again.stdout.splitlines()[-1] == "2 of 3 cards"


# -------------------------------------------------------------------------------------------- dump, export


def test_a_dump_shows_files_and_documents_and_no_key(home: Path) -> None:
    document = seal(b'{"id":"o1"}', ORDER_TYPE, [Signer.from_seed(bytes(32))])
    card, kiosk = practice_kiosk(home / "card.bin")
    kiosk.write(STATEMENTS[0], document)
    kiosk.commit()
    card.__exit__(None, None, None)
    shown = {
        each.get("file", "card"): each
        for each in lines(run("card", "dump", "virtual:card.bin", "--json", cwd=home).stdout)
    }
    assert shown["card"]["card"]["keys"][0] == {
        "version": "10",
        "holder": "issuer",
        "generation": 0,
        "tries": 10,
    }
    assert shown["PAIRING"]["parts"][0]["value"]["meter"] == "m00042"
    (statement,) = shown["STATEMENT-1"]["parts"]
    assert statement["value"]["document"] == {"id": "o1"}
    assert statement["value"]["type"] == ORDER_TYPE
    assert bytes.fromhex(statement["hex"]) == document
    text = run("card", "dump", "virtual:card.bin", cwd=home).stdout
    assert 'document: {"id":"o1"}' in text
    assert "ORDER-1" not in text
    key = office_key(None, "practice").key
    secret = kiosk_keys(generation_key(key, 1), 1, bytes.fromhex(SERIAL)).static
    assert secret.enc.hex() not in json.dumps(shown)
    one = lines(run("card", "dump", "virtual:card.bin", "--file", "order-1", "--json", cwd=home).stdout)
    assert [each["file"] for each in one] == ["ORDER-1"]


def test_what_cannot_be_read_is_told_and_the_rest_is_shown(home: Path) -> None:
    card, kiosk = practice_kiosk(home / "card.bin")
    kiosk.write(STATEMENTS[0], b"no document")
    kiosk.commit()
    card.__exit__(None, None, None)
    done = run("card", "dump", "virtual:card.bin", cwd=home)
    assert done.returncode == 1
    assert "  envelope: " in done.stdout
    assert "meter: m00042" in done.stdout


def test_a_damaged_card_is_told_in_one_line(home: Path) -> None:
    content = bytearray((home / "card.bin").read_bytes())
    content[16 : 16 + 1024] = bytes(1024)
    (home / "card.bin").write_bytes(content)
    done = run("card", "dump", "virtual:card.bin", cwd=home)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "card: the card's memory is damaged (6581)\n"


def test_an_export_writes_each_file_as_it_lies_on_the_card(home: Path) -> None:
    document = seal(b"{}", ORDER_TYPE, [Signer.from_seed(bytes(32))])
    card, kiosk = practice_kiosk(home / "card.bin")
    kiosk.write(STATEMENTS[1], document)
    kiosk.commit()
    card.__exit__(None, None, None)
    done = run("card", "export", "virtual:card.bin", "--out", "files", "--json", cwd=home)
    assert done.returncode == 0
    written = {each["file"]: home / each["path"] for each in lines(done.stdout)}
    assert written["STATEMENT-2"].read_bytes() == document
    assert sorted(each.name for each in (home / "files").iterdir()) == [
        *("CARD.bin", "DIR-1.bin", "GDO.bin", "LOG-1.bin", "PAIRING.bin", "STATEMENT-2.json"),
    ]


# --------------------------------------------------------------------------------------------------- load


def test_documents_are_loaded_each_into_its_slot_and_what_does_not_fit_is_said(home: Path) -> None:
    anna = Signer.from_seed(bytes(32))
    sheet = Sheet("o1", 1, 1_593_720_060_000, "")
    payment = drafting.payment_statement(sheet, "m00042", "office-1", 1, 20_000_000)
    hold = drafting.declare_moratorium(sheet, "frost", sheet.now_ms, sheet.now_ms + 86_400_000)
    for name, order in (("payment.json", payment), ("hold.json", hold)):
        (home / name).write_bytes(seal(write_document(order), ORDER_TYPE, [anna]))
    (home / "note.json").write_text("{}")
    words = ("card", "load", "virtual:card.bin", "hold.json", "payment.json")
    done = run(*words, "note.json", "--json", cwd=home)
    assert done.returncode == 1
    assert lines(done.stdout) == [
        {"document": "hold.json", "slot": "ORDER-1", "left_out": None},
        {"document": "payment.json", "slot": "STATEMENT-1", "left_out": None},
        {"document": "note.json", "slot": None, "left_out": "unreadable"},
    ]
    again = run(*words, cwd=home)
    assert (again.returncode, again.stdout) == (0, "hold.json: kept\npayment.json: kept\n")
    assert run("card", "export", "virtual:card.bin", "--out", "files", cwd=home).returncode == 0
    assert (home / "files" / "STATEMENT-1.json").read_bytes() == (home / "payment.json").read_bytes()
    missing = run("card", "load", "virtual:card.bin", "no.json", cwd=home)
    assert (missing.returncode, missing.stderr) == (2, "no.json: cannot be read: No such file or directory\n")


# -------------------------------------------------------------------------------------------- apdu, script


def test_commands_are_answered_with_their_meaning(home: Path) -> None:
    done = run("card", "apdu", "virtual:card.bin", "00A4040009F04255444745540001", "00B0820000", cwd=home)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "< 6982  not allowed to the holder of this key"
    secure = run("card", "apdu", "virtual:card.bin", "--as", "meter", "00B0820000", "--json", cwd=home)
    assert secure.returncode == 0
    (answer,) = lines(secure.stdout)
    assert Pairing.decode(bytes.fromhex(answer["data"])).meter == "m00042"
    assert answer["status"] == "9000"


SCRIPT = """
# A kiosk puts four bytes into a slot.
04D6830004DEADBEEF -> 9000
00B0830000 -> deadbeef 9000
80100000  -> 9000   # commit
reset
00A4040009 F04255444745540001 -> 9xxx
00B0830000 -> 6982
00CADF2100 -> *9000
"""


def test_a_script_is_played_and_compared(home: Path) -> None:
    (home / "visit.apdus").write_text(SCRIPT)
    done = run("card", "script", "virtual:card.bin", "visit.apdus", "--as", "kiosk", cwd=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert "!" not in done.stdout
    wrong = run(
        "card", "script", "virtual:card.bin", "-", "--json", cwd=home, given_input="00B0830000 -> 9000"
    )
    assert wrong.returncode == 1
    (told,) = lines(wrong.stdout)
    assert (told["status"], told["expected"], told["fits"]) == ("6a82", "9000", False)


@given(text=st.text(max_size=60))
def test_any_text_is_a_script_or_refused(text: str) -> None:
    try:
        found = read_script(text, "s")
    except InputError:
        return
    assert len(found) <= len(text.splitlines())


# ------------------------------------------------------------------------------------------- the file itself


def test_a_card_in_use_is_not_used_twice(home: Path) -> None:
    with VirtualCard(home / "card.bin"):
        done = run("card", "dump", "virtual:card.bin", cwd=home)
        assert (done.returncode, done.stderr) == (3, "card.bin: another program uses this card\n")
    card, kiosk = practice_kiosk(home / "card.bin")
    kiosk.write(STATEMENTS[0], b"1")
    kiosk.commit()
    # The file has been replaced meanwhile; it is locked all the same.
    with pytest.raises(UnreachableError, match="another program"), VirtualCard(home / "card.bin"):
        pass
    card.__exit__(None, None, None)
    assert run("card", "dump", "virtual:card.bin", "--file", "CARD", cwd=home).returncode == 0


def test_what_a_card_has_confirmed_is_in_the_file_whatever_happens_next(home: Path) -> None:
    _card, kiosk = practice_kiosk(home / "card.bin")
    kiosk.write(STATEMENTS[0], b"confirmed")
    kiosk.commit()
    # Nothing is closed: as if the program had been killed here.
    content = (home / "card.bin").read_bytes()[16:]
    key = office_key(None, "practice").key
    keys = kiosk_keys(generation_key(key, 1), 1, bytes.fromhex(SERIAL))
    opened = session(InProcess(SmartCard(WholeMemory(content))), keys)
    assert opened.read(STATEMENTS[0]) == b"confirmed"


def test_a_card_that_cannot_be_saved_has_gone(home: Path) -> None:
    card, kiosk = practice_kiosk(home / "card.bin")
    kiosk.write(STATEMENTS[0], b"lost")
    (home / "card.bin.new").mkdir()
    with pytest.raises(CardGoneError, match="cannot be written"):
        kiosk.commit()
    with pytest.raises(CardGoneError, match="not in the reader"):
        card.reset()
    (home / "card.bin.new").rmdir()
    _again, kiosk = practice_kiosk(home / "card.bin")
    assert kiosk.read(STATEMENTS[0]) == b""


KILLED = """
import os, signal, sys
from cardreader.readers import virtual
real, left = os.fsync, int(sys.argv[1])
def kill(number):
    global left
    real(number)
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
os.fsync = kill
from cardreader.cli import main
sys.argv = ["relance-kiosk", "issue", "--reader", "virtual:card.bin"]
main()
"""


@pytest.mark.parametrize("saves", [1, 2, 4, 5])
def test_a_program_killed_while_it_saves_leaves_a_card_that_works(tmp_path: Path, saves: int) -> None:
    """The first save makes the file, two are of the authentication, then come letters and the commit."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(saves)], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    again = run("issue", "--reader", "virtual:card.bin", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert run("card", "dump", "virtual:card.bin", cwd=tmp_path).returncode == 0
    assert [each.name for each in tmp_path.iterdir()] == ["card.bin"]


def test_nothing_of_a_lock_is_left_behind(home: Path) -> None:
    run("card", "dump", "virtual:card.bin", cwd=home)
    assert [each.name for each in home.iterdir()] == ["card.bin"]
    opened = os.open(home / "card.bin", os.O_RDWR)
    fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(opened)


def test_an_export_whose_reader_has_gone_is_no_wrong_input(home: Path) -> None:
    command = [str(PROGRAM), "card", "export", "virtual:card.bin", "--out", "files"]
    unread, output = os.pipe()
    os.close(unread)
    with os.fdopen(output, "wb") as closed:
        # Unbuffered, so that the first line already meets the closed pipe, in the midst of the files.
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        done = subprocess.run(
            command, cwd=home, stdout=closed, stderr=subprocess.PIPE, env=environment, check=False, timeout=60
        )
    assert done.returncode != Exit.WRONG_INPUT
    assert done.stderr == b""
