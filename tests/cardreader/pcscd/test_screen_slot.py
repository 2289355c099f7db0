"""The screen's slot with a real pcscd: cards come, go and are swapped; the service dies and comes back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cardreader.card.card import SmartCard
from cardreader.card.factory import make_blank_card
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import issuer_keys
from cardreader.explaining.explanation import CardKind
from cardreader.host.transport import InProcess
from cardreader.issuing.kit import CardOrder, make_kit
from cardreader.issuing.personalising import personalise
from cardreader.issuing.practice import practice_key
from cardreader.kiosk.desk import Kiosk
from cardreader.kiosk.home import practice_home
from cardreader.kiosk.rules import Moment
from cardreader.kiosk.store import open_kiosk_store
from cardreader.screen.slot import WatchedSlot
from cardreader.screen.troubles import TroubleError
from protocols.languages.kiosk_troubles import KioskTrouble
from protocols.reasons import Energy
from tests.cardreader.one_card import NOW_MS, SERIAL, challenge
from tests.cardreader.pcscd.private_pcscd import PrivatePcscd

KEY = practice_key("practice")


def card_of(meter: str, key: bytes = KEY) -> SmartCard:
    """A household's card with the keys of practice; all say the same when they are put in."""
    memory = WholeMemory()
    make_blank_card(memory, SERIAL, issuer_keys(key, SERIAL))
    kit = make_kit(key, CardOrder(SERIAL, Energy.ELECTRICITY, meter, 1, "", 1), 0)
    personalise(InProcess(SmartCard(memory)), kit, challenge(), "office-1", NOW_MS)
    return SmartCard(memory)


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[WatchedSlot]:
    """The slot of a kiosk for practice that takes any reader."""
    kiosk = Kiosk(practice_home("practice", 1), open_kiosk_store(tmp_path / "kiosk.db"), "kiosk")
    yield WatchedSlot(("any",), lambda: kiosk, lambda: Moment(NOW_MS, 0, 1))
    kiosk.engine.dispose()


def meter_shown(slot: WatchedSlot) -> str | None:
    contents = slot.look().contents
    return None if contents is None or contents.pairing is None else contents.pairing.meter


def test_each_card_is_shown_and_none_after_it_was_taken_out(pcscd: PrivatePcscd, slot: WatchedSlot) -> None:
    assert slot.look().reader is None
    pcscd.insert("Kiosk", card_of("m1"))
    assert meter_shown(slot) == "m1"
    assert slot.view.reader == "Kiosk 00 00"
    pcscd.insert("Kiosk", card_of("m2"))
    assert meter_shown(slot) == "m2"
    pcscd.pull("Kiosk")
    assert slot.look().contents is None
    with pytest.raises(TroubleError), slot.taken():
        pass


def test_two_cards_and_a_foreign_one_are_said(pcscd: PrivatePcscd, slot: WatchedSlot) -> None:
    pcscd.insert("Kiosk", card_of("m1"))
    pcscd.insert("Office", card_of("m2"))
    assert slot.look().trouble is KioskTrouble.TWO_CARDS
    pcscd.pull("Kiosk")
    assert meter_shown(slot) == "m2"
    pcscd.insert("Office", card_of("m1", practice_key("another")))
    found = slot.look().explanation
    assert found is not None, slot.view
    assert found.card is CardKind.FOREIGN


def test_a_service_that_dies_is_said_and_its_cards_are_shown_again_when_it_is_back(
    pcscd: PrivatePcscd, slot: WatchedSlot
) -> None:
    pcscd.insert("Kiosk", card_of("m1"))
    assert meter_shown(slot) == "m1"
    pcscd.kill()
    assert slot.look().trouble is KioskTrouble.READER_AWAY
    assert slot.look().contents is None
    pcscd.start()
    assert slot.look().trouble is None
    pcscd.insert("Kiosk", card_of("m1"))
    assert meter_shown(slot) == "m1"
