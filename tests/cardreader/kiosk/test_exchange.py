"""What waits for a meter goes onto its card at every serving; what the meter says is queued exactly once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import generation_key, kiosk_keys
from cardreader.channel.letters import KeyLetter
from cardreader.host.secure import NotOurCardError
from cardreader.host.transport import InProcess
from cardreader.iso7816.instructions import Instruction
from cardreader.iso7816.status import StatusError, StatusWord
from cardreader.issuing.practice import practice_signer
from cardreader.kiosk.desk import CardAtDesk, receive_card
from cardreader.kiosk.home import CardsKey, GenerationKey
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.ports import Cash
from cardreader.kiosk.recovering import recover
from cardreader.kiosk.stating import bring
from cardreader.kiosk.store import (
    documents_for,
    keep_document,
    outgoing_after,
    reading_kiosk,
    writing_kiosk,
)
from cardreader.kiosk.tables import UpChannel
from cardreader.loading.contents import read_contents
from protocols.documents import drafting
from protocols.documents.envelope import seal
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.errors import DocumentError
from protocols.instants import UtcMs
from protocols.link.kiosk_words import read_card_heard
from tests.cardreader.kiosk.till_bench import CARD, EURO, NOW, CreditMeter, Till
from tests.cardreader.one_card import FLEET_KEY, GENERATION, ISSUER, METER, NOW_MS, SERIAL, session

AT = UtcMs(NOW_MS)
ANNA = practice_signer("1", "anna")
SHEET = drafting.Sheet("c1", 1, NOW_MS, "the office")
PAPER = seal(write_document(drafting.cancel_cut(SHEET, "c1", (METER,))), ORDER_TYPE, [ANNA])


@dataclass
class _Desk:
    till: Till
    memory: WholeMemory

    def on_card(self) -> list[bytes]:
        return list(read_contents(session(InProcess(SmartCard(self.memory)))).documents.values())

    def words_queued(self) -> int:
        """How often a meter's words were queued."""
        with reading_kiosk(self.till.engine) as store:
            rows = outgoing_after(store, 0, 99)
            return sum(_is_heard(each.payload) for each in rows if each.channel == UpChannel.RECEIPTS)


def _is_heard(body: bytes) -> bool:
    try:
        read_card_heard(body)
    except DocumentError:
        return False
    return True


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[_Desk]:
    till = Till("k1", tmp_path)
    yield _Desk(till, WholeMemory(CARD))
    till.engine.dispose()


def _pay(till: Till, card: CardAtDesk) -> None:
    top_up(till.kiosk, card, "p1", 20 * EURO, Cash(), NOW)


def _recover(till: Till, card: CardAtDesk) -> None:
    recover(till.kiosk, card, ANNA, 72, AT)


def _exchange(till: Till, card: CardAtDesk) -> None:
    bring(till.kiosk, card, AT)


@pytest.mark.parametrize("serve", [_pay, _recover, _exchange])
def test_every_serving_takes_the_words_and_brings_what_waits(
    desk: _Desk, serve: Callable[[Till, CardAtDesk], None]
) -> None:
    CreditMeter().visit(desk.memory)
    with writing_kiosk(desk.till.engine) as store:
        keep_document(store, METER, "cancel/c1", PAPER, NOW_MS)
    for again in (False, True):
        with desk.till.serving(desk.memory) as card:
            assert card.is_news is not again
            serve(desk.till, card)
        assert PAPER in desk.on_card()
        assert desk.words_queued() == 1


def test_a_card_that_hangs_keeps_nobody_out_of_the_store(desk: _Desk) -> None:
    with writing_kiosk(desk.till.engine) as store:
        keep_document(store, METER, "cancel/c1", PAPER, NOW_MS)
    channel, wrote = InProcess(SmartCard(desk.memory)), list[int]()

    class Slow:
        def transmit(self, command: bytes) -> bytes:
            # While a card is at work, the line writes what comes down.
            with writing_kiosk(desk.till.engine) as store:
                keep_document(store, "m2", "cancel/c2", PAPER, len(wrote))
            wrote.append(1)
            return channel.transmit(command)

    bring(desk.till.kiosk, receive_card(desk.till.kiosk, Slow(), b"12345678", AT), AT)
    assert wrote
    assert PAPER in desk.on_card()


class _Liar:
    """A card of a stranger: it says the household's serial number, and the same status to all else."""

    def __init__(self, status: int) -> None:
        self._status = status.to_bytes(2)

    def transmit(self, command: bytes) -> bytes:
        return SERIAL + b"\x90\x00" if command[1] == Instruction.GET_DATA else self._status


@pytest.mark.parametrize("status", [StatusWord.OK, StatusWord.WRONG_DATA, StatusWord.CONDITIONS])
def test_no_card_takes_a_letter_away_by_its_word_alone(desk: _Desk, status: StatusWord) -> None:
    with writing_kiosk(desk.till.engine) as store:
        keep_document(store, METER, f"letter/{SERIAL.hex()}", b"a letter", NOW_MS)
    with pytest.raises((NotOurCardError, StatusError)):
        receive_card(desk.till.kiosk, _Liar(status), b"12345678", AT)
    with reading_kiosk(desk.till.engine) as store:
        assert [each.envelope for each in documents_for(store, METER)] == [b"a letter"]


def test_a_card_with_stolen_earlier_keys_takes_no_letter_away(desk: _Desk) -> None:
    following = GENERATION + 1
    earlier = desk.till.kiosk.home.cards
    keys = CardsKey(
        following,
        generation_key(FLEET_KEY, following).hex(),
        (GenerationKey(earlier.generation, earlier.key),),
    )
    desk.till.kiosk = replace(desk.till.kiosk, home=replace(desk.till.kiosk.home, cards=keys))
    with writing_kiosk(desk.till.engine) as store:
        # The card has keys of the earlier generation, and does not take what it is given.
        keep_document(store, METER, f"letter/{SERIAL.hex()}", b"a letter", NOW_MS)
    with desk.till.serving(desk.memory) as card:
        assert card.meter == METER
    with reading_kiosk(desk.till.engine) as store:
        assert [each.envelope for each in documents_for(store, METER)] == [b"a letter"]


def test_a_letter_goes_to_its_own_card_before_the_keys_are_used(desk: _Desk) -> None:
    following = GENERATION + 1
    secret = generation_key(FLEET_KEY, following)
    letter = KeyLetter(SERIAL, following, kiosk_keys(secret, following, SERIAL), oldest=following)
    home = replace(desk.till.kiosk.home, cards=CardsKey(following, secret.hex()))
    desk.till.kiosk = replace(desk.till.kiosk, home=home)
    with pytest.raises(StatusError, match="6A88"), desk.till.serving(desk.memory):
        pass
    with writing_kiosk(desk.till.engine) as store:
        keep_document(store, METER, f"letter/{SERIAL.hex()}", letter.seal(ISSUER.static.dek), NOW_MS)
        keep_document(store, "m2", f"letter/{bytes(8).hex()}", b"of another card", NOW_MS)
    for _ in range(2):
        with desk.till.serving(desk.memory) as card:
            assert card.meter == METER
        with reading_kiosk(desk.till.engine) as store:
            assert documents_for(store, METER) == []
            assert len(documents_for(store, "m2")) == 1
