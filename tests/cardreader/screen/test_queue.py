"""A queue of people at the screen: chosen once, one touch for each card, each card once."""

import pytest

from cardreader.screen import recovery_pages
from tests.cardreader.kiosk_screen import Counter
from tests.cardreader.screen.test_recovering import releases
from tests.cardreader.screen_forms import text_of


def begun(counter: Counter, symptom: str) -> str:
    counter.log_in()
    return counter.post("/queue/choose", counter.get("/queue"), {"hours": "24", "symptom": symptom})


def test_each_card_is_written_once_by_one_touch(counter: Counter) -> None:
    page = begun(counter, "any")
    assert "Cards served: 0" in text_of(page)
    assert "There is no card in the reader." in counter.post("/queue/write", page, status=409)
    counter.insert()
    first = text_of(counter.post("/queue/write", page))
    assert "Written: meter m1, ticket 1." in first
    assert "Cards served: 1" in first
    assert "This card was served already. Ticket 1." in text_of(counter.post("/queue/write", page))
    assert releases(counter) == 1
    assert "24 hours" in text_of(counter.get("/receipt/1"))
    counter.post("/queue/end", page)
    assert "This page is out of date" in counter.post("/queue/write", page, status=409)


def test_a_card_without_the_symptom_is_left_alone(counter: Counter) -> None:
    page = begun(counter, "code-8")
    counter.insert()
    assert "This card does not say that." in text_of(counter.post("/queue/write", page))
    assert releases(counter) == 0
    wrong = {"hours": "25", "symptom": "any"}
    assert "Something that was typed" in counter.post("/queue/choose", page, wrong, status=409)


def test_without_the_clerks_key_nothing_is_written(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    page = begun(counter, "any")
    counter.insert()
    monkeypatch.setattr(recovery_pages, "practice_signer", lambda _seed, _name: None)
    assert "it is not open" in counter.post("/queue/write", page, status=409)
    assert releases(counter) == 0
