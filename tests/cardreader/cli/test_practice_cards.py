"""`relance-kiosk card practice`: each story is made, explained, found by its symptom, and served."""

import json
from pathlib import Path
from typing import Any

import pytest

from cardreader.cli.opening import open_session
from cardreader.cli.options import office_key
from cardreader.explaining.rules import explain
from cardreader.explaining.symptoms import Symptom, has_symptom
from cardreader.files.access import KeyHolder
from cardreader.issuing.practice_stories import CUT, PracticeStory
from cardreader.loading.contents import CardContents, read_contents
from cardreader.readers.opening import open_card
from tests.typed import typed

READER = ("--reader", "virtual:c.bin")


def told(*words: str, cwd: Path, status: int = 0) -> dict[str, Any]:
    done = typed("relance-kiosk", *words, "--json", cwd=cwd)
    assert done.returncode == status, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def contents(folder: Path) -> CardContents:
    with open_card(f"virtual:{folder / 'c.bin'}") as card:
        return read_contents(open_session(card, KeyHolder.KIOSK, None, office_key(None, "practice")))


# Its symptoms but `any`, and what the clerk is told to do.
STORIES = {
    PracticeStory.CODE_8: ("code-8 off programmed-cut", ["write_recovery", "write_cancellation"]),
    PracticeStory.CUT: ("off programmed-cut", ["write_recovery", "write_cancellation"]),
    PracticeStory.GAS: ("off programmed-cut", ["write_recovery", "write_cancellation"]),
    PracticeStory.PLANNED_CUT: ("programmed-cut", ["cancel_planned"]),
    PracticeStory.CREDIT: ("off", ["take_payment"]),
    PracticeStory.CLOCK: ("clock", ["answer_clock"]),
}


@pytest.mark.parametrize("story", PracticeStory)
def test_each_story_is_explained_and_found_by_its_symptom(tmp_path: Path, story: PracticeStory) -> None:
    symptoms, clerk = STORIES[story]
    made = told("card", "practice", "virtual:c.bin", "--story", story, cwd=tmp_path)
    assert (made["story"], made["meter"]) == (story, "m1")
    read = told("read", *READER, cwd=tmp_path)
    assert (read["said_proof"], read["problems"]) == ("authentic", [])
    assert read["missing"] == ("none" if story == "clock" else "kiosk")
    assert [each["message"] for each in read["explained"]["clerk"]] == clerk
    said = explain(contents(tmp_path))
    found = " ".join(each for each in Symptom if each is not Symptom.ANY and has_symptom(said, each))
    assert found == symptoms


def test_code_8_reads_as_the_page_of_the_kiosk_shows_it(tmp_path: Path) -> None:
    told("card", "practice", "virtual:c.bin", "--story", "code-8", cwd=tmp_path)
    lines = typed("relance-kiosk", "read", *READER, "--language", "fr", cwd=tmp_path).stdout.splitlines()
    assert lines[0].startswith("Code 8 : le compteur refuse de se remettre en marche.")
    assert lines[-1] == "182 121"


@pytest.mark.parametrize("story", ["cut", "gas", "planned-cut"])
def test_the_cut_that_a_card_names_is_cancelled_without_its_name(tmp_path: Path, story: str) -> None:
    told("card", "practice", "virtual:c.bin", "--story", story, cwd=tmp_path)
    done = told("reactivate", *READER, cwd=tmp_path)
    assert (done["cut"], told("read", *READER, cwd=tmp_path)["missing"]) == (CUT, "home_again")


def test_a_payment_says_what_the_emergency_credit_takes_first(tmp_path: Path) -> None:
    """CLK-10: 0.75 € cover the emergency credit, 19.25 € are left; of the next payment all is left."""
    told("card", "practice", "virtual:c.bin", "--story", "credit", cwd=tmp_path)
    for number, repaid_ueur in ((1, 750_000), (2, 0)):
        paid = told("topup", *READER, "--eur", "20", "--id", f"p{number}", cwd=tmp_path)
        receipt = told("reprint", "--ledger", "c.bin.ledger", "--number", str(paid["receipt"]), cwd=tmp_path)
        assert receipt["facts"]["repaid_ueur"] == repaid_ueur
        assert ("19,25" in receipt["text"]) is (number == 1)


def test_a_practice_card_takes_the_place_of_no_file_and_tells_no_other_story(tmp_path: Path) -> None:
    words = ("card", "practice", "virtual:c.bin", "--story")
    wrong = typed("relance-kiosk", *words, "fire", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith('--story: "fire"; allowed: code-8, cut, planned-cut, gas, credit, clock')
    told(*words, "gas", cwd=tmp_path)
    again = typed("relance-kiosk", *words, "gas", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert "is a card already; allowed: virtual:FILE, a new file" in again.stderr
