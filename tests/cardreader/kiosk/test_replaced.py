"""A card in whose place another one was made serves nobody; what its meter has said on it is kept."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.files.documents import Words
from cardreader.files.layout import ASKS
from cardreader.host.transport import InProcess
from cardreader.kiosk.replaced import SupersededCardError, note_replaced
from cardreader.kiosk.store import asks_waiting, keep_ask, outgoing_after, reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import CardSeenRow, MeterAskRow
from protocols.link.kiosk_words import read_card_heard
from protocols.link.messages import TimeAsk
from protocols.reasons import Source
from tests.cardreader.kiosk.till_bench import CARD, CreditMeter, Till
from tests.cardreader.one_card import METER, METER_KEYS, SERIAL, session


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    made = Till("k1", tmp_path)
    yield made
    made.engine.dispose()


def visited(nonce: str) -> WholeMemory:
    """The household's first card, after its meter has spoken on it and asked for the time."""
    memory = WholeMemory(CARD)
    CreditMeter().visit(memory)
    slot = session(InProcess(SmartCard(memory)), METER_KEYS)
    slot.write(ASKS, Words((ask(nonce),)).encode())
    slot.commit()
    return memory


def ask(nonce: str) -> bytes:
    return msgspec.json.encode(TimeAsk(meter=METER, source=Source.TIMESERVER, nonce=nonce))


def refused(till: Till, memory: WholeMemory) -> SupersededCardError:
    with pytest.raises(SupersededCardError) as raised, till.serving(memory):
        pytest.fail("it was served")
    return raised.value


def heard(till: Till) -> list[bytes]:
    """What was queued of a meter's words."""
    with reading_kiosk(till.engine) as store:
        return [read_card_heard(each.payload).state for each in outgoing_after(store, 0, 99)]


def asked(till: Till) -> list[bytes]:
    with reading_kiosk(till.engine) as store:
        return [each.word for each in asks_waiting(store)]


def test_its_words_are_kept_once_and_then_it_is_refused(till: Till) -> None:
    memory = visited("first")
    with writing_kiosk(till.engine) as store:
        note_replaced(store, METER, 2)
    for _ in range(2):
        error = refused(till, memory)
        assert error.latest == 2
        assert "number for the call centre: 400 " in str(error)
        assert len(heard(till)) == 1
        assert asked(till) == [ask("first")]
    with reading_kiosk(till.engine) as store:
        assert store.get_one(CardSeenRow, SERIAL.hex()).pairing == 1


@pytest.mark.parametrize(("spoken", "kept"), [("", ["first", "second"]), ("digest", ["first"])])
def test_it_asks_nothing_once_the_meter_has_spoken_on_a_later_card(
    till: Till, spoken: str, kept: list[str]
) -> None:
    with writing_kiosk(till.engine) as store:
        note_replaced(store, METER, 2)
        store.add(CardSeenRow(serial="later", meter=METER, pairing=2, words=spoken))
    refused(till, visited("first")) if not spoken else keep(till, "first")
    refused(till, visited("second"))
    assert asked(till) == [ask(each) for each in kept]


def keep(till: Till, nonce: str) -> None:
    """The later card has brought this ask."""
    with writing_kiosk(till.engine) as store:
        row = MeterAskRow(meter=METER, source=Source.TIMESERVER, card="later", nonce=nonce, word=ask(nonce))
        keep_ask(store, row)


def test_a_later_epoch_that_is_only_read_from_a_card_takes_nothing_from_a_true_one(till: Till) -> None:
    with writing_kiosk(till.engine) as store:
        store.add(CardSeenRow(serial="forged", meter=METER, pairing=9, words="digest"))
    with till.serving(visited("first")) as card:
        assert card.is_news
    assert asked(till) == [ask("first")]
