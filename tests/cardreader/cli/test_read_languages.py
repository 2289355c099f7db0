"""`relance-kiosk read --language`: a card is explained to its household, also one that is none of ours."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cardreader.explaining.trouble_code import trouble_number
from protocols.languages.kiosk_troubles import KioskTrouble
from tests.typed import typed

BIN = Path(sys.executable).parent
READER = ("--reader", "virtual:card.bin")


def kiosk(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return typed("relance-kiosk", *words, cwd=cwd)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert kiosk("issue", *READER, "--meter", "m1", cwd=tmp_path).returncode == 0
    return tmp_path


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("fr", "L'étape 1 sur 3 manque : la carte dans le compteur, à la maison."),
        ("nl", "Stap 1 van 3 ontbreekt: de kaart in de meter, thuis."),
        ("de", "Schritt 1 von 3 fehlt: die Karte in den Zähler, zu Hause."),
        ("en", "Step 1 of 3 is missing: the card into the meter, at home."),
    ],
)
def test_a_new_card_says_its_first_step(home: Path, language: str, line: str) -> None:
    done = kiosk("read", *READER, "--language", language, cwd=home)
    assert (done.returncode, done.stdout.splitlines()[1]) == (0, line)
    assert done.stdout.splitlines()[-1] == "100 016"


def test_json_keeps_its_fields_and_gains_the_explanation(home: Path) -> None:
    told = json.loads(kiosk("read", *READER, "--json", cwd=home).stdout)
    assert (told["meter"], told["missing"]) == ("m1", "first_visit")
    assert (told["explained"]["step"], told["explained"]["call_code"]) == ("home", "100016")
    assert [each["picture"] for each in told["explained"]["household"]] == ["slot", "nine", "kiosk", "phone"]


def test_a_foreign_card_is_explained_and_refused(home: Path) -> None:
    done = kiosk("read", *READER, "--practice", "others", "--language", "fr", cwd=home)
    assert done.returncode == 1
    assert done.stdout.startswith("Ceci n'est pas une carte pour un de nos compteurs à budget.\n")
    assert "card: it does not have the keys of a card of ours" in done.stderr


def test_the_call_centre_hears_what_the_household_reads(home: Path) -> None:
    told = json.loads(kiosk("explain", "182 121", "--json", cwd=home).stdout)
    assert told == {
        "card": "ours",
        "code": "not_relanced",
        "supply": "off",
        "clock": "trusted",
        "step": "kiosk",
    }
    trouble = kiosk("explain", trouble_number(KioskTrouble.CARD_PULLED), cwd=home)
    assert trouble.stdout.startswith("card pulled: The card was taken out too early.")
    wrong = kiosk("explain", "182122", cwd=home)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == ('"182122" is no number of a kiosk; allowed: 6 digits, the last one checks\n')


def test_a_zone_that_is_none_is_named(home: Path) -> None:
    done = kiosk("read", *READER, "--zone", "Europe/Namur", cwd=home)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        '--zone: "Europe/Namur"; allowed: an IANA zone name such as'
    )
