"""Every page in every language; and what each state of the reader shows."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cardreader.files.identity import CardState, Pairing
from cardreader.host.session import HostSession, ask, select_application
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.status import StatusError, StatusWord
from cardreader.loading.contents import CardContents, read_contents
from cardreader.readers.virtual import VirtualCard
from cardreader.screen import slot as slot_module
from cardreader.screen import visit as visit_module
from cardreader.screen.troubles import TroubleError, trouble_number, trouble_of
from protocols.errors import DocumentError, RefusedError, RelanceError, UnreachableError
from protocols.languages.catalogue import Sentences
from protocols.languages.kiosk_troubles import KioskTrouble, trouble_text
from protocols.reasons import Energy, Language
from tests.cardreader.kiosk_screen import Kiosk, make_card
from tests.cardreader.screen_forms import fields, said_on, text_of, token_of
from tools.catalogues import said

SENTENCES = [str(message.id) for message in said() if message.id and "{" not in message.id]


def untranslated(page: str, language: Language) -> set[str]:
    """English sentences on a page in another language, but for those that are the same there."""
    say = Sentences(language).say
    return {each for each in SENTENCES if say(each) != each} & said_on(page)


def speak(kiosk: Kiosk, language: Language) -> str:
    """The present page in a language."""
    page = kiosk.get("/login")
    data = {"token": token_of(page), "language": language, "back": "/"}
    return str(kiosk.browser.post("/language", data=data).text)


@pytest.mark.parametrize("language", Language)
def test_no_page_has_a_sentence_of_another_language(kiosk: Kiosk, language: Language) -> None:
    pages = [speak(kiosk, language)]
    pages.append(kiosk.post("/login", pages[-1], {"clerk": "?"}, 422))
    pages.append(kiosk.log_in())
    pages.append(kiosk.insert(energy=Energy.GAS))
    pages.append(kiosk.get("/card/home"))
    pages.append(kiosk.pull())
    pages.append(kiosk.insert(seed="others"))
    pages.append(kiosk.get("/nowhere", 404))
    for page in pages:
        assert f'<html lang="{language}">' in page
        if language is not Language.ENGLISH:
            assert untranslated(page, language) == set()
    assert len(set(pages)) == len(pages)


def test_the_check_for_english_bites(kiosk: Kiosk) -> None:
    assert "Begin a shift" in untranslated(kiosk.get("/login"), Language.FRENCH)


def test_a_card_comes_is_explained_and_goes(kiosk: Kiosk) -> None:
    assert "Put the card into the reader." in kiosk.log_in()
    page = text_of(kiosk.insert())
    for words in (
        "Meter m1",
        "5414000000042",
        "Your meter has never read this card.",
        "Step 1 of 3 is missing",
        "100 016",
        "Call centre: 078 00 00 00",
        "Practice:",
    ):
        assert words in page
    assert "Step 1 of 3" in text_of(kiosk.get("/card/home"))
    assert "Step 1 of 3" not in kiosk.pull()


def test_a_page_that_is_up_to_date_is_told_nothing(kiosk: Kiosk) -> None:
    page = kiosk.log_in()
    version = re.search(r"version=(\d+)", page)
    assert version
    state = f"/card/state?version={version[1]}"
    assert kiosk.get(state, 204) == ""
    kiosk.insert()
    assert "Step 1 of 3" in kiosk.get(state)


def test_a_card_that_lies_there_is_read_once(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    kiosk.log_in()
    kiosk.insert()
    before = kiosk.card.read_bytes(), kiosk.slot.view
    monkeypatch.setattr(slot_module, "open_card", None)
    assert kiosk.slot.look() is before[1]
    assert kiosk.card.read_bytes() == before[0]


def test_a_card_of_others_is_not_locked_by_lying_there(kiosk: Kiosk) -> None:
    kiosk.log_in()
    kiosk.insert(seed="others")
    for _ in range(20):
        kiosk.slot.look()
    with VirtualCard(kiosk.card) as card:
        select_application(card)
        assert ask(card, iso.DATA_TRIES)[-1] >= 9


def test_two_cards_a_busy_one_and_one_that_is_none(kiosk: Kiosk, tmp_path: Path) -> None:
    kiosk.log_in()
    second = tmp_path / "second.bin"
    kiosk.slot._readers = (*kiosk.slot._readers, f"virtual:{second}")
    make_card(second, "m2")
    assert "There are two cards in the readers." in kiosk.insert()
    second.unlink()
    kiosk.slot.look()
    assert "Step 1 of 3" in kiosk.get("/card")
    kiosk.pull()
    kiosk.card.write_bytes(b"no card")
    kiosk.slot.look()
    assert "This is not a card for a prepaid meter of ours." in kiosk.get("/card")
    kiosk.card.unlink()
    make_card(kiosk.card, "m1")
    with VirtualCard(kiosk.card):
        kiosk.slot.look()
        page = kiosk.get("/card")
        assert "Another program is using the card." in page
        assert trouble_number(KioskTrouble.READER_BUSY)[:3] in page


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StatusError(StatusWord.KEY_BLOCKED), "The card is locked after too many failed attempts."),
        (StatusError(StatusWord.MEMORY_FAILURE), "its memory is damaged"),
        (UnreachableError("x"), "Another program is using the card."),
    ],
)
def test_what_a_card_refuses_is_a_sentence(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch, error: RelanceError, words: str
) -> None:
    def refuses(*_unused: object) -> None:
        raise error

    monkeypatch.setattr(slot_module, "read_contents", refuses)
    kiosk.log_in()
    assert words in kiosk.insert()


@pytest.mark.parametrize(
    ("pairing", "words"),
    [
        (Pairing(CardState.VIRGIN), "This card is new."),
        (Pairing(CardState.BLOCKED, 1, "m1"), "This card is blocked"),
    ],
)
def test_a_card_of_nobody_is_told(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch, pairing: Pairing, words: str
) -> None:
    def read(session: HostSession) -> CardContents:
        return replace(read_contents(session), pairing=pairing)

    monkeypatch.setattr(slot_module, "read_contents", read)
    kiosk.log_in()
    assert words in kiosk.insert()


def test_a_bug_is_a_sentence_and_a_line_for_us(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_unused: object) -> None:
        raise ZeroDivisionError("<secret>")

    kiosk.log_in()
    monkeypatch.setattr(visit_module, "sum_for", broken)
    monkeypatch.setattr(visit_module, "Sentences", broken)
    page = kiosk.get("/card", 500)
    assert "secret" not in page
    assert "Traceback" not in page
    assert "look under Find how far the payment has come" in page
    line = capsys.readouterr().err
    assert line.startswith("screen: /card: ZeroDivisionError: <secret> at ")
    assert line.count("\n") == 1


def test_every_trouble_has_a_sentence_and_a_number_of_its_own() -> None:
    for language in Language:
        said_of = [trouble_text(Sentences(language), each) for each in KioskTrouble]
        assert len(set(said_of)) == len(said_of)
    numbers = [trouble_number(each) for each in KioskTrouble]
    assert len(set(numbers)) == len(numbers)
    assert all(len(each) == 6 and each.startswith("9") for each in numbers)


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (TroubleError(KioskTrouble.NO_PAPER), KioskTrouble.NO_PAPER),
        (RefusedError("no"), KioskTrouble.REFUSED),
        (DocumentError("no"), KioskTrouble.REFUSED),
        (RelanceError("no"), KioskTrouble.UNEXPECTED),
    ],
)
def test_errors_are_troubles(error: RelanceError, trouble: KioskTrouble) -> None:
    assert trouble_of(error) is trouble


def test_what_a_person_types_is_shown_as_it_is(kiosk: Kiosk) -> None:
    page = kiosk.get("/login")
    wrong = kiosk.post("/login", page, {**fields(page), "clerk": '"><script>x'}, 422)
    assert "<script>x" not in wrong
    assert "Allowed as a name" in wrong


def test_text_grows_in_steps_on_every_page(kiosk: Kiosk) -> None:
    page = kiosk.get("/login")
    sizes = []
    for _ in range(3):
        page = kiosk.post("/size", page, {"back": "/login"})
        sizes.append(re.search(r'body class="size-(\d)"', page))
    assert [each and each[1] for each in sizes] == ["1", "2", "0"]
