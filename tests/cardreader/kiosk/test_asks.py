"""A meter's ask for the time finds its answer, whatever other cards say in its meter's name."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cardreader.card.store import WholeMemory
from cardreader.issuing.practice import practice_root, practice_signer
from cardreader.kiosk.stating import bring
from cardreader.kiosk.store import (
    ASKS_KEPT,
    asks_waiting,
    documents_for,
    keep_ask,
    reading_kiosk,
    writing_kiosk,
)
from cardreader.kiosk.tables import MeterAskRow
from cardreader.line.taking import take_answer
from protocols.documents.envelope import seal
from protocols.documents.orders import TIME_TYPE, TimeAnswer, write_document
from protocols.instants import UtcMs
from protocols.reasons import Source
from tests.cardreader.kiosk.till_bench import CARD, Till
from tests.cardreader.one_card import METER, NOW_MS, SERIAL, write_ask

ROOT = practice_root("1", 4_000_000_000_000)
TRUE, FORGED = 32 * "a", 32 * "f"


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    made = Till("k1", tmp_path)
    made.kiosk = replace(made.kiosk, tells_time=True)
    yield made
    made.engine.dispose()


def asking(nonce: str) -> WholeMemory:
    """The household's card, as its meter wrote this ask onto it."""
    memory = WholeMemory(CARD)
    write_ask(memory, nonce)
    return memory


def answer(nonce: str) -> bytes:
    said = TimeAnswer(meter=METER, nonce=nonce, time_ms=NOW_MS, spread_ms=1_000)
    return seal(write_document(said), TIME_TYPE, [practice_signer("1", "timeserver")])


def visit(till: Till, memory: WholeMemory) -> set[bytes]:
    """The card is here, and gets what waits for it. What it held when it was put in."""
    with till.serving(memory) as card:
        bring(till.kiosk, card, UtcMs(NOW_MS))
        return set(card.found.documents.values())


def keep(till: Till, nonce: str, card: str = SERIAL.hex()) -> bool:
    row = MeterAskRow(meter=METER, source=Source.TIMESERVER, card=card, nonce=nonce, word=nonce.encode())
    with writing_kiosk(till.engine) as store:
        return keep_ask(store, row)


def waiting(till: Till) -> list[str]:
    with reading_kiosk(till.engine) as store:
        return [each.nonce for each in asks_waiting(store)]


@pytest.mark.parametrize("order", [(TRUE, FORGED), (FORGED, TRUE)])
def test_another_image_of_the_card_takes_neither_the_ask_nor_its_answer(
    till: Till, order: tuple[str, str]
) -> None:
    true, forged = asking(TRUE), asking(FORGED)
    visit(till, true)
    visit(till, forged)
    assert waiting(till) == [TRUE, FORGED]
    with writing_kiosk(till.engine) as store:
        for nonce in order:
            assert take_answer(store, answer(nonce), ROOT, NOW_MS)
            assert not take_answer(store, answer(nonce), ROOT, NOW_MS)
    assert waiting(till) == []
    visit(till, true)
    visit(till, forged)
    for memory, nonce in ((forged, FORGED), (true, TRUE)):
        assert visit(till, memory) & {answer(TRUE), answer(FORGED)} == {answer(nonce)}


def test_no_number_of_other_cards_takes_an_ask_away(till: Till) -> None:
    assert keep(till, TRUE)
    for place in range(20):
        assert keep(till, FORGED, card=f"{place:016x}")
    assert waiting(till)[0] == TRUE
    with writing_kiosk(till.engine) as store:
        # One answer serves every card that asked the same.
        assert take_answer(store, answer(FORGED), ROOT, NOW_MS)
    assert waiting(till) == [TRUE]


def test_of_one_card_the_last_asks_stay_and_no_answer_to_an_earlier_one(till: Till) -> None:
    nonces = [f"{place:032x}" for place in range(5)]
    for nonce in nonces:
        assert keep(till, nonce)
        assert not keep(till, nonce)
        with writing_kiosk(till.engine) as store:
            assert take_answer(store, answer(nonce), ROOT, NOW_MS)
    with reading_kiosk(till.engine) as store:
        kept = {each.envelope for each in documents_for(store, METER)}
    assert kept == {answer(each) for each in nonces[-ASKS_KEPT:]}
