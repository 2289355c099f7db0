"""A queue of people, typed into a shell: card after card, each once in a batch, by what it says."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardreader.cli.queueing import serve_queue
from cardreader.kiosk.clerks_key import KeyClosedError
from cardreader.readers.inserted import InsertedCard
from protocols.errors import RelanceError
from protocols.rim.agent.asking import AgentClosedError
from tests.cardreader.cli.test_kiosk_home import PASSPHRASE
from tests.typed import typed

BIN = Path(sys.executable).parent


def ran(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = typed("relance-kiosk", *words, cwd=cwd, settings={"RELANCE_PASSPHRASE": PASSPHRASE})
    assert "Traceback" not in done.stderr
    return done


def lines(*words: str, cwd: Path, status: int = 0) -> list[dict[str, Any]]:
    done = ran("queue", *words, "--json", cwd=cwd)
    assert done.returncode == status, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    (tmp_path / "list.csv").write_text("meter\nm1\nm2\n")
    assert ran("issue", "--list", "list.csv", "--out", "cards", cwd=tmp_path).returncode == 0
    (tmp_path / "queue.txt").write_text("# the queue\nvirtual:cards/m1.card\n\nvirtual:cards/m2.card\n")
    return tmp_path


def test_a_batch_serves_each_card_once_and_goes_on_after_a_failure(cards: Path) -> None:
    store = ("--ledger", "till.db", "--batch", "storm")
    one = ("--reader", "virtual:cards/m1.card")
    first = lines("topup", *one, "--reader", "virtual:gone.bin", "--eur", "20", *store, cwd=cards, status=1)
    assert [(each["reader"], each["did"]) for each in first] == [
        ("virtual:cards/m1.card", "written"),
        ("virtual:gone.bin", "failed"),
    ]
    again = lines("topup", "--list", "queue.txt", "--eur", "20", *store, cwd=cards)
    assert [(each["meter"], each["did"], each["total_ueur"]) for each in again] == [
        ("m1", "repeated", 20_000_000),
        ("m2", "written", 20_000_000),
    ]
    given = lines("recover", "--list", "queue.txt", "--hours", "24", *store, cwd=cards)
    assert [(each["did"], each["kind"], each["hours"]) for each in given] == [("written", "release", 24)] * 2
    assert [each["did"] for each in lines("recover", "--list", "queue.txt", *store, cwd=cards)] == [
        "repeated",
        "repeated",
    ]
    # The same batch may also cancel a cut: each card once.
    words = ("reactivate", "--list", "queue.txt", "--id", "c1", *store)
    assert [(each["did"], each["cut"], each["kind"]) for each in lines(*words, cwd=cards)] == [
        ("written", "c1", "cancel_cut")
    ] * 2
    assert [each["did"] for each in lines(*words, cwd=cards)] == ["repeated", "repeated"]
    unnamed = lines("reactivate", *one, "--ledger", "till.db", cwd=cards)
    assert [each["did"] for each in unnamed] == ["left"]
    left = lines("recover", *one, "--ledger", "till.db", "--symptom", "code-8", cwd=cards)
    assert [(each["did"], each["call_code"][:3]) for each in left] == [("left", "100")]
    assert ran("queue", "--ledger", "till.db", cwd=cards).stdout == "no payment is open\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("topup", "--eur", "20"), "allowed: one --reader NAME, or --reader virtual:FILE"),
        (("topup", "--eur", "20", "--reader", "any", "--reader", "virtual:a.bin"), "allowed: one --reader"),
        (("topup", "--eur", "4", "--reader", "any"), '--eur: "4"; allowed: 5 to 250'),
        (("recover", "--reader", "any", "--symptom", "cold"), '--symptom: "cold"'),
        (("recover", "--reader", "any", "--batch", "x" * 60), "--batch: 60 characters"),
        (("reactivate", "--reader", "any", "--id", "a b"), '--id: "a b"; allowed: 1 to 64 letters'),
        (("recover", "--list", "no.txt"), "--list: no.txt: cannot be read"),
        (("--json", "recover", "--reader", "any"), "options stand behind `recover`"),
    ],
)
def test_a_wrong_queue_is_refused_before_the_first_card(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = ran("queue", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_ctrl_c_ends_between_two_cards_and_says_how_far_it_came(cards: Path) -> None:
    words = [str(BIN / "relance-kiosk"), "queue", "topup", "--eur", "20", "--batch", "storm"]
    many = [word for _ in range(2_000) for word in ("--reader", "virtual:cards/m1.card")]
    program = subprocess.Popen(
        [*words, *many], cwd=cards, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert "written" in program.stdout.readline()
    program.send_signal(signal.SIGINT)
    out, errors = program.communicate(timeout=30)
    assert program.returncode == 130
    assert len(out.splitlines()) < 1_999
    assert errors.splitlines()[-1].endswith("to go on: --batch storm")
    assert "Traceback" not in errors


@pytest.mark.parametrize("closed", [KeyClosedError("its shift has ended"), AgentClosedError("it was closed")])
def test_a_key_that_is_closed_ends_the_queue_and_says_how_to_go_on(
    closed: RelanceError, cards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readers = [f"virtual:{cards}/cards/{name}.card" for name in ("m1", "m2")]

    def serve(_channel: InsertedCard) -> tuple[dict[str, Any], str]:
        raise closed

    with pytest.raises(type(closed)):
        serve_queue(readers, serve, "--batch storm", as_json=False)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "0 cards; to go on: --batch storm\n")
