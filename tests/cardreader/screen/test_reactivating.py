"""A planned cut is cancelled at the screen: chosen of those that the card names, seen again, written once."""

import msgspec
import pytest

from cardreader.channel.keys import meter_keys_of_fleet
from cardreader.files.documents import Words
from cardreader.files.layout import REPORTS
from cardreader.host.session import HostSession, select_application
from cardreader.issuing.practice import practice_key
from cardreader.loading.progress import CarriedDocument, progress_of
from cardreader.readers.virtual import VirtualCard
from cardreader.screen import recovery_pages
from protocols.documents.kind_rule import Kind
from tests.cardreader.kiosk_screen import SEED, SERIAL, Counter, make_card
from tests.cardreader.meter_holdings import holdings
from tests.cardreader.screen_forms import text_of


def met(counter: Counter, *cuts: str) -> str:
    """A card on which its meter names these cuts lies in the reader; the page with it."""
    counter.insert()
    keys = meter_keys_of_fleet(practice_key(SEED), "m1", SERIAL, 1)
    with VirtualCard(counter.card) as card:
        select_application(card)
        slot = HostSession.open(card, keys, b"of meter")
        slot.write(REPORTS, Words((msgspec.json.encode(holdings("m1", cuts)),)).encode())
        slot.commit()
    counter.slot.look()
    return counter.get("/card")


def cancellations(counter: Counter) -> list[CarriedDocument]:
    counter.slot._seen = None
    contents = counter.slot.look().contents
    assert contents is not None
    return [each for each in progress_of(contents).documents if each.kind == Kind.CANCEL_CUT]


def test_a_cut_that_the_card_names_is_cancelled_once(counter: Counter) -> None:
    counter.log_in()
    met(counter, "cut/c1", "cut/c2")
    page = counter.get("/reactivate")
    assert "This one is missing." in text_of(page)
    assert 'value="c1" checked' in page
    check = counter.post("/reactivate/choose", page, {"cut": "c2"})
    assert "Cancel the cut c2" in text_of(check)
    assert cancellations(counter) == []
    ticket = text_of(counter.post("/reactivate/confirm", check))
    assert "Planned cut cancelled 1" in ticket
    assert "Cancelled cut c2" in ticket
    assert "counts as cancelled once your meter has read this card" in ticket
    assert "put the card into the slot of the meter." in ticket
    assert [each.object for each in cancellations(counter)] == ["cut/c2"]
    assert "the meter has not read it yet" in text_of(counter.get("/reactivate"))
    assert "This page is out of date" in counter.post("/reactivate/confirm", check, status=409)
    assert len(cancellations(counter)) == 1


@pytest.mark.parametrize("typed", ["", "a b", "<script>x", "x" * 65])
def test_what_names_no_cut_is_said_and_nothing_is_written(counter: Counter, typed: str) -> None:
    counter.log_in()
    page = met(counter)
    shown = counter.post("/reactivate/choose", page, {"other": typed}, status=422)
    assert "Allowed as the name of a cut" in shown
    assert "The card names no planned cut." in shown
    assert "<script>x" not in shown
    assert "This page is out of date" in counter.post("/reactivate/confirm", page, status=409)
    assert cancellations(counter) == []


def test_another_card_than_was_chosen_for_gets_nothing(counter: Counter) -> None:
    counter.log_in()
    page = met(counter)
    counter.post("/reactivate/choose", page, {"other": "c9"})
    counter.pull()
    assert "There is no card in the reader." in counter.post("/reactivate/confirm", page, status=409)
    assert "There is no card in the reader." in counter.get("/reactivate", 409)
    make_card(counter.card, "m2", serial=bytes(8))
    assert "This is another card than before." in counter.post("/reactivate/confirm", page, status=409)
    assert cancellations(counter) == []


def test_without_the_clerks_key_nothing_is_written(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    counter.log_in()
    page = met(counter, "cut/c1")
    monkeypatch.setattr(recovery_pages, "practice_signer", lambda _seed, _name: None)
    assert "it is not open" in counter.get("/reactivate")
    check = counter.post("/reactivate/choose", page, {"cut": "c1"})
    assert "it is not open" in counter.post("/reactivate/confirm", check, status=409)
    assert cancellations(counter) == []
