"""A lost card at the screen: found by its household, ended, and made anew with all that was paid."""

from dataclasses import replace

import pytest

from cardreader.card.factory import make_blank_card
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import issuer_keys
from cardreader.issuing.kit import CardOrder, make_kit
from cardreader.issuing.kit_files import NONCE_BYTES, seal_kit
from cardreader.issuing.practice import practice_key
from cardreader.kiosk.home import PRACTICE_ISSUER
from cardreader.kiosk.making import KITS_FOLDER, pairing_known
from cardreader.loading.progress import progress_of
from cardreader.readers.virtual import VirtualCard
from protocols.documents.kind_rule import Kind
from protocols.reasons import Energy
from tests.cardreader.kiosk_screen import SEED, Counter, make_card
from tests.cardreader.screen_forms import text_of

NEW = bytes.fromhex("00000000000000aa")
SEEN = 8 * b"\xee"
REFERENCE = "5414000000042"


def lost(counter: Counter) -> str:
    """The card of m1 has paid 20 euro, and is gone; a new one lies there, and the page with it."""
    counter.log_in()
    page = counter.insert()
    counter.post("/pay/choose", page, {"eur": "20"})
    counter.post("/pay/confirm", page)
    counter.card.rename(counter.card.with_suffix(".lost"))
    memory = WholeMemory()
    make_blank_card(memory, NEW, issuer_keys(practice_key(SEED), NEW))
    VirtualCard.create(counter.card, memory)
    counter.slot.look()
    return counter.get("/card")


def statements(counter: Counter) -> list[int | None]:
    counter.slot._seen = None
    contents = counter.slot.look().contents
    return [
        each.total_ueur
        for each in (progress_of(contents).documents if contents is not None else ())
        if each.kind == Kind.PAYMENT
    ]


def test_a_household_is_found_and_gets_a_card_with_what_it_paid(counter: Counter) -> None:
    page = lost(counter)
    assert "This card is new." in page
    found = counter.get(f"/replace?reference={REFERENCE}")
    assert "/replace/m1" in found
    assert "/replace/m1" in counter.get(f"/find?reference={REFERENCE}")
    check = text_of(counter.get("/replace/m1"))
    assert "The card that ends: 0a0b0c0d0e0f1011" in check
    for _ in range(2):  # a button that is pressed twice makes it once
        done = text_of(counter.post("/replace", page, {"meter": "m1"}))
        assert "Card 00000000000000aa of meter m1" in done
        assert "€20.00" in done
        assert statements(counter) == [20_000_000]
    counter.pull()
    counter.card.with_suffix(".lost").rename(counter.card)
    counter.slot.look()
    old = text_of(counter.get("/card"))
    assert "This card was replaced by a newer one." in old
    refused = counter.post("/replace", page, {"meter": "m1"}, status=409)
    assert "This cannot be done now." in refused


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/replace?reference=5414000000000", "This kiosk has seen no card of this household."),
        ("/replace?meter=m9", "Replace the card of m9"),
        ("/replace", "No money is lost with a card"),
    ],
)
def test_who_is_not_known_is_said(counter: Counter, path: str, words: str) -> None:
    counter.log_in()
    assert words in text_of(counter.get(path))
    assert "Something that was typed is not right." in counter.get("/replace/a%20b", 409)


def test_a_real_kiosk_makes_the_card_of_a_kit_and_no_other(counter: Counter) -> None:
    page = lost(counter)
    folder = counter.card.parent / "home"
    (folder / KITS_FOLDER).mkdir(parents=True)
    counter.now[0] = replace(counter.kiosk, home=replace(counter.kiosk.home, folder=folder, practice=""))
    assert "The office has made no kit" in counter.get("/replace/m1")
    assert "The office has made no kit" in counter.post("/replace", page, {"meter": "m1"}, status=409)
    order = CardOrder(NEW, Energy.ELECTRICITY, "m1", 2, REFERENCE, 1)
    words_key = counter.kiosk.home.words_key
    kit = seal_kit(make_kit(practice_key(SEED), order, 0), PRACTICE_ISSUER, words_key, bytes(NONCE_BYTES))
    (folder / KITS_FOLDER / "m1.json").write_bytes(kit)
    assert "The office has made a kit for card 00000000000000aa." in text_of(counter.get("/replace/m1"))
    assert "The office has made no kit" in counter.post("/replace", page, {"meter": "m2"}, status=409)
    make_card(seen := counter.card.with_suffix(".seen"), "m1", serial=SEEN, epoch=3)
    counter.card.rename(counter.card.with_suffix(".new"))
    seen.rename(counter.card)
    counter.slot.look()
    counter.card.unlink()
    counter.card.with_suffix(".new").rename(counter.card)
    counter.slot.look()
    check = counter.get("/replace/m1")
    assert f"The household never had card {SEEN.hex()}" in text_of(check)
    assert "was seen here; allowed: a kit above it" in counter.post("/replace", page, {"meter": "m1"}, 409)
    # It is made; then its payments are asked for, and the kiosk of practice is no real one.
    counter.post("/replace", page, {"meter": "m1", "not_theirs": SEEN.hex()}, 409)
    assert pairing_known(counter.kiosk, "m1").made == 2
    counter.card.rename(counter.card.with_suffix(".new"))
    assert "There is no card" in counter.post("/replace", page, {"meter": "m1"}, status=409)
