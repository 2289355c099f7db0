"""Every page in every language; and what each state of the reader shows."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cardreader.explaining.trouble_code import trouble_number
from cardreader.files.identity import CardState, Pairing
from cardreader.host.secure import KeysNotHeldError
from cardreader.host.session import HostSession, ask, select_application
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.status import StatusError, StatusWord
from cardreader.kiosk import desk
from cardreader.kiosk.ports import TerminalMood
from cardreader.kiosk.replaced import SupersededCardError, note_replaced
from cardreader.kiosk.store import writing_kiosk
from cardreader.loading.contents import CardContents, read_contents
from cardreader.loading.memory import CardMemory
from cardreader.readers.virtual import VirtualCard
from cardreader.screen import slot as slot_module
from cardreader.screen import visit as visit_module
from cardreader.screen.troubles import TroubleError, trouble_of
from protocols.errors import DocumentError, RefusedError, RelanceError, UnreachableError
from protocols.languages.catalogue import Sentences
from protocols.languages.kiosk_troubles import KioskTrouble, trouble_text
from protocols.reasons import Energy, Language
from tests.cardreader.kiosk_screen import Counter, make_card
from tests.cardreader.screen_forms import fields, said_on, text_of, token_of
from tools.catalogues import said

SENTENCES = [str(message.id) for message in said() if message.id and "{" not in message.id]


def untranslated(page: str, language: Language) -> set[str]:
    """English sentences on a page in another language, but for those that are the same there."""
    say = Sentences(language).say
    return {each for each in SENTENCES if say(each) != each} & said_on(page)


def speak(counter: Counter, language: Language) -> str:
    """The present page in a language."""
    page = counter.get("/login")
    data = {"token": token_of(page), "language": language, "back": "/"}
    return str(counter.browser.post("/language", data=data).text)


def paid_pages(counter: Counter) -> list[str]:
    """Every page of a payment that is taken back, and of the end of the day."""
    pages = [counter.get("/pay")]
    pages.append(counter.post("/pay/choose", pages[0], {"other": "4"}, 422))
    pages.append(counter.post("/pay/choose", pages[0], {"eur": "20"}))
    pages.append(counter.post("/pay/confirm", pages[0]))
    pages.append(counter.get("/find?meter=m1"))
    found = re.search(r'href="(/void/[^"]+)"', pages[-1])
    assert found
    pages.append(counter.get(found[1]))
    pages.append(counter.post(found[1], pages[0]))
    counter.terminal.mood = TerminalMood.TIMEOUT
    counter.post("/pay/choose", pages[0], {"eur": "5", "means": "terminal"})
    pages.append(counter.post("/pay/confirm", pages[0], status=409))
    pages.append(counter.get("/find"))
    pages.append(counter.get("/shift"))
    pages.append(counter.post("/shift/close", pages[0], {"counted": "x"}, 422))
    pages.append(counter.post("/shift/close", pages[0], {"counted": "3"}))
    counter.log_in()  # the session ended with its shift
    return pages


@pytest.mark.parametrize("language", Language)
def test_no_page_has_a_sentence_of_another_language(counter: Counter, language: Language) -> None:
    pages = [speak(counter, language)]
    pages.append(counter.post("/login", pages[-1], {"clerk": "?"}, 422))
    pages.append(counter.log_in())
    pages.append(counter.insert(energy=Energy.GAS))
    pages.append(counter.get("/card/home"))
    pages += paid_pages(counter)
    pages.append(counter.get("/recover"))
    pages.append(counter.post("/recover/choose", pages[-1], {"hours": "24"}))
    pages.append(counter.post("/recover/confirm", pages[-1]))
    pages.append(counter.get("/reactivate"))
    pages.append(counter.post("/reactivate/choose", pages[-1], {"other": "c 1"}, 422))
    pages.append(counter.post("/reactivate/choose", pages[-1], {"other": "c1"}))
    pages.append(counter.post("/reactivate/confirm", pages[-1]))
    pages.append(counter.get("/replace?meter=m1"))
    pages.append(counter.get("/replace/m1"))
    pages.append(counter.get("/queue"))
    pages.append(counter.post("/queue/choose", pages[-1], {"hours": "24", "symptom": "code-8"}))
    pages.append(counter.post("/queue/write", pages[-1]))
    pages.append(counter.pull())
    with writing_kiosk(counter.kiosk.engine) as store:
        note_replaced(store, "replaced", 2)
    pages.append(counter.insert("replaced"))
    counter.pull()
    pages.append(counter.insert(seed="others"))
    pages.append(counter.get("/nowhere", 404))
    for page in pages:
        assert f'<html lang="{language}">' in page
        if language is not Language.ENGLISH:
            assert untranslated(page, language) == set()
    assert len(set(pages)) == len(pages)


def test_the_check_for_english_bites(counter: Counter) -> None:
    assert "Begin a shift" in untranslated(counter.get("/login"), Language.FRENCH)


def test_a_card_comes_is_explained_and_goes(counter: Counter) -> None:
    assert "Put the card into the reader." in counter.log_in()
    page = text_of(counter.insert())
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
    assert "Step 1 of 3" in text_of(counter.get("/card/home"))
    assert "Step 1 of 3" not in counter.pull()


def test_a_page_that_is_up_to_date_is_told_nothing(counter: Counter) -> None:
    page = counter.log_in()
    version = re.search(r"version=(\d+)", page)
    assert version
    state = f"/card/state?version={version[1]}"
    assert counter.get(state, 204) == ""
    counter.insert()
    assert "Step 1 of 3" in counter.get(state)


def test_a_card_that_lies_there_is_read_once(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    counter.log_in()
    counter.insert()
    before = counter.card.read_bytes(), counter.slot.view
    monkeypatch.setattr(slot_module, "open_card", None)
    assert counter.slot.look() is before[1]
    assert counter.card.read_bytes() == before[0]


def test_a_card_of_others_is_not_locked_by_lying_there(counter: Counter) -> None:
    counter.log_in()
    counter.insert(seed="others")
    for _ in range(20):
        counter.slot.look()
    with VirtualCard(counter.card) as card:
        select_application(card)
        assert ask(card, iso.DATA_TRIES)[-1] >= 9


def test_two_cards_a_busy_one_and_one_that_is_none(counter: Counter, tmp_path: Path) -> None:
    counter.log_in()
    second = tmp_path / "second.bin"
    counter.slot._readers = (*counter.slot._readers, f"virtual:{second}")
    make_card(second, "m2")
    assert "There are two cards in the readers." in counter.insert()
    second.unlink()
    counter.slot.look()
    assert "Step 1 of 3" in counter.get("/card")
    counter.pull()
    counter.card.write_bytes(b"no card")
    counter.slot.look()
    assert "This is not a card for a prepaid meter of ours." in counter.get("/card")
    counter.card.unlink()
    make_card(counter.card, "m1")
    with VirtualCard(counter.card):
        counter.slot.look()
        page = counter.get("/card")
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
    counter: Counter, monkeypatch: pytest.MonkeyPatch, error: RelanceError, words: str
) -> None:
    def refuses(*_unused: object) -> None:
        raise error

    monkeypatch.setattr(slot_module, "look_at", refuses)
    counter.log_in()
    assert words in counter.insert()


@pytest.mark.parametrize(
    ("pairing", "words"),
    [
        (Pairing(CardState.VIRGIN), "This card is new."),
        (Pairing(CardState.BLOCKED, 1, "m1"), "This card is blocked"),
    ],
)
def test_a_card_of_nobody_is_told(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, pairing: Pairing, words: str
) -> None:
    def read(session: HostSession, _memory: CardMemory | None = None) -> CardContents:
        return replace(read_contents(session), pairing=pairing)

    monkeypatch.setattr(desk, "read_contents", read)
    counter.log_in()
    assert words in counter.insert()


def test_a_card_that_was_replaced_says_so_and_serves_nobody(counter: Counter) -> None:
    with writing_kiosk(counter.kiosk.engine) as store:
        note_replaced(store, "m1", 2)
    counter.log_in()
    page = counter.insert()
    for words in (
        "This card was replaced by a newer one.",
        "Please use your newer card.",
        "ask for the newer card",
        "400 044",
    ):
        assert words in text_of(page)
    assert "/pay" not in page
    queue = counter.post("/queue/choose", page, {"hours": "24", "symptom": "any"})
    assert "the meter accepts only that" in counter.post("/queue/write", queue, status=409)


def test_a_bug_is_a_sentence_and_a_line_for_us(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_unused: object) -> None:
        raise ZeroDivisionError("<secret>")

    counter.log_in()
    monkeypatch.setattr(visit_module, "sum_for", broken)
    monkeypatch.setattr(visit_module, "Sentences", broken)
    page = counter.get("/card", 500)
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
        (RefusedError("this kiosk is revoked (code K2)"), KioskTrouble.KIOSK_REVOKED),
        (RefusedError("the controller was not heard (code K5)"), KioskTrouble.CONTROLLER_AWAY),
        (RefusedError("of a later kind (code K9)"), KioskTrouble.REFUSED),
        (UnreachableError("the kiosk's store: database is locked"), KioskTrouble.STORE_AWAY),
        (DocumentError("no"), KioskTrouble.REFUSED),
        (KeysNotHeldError(0x31), KioskTrouble.KEYS_NOT_HELD),
        (SupersededCardError(Pairing(CardState.PAIRED, 1, "m1"), 2), KioskTrouble.CARD_REPLACED),
        (StatusError(StatusWord.MEMORY_FAILURE), KioskTrouble.CARD_DAMAGED),
        (StatusError(0x6F00), KioskTrouble.CARD_DAMAGED),
        (RelanceError("no"), KioskTrouble.UNEXPECTED),
    ],
)
def test_errors_are_troubles(error: RelanceError, trouble: KioskTrouble) -> None:
    assert trouble_of(error) is trouble


def test_what_a_person_types_is_shown_as_it_is(counter: Counter) -> None:
    page = counter.get("/login")
    wrong = counter.post("/login", page, {**fields(page), "clerk": '"><script>x'}, 422)
    assert "<script>x" not in wrong
    assert "Allowed as a name" in wrong


def test_text_grows_in_steps_on_every_page(counter: Counter) -> None:
    page = counter.get("/login")
    sizes = []
    for _ in range(3):
        page = counter.post("/size", page, {"back": "/login"})
        sizes.append(re.search(r'body class="size-(\d)"', page))
    assert [each and each[1] for each in sizes] == ["1", "2", "0"]
