"""`relance-kiosk read --language`: a card is explained to its household, also one that is none of ours."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cardreader.cli.opening import open_session
from cardreader.cli.options import office_key
from cardreader.explaining.trouble_code import trouble_number
from cardreader.files.access import KeyHolder
from cardreader.files.layout import STATE, STATEMENTS
from cardreader.readers.opening import open_card
from protocols.languages.catalogue import Sentences
from protocols.languages.kiosk_troubles import KioskTrouble, trouble_text
from protocols.reasons import Language
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
    assert (told["meter"], told["missing"]) == ("m1", "home")
    assert (told["explained"]["step"], told["explained"]["call_code"]) == ("home", "100016")
    assert [each["picture"] for each in told["explained"]["household"]] == ["slot", "nine", "phone"]


def test_a_blank_card_is_new_and_not_of_another_generation(tmp_path: Path) -> None:
    assert kiosk("card", "blank", "virtual:card.bin", cwd=tmp_path).returncode == 0
    for _ in ("without a store", "with one"):
        said = kiosk("read", *READER, cwd=tmp_path)
        assert (said.returncode, said.stdout.splitlines()[0]) == (
            0,
            "This card is new. It does not belong to any household yet.",
        )
        told = json.loads(kiosk("read", *READER, "--json", cwd=tmp_path).stdout)
        assert (told["state"], told["missing"], told["explained"]["card"]) == ("virgin", "unknown", "virgin")
        paid = kiosk("topup", *READER, "--eur", "20", cwd=tmp_path)
        assert paid.returncode == 1
        assert paid.stderr.splitlines()[-1].startswith("this card is new and belongs to nobody yet; `issue`")


def test_what_no_meter_has_said_is_marked_in_the_households_language(home: Path) -> None:
    """The state of another meter's card, copied onto this one with the kiosk's keys."""
    made = kiosk("issue", "--reader", "virtual:other.bin", "--meter", "m2", cwd=home)
    assert made.returncode == 0
    words = ("meter", "m2", "--state", "m2.json", "--card", "other.bin")
    assert typed("relance-emulator", *words, cwd=home).returncode == 0
    with open_card(f"virtual:{home / 'other.bin'}") as card:
        state = open_session(card, KeyHolder.KIOSK, None, office_key(None, "practice")).read(STATE)
    with open_card(f"virtual:{home / 'card.bin'}") as card:
        session = open_session(card, KeyHolder.METER, None, office_key(None, "practice"))
        session.write(STATE, state)
        session.commit()
    told = kiosk("read", *READER, "--language", "fr", cwd=home).stdout.splitlines()
    assert told[0].startswith("Attention : ce que cette carte dit du compteur ne vient pas du compteur.")
    assert "(forged)" in kiosk("read", *READER, cwd=home).stdout


def test_a_damaged_payment_is_said_so_and_written_again(home: Path) -> None:
    assert kiosk("topup", *READER, "--eur", "20", "--id", "p1", cwd=home).returncode == 0
    with open_card(f"virtual:{home / 'card.bin'}") as card:
        session = open_session(card, KeyHolder.KIOSK, None, office_key(None, "practice"))
        session.write(STATEMENTS[0], b"{}")
        session.commit()
    meter = ("meter", "m1", "--state", "m1.json", "--card", "card.bin")
    assert typed("relance-emulator", *meter, cwd=home).returncode == 0
    plain = kiosk("read", *READER, cwd=home).stdout.splitlines()
    assert plain[2] == "  STATEMENT-1: damaged: no meter can read it"
    assert plain[-1].startswith(
        "  to do: Step 2 of 3 is missing: the card is to be written here, by the clerk."
    )
    assert kiosk("topup", *READER, "--eur", "20", "--id", "p1", cwd=home).returncode == 0
    assert json.loads(kiosk("read", *READER, "--json", cwd=home).stdout)["missing"] == "home_again"


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


def test_a_language_that_is_none_is_named_by_the_commands_that_take_one(home: Path) -> None:
    for words in (("read", *READER), ("serve", *READER)):
        done = kiosk(*words, "--language", "xx", cwd=home)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines()[-1] == '--language: "xx"; allowed: fr, nl, de, en'


@pytest.mark.parametrize("language", Language)
def test_a_trouble_with_values_says_them_in_the_same_language(language: Language) -> None:
    sentences = Sentences(language)
    plain = trouble_text(sentences, KioskTrouble.DAY_LIMITED)
    with_sum = trouble_text(sentences, KioskTrouble.DAY_LIMITED, left="12,00")
    assert with_sum.startswith(f"{plain} ")
    assert with_sum.endswith(": 12,00.")
    # Where no sentence takes the values, nothing is added.
    assert trouble_text(sentences, KioskTrouble.NO_CARD, left="1") == trouble_text(
        sentences, KioskTrouble.NO_CARD
    )
