"""Money waits for no further payment, and none is taken for a card that has no room for it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.files.layout import STATEMENTS, CardFile
from cardreader.host.transport import InProcess
from cardreader.issuing.practice import practice_signer
from cardreader.kiosk.desk import CardAtDesk
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.ports import Cash, SimulatedTerminal
from cardreader.kiosk.recovering import recover
from cardreader.kiosk.rules import PaymentState, Shown, VoidWay, is_money_waiting
from cardreader.kiosk.searching import Sought, find
from cardreader.kiosk.stating import bring
from cardreader.kiosk.store import reading_kiosk
from cardreader.kiosk.voiding import find_payment, void
from protocols.documents import drafting
from protocols.documents.envelope import seal
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.errors import RefusedError
from protocols.instants import UtcMs
from tests.cardreader.kiosk.till_bench import CARD, EURO, NOW, CreditMeter, Killed, Till
from tests.cardreader.one_card import METER, NOW_MS, session

AT = UtcMs(NOW_MS)
# Killed once the money is there, and before a card may have it; and between the note and the commit's answer.
TAKEN, WRITTEN = 28, 33


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    till = Till("k1", tmp_path)
    yield till
    till.engine.dispose()


def pay(till: Till, memory: WholeMemory, name: str, steps: int | None = None) -> None:
    with suppress(Killed), till.serving(memory, steps) as card:
        top_up(till.kiosk, card, name, 20 * EURO, Cash(), NOW)


def state(till: Till, name: str) -> str:
    return find_payment(till.kiosk, name).state


def exchange(till: Till, card: CardAtDesk) -> int:
    return bring(till.kiosk, card, AT).written


def give_supply_back(till: Till, card: CardAtDesk) -> int:
    recover(till.kiosk, card, practice_signer("1", "anna"), 72, AT)
    return 1


@pytest.mark.parametrize("steps", [TAKEN, WRITTEN])
@pytest.mark.parametrize("visit", [exchange, give_supply_back])
def test_any_later_visit_brings_what_is_open(
    till: Till, steps: int, visit: Callable[[Till, CardAtDesk], int]
) -> None:
    memory, meter = WholeMemory(CARD), CreditMeter()
    pay(till, memory, "p1", steps)
    assert state(till, "p1") == (PaymentState.TAKEN if steps == TAKEN else PaymentState.WRITTEN)
    with till.serving(memory) as card:
        visit(till, card)
    assert state(till, "p1") == PaymentState.COMMITTED
    meter.visit(memory)
    assert meter.credited_ueur == 20 * EURO
    with till.serving(memory) as card:
        assert exchange(till, card) == 0


def test_what_is_on_a_card_is_not_written_again(till: Till) -> None:
    memory, meter = WholeMemory(CARD), CreditMeter()
    pay(till, memory, "p1")
    for _ in range(2):
        with till.serving(memory) as card:
            assert exchange(till, card) == 0
        meter.visit(memory)


def test_a_forged_statement_in_the_place_of_ours_is_replaced(till: Till) -> None:
    memory, meter = WholeMemory(CARD), CreditMeter()
    pay(till, memory, "p1")
    write_statement(memory, STATEMENTS[0], "k1", 900)
    with till.serving(memory) as card:
        assert exchange(till, card) == 1
    meter.visit(memory)
    assert meter.credited_ueur == 20 * EURO


def test_nobody_brings_what_is_being_taken_back(till: Till) -> None:
    memory = WholeMemory(CARD)
    pay(till, memory, "p1")
    for steps in range(20, 60):
        with suppress(Killed), till.serving(memory, steps) as card:
            void(till.kiosk, "p1", card, Cash(), AT, refund=False)
        if state(till, "p1") == PaymentState.VOIDING:
            break
    with till.serving(memory) as card:
        assert exchange(till, card) == 0
        assert state(till, "p1") == PaymentState.VOIDING
        assert void(till.kiosk, "p1", card, Cash(), AT, refund=False).way is VoidWay.CARD


@pytest.mark.parametrize(
    ("counting", "states", "shown", "waits"),
    [
        (0, [], Shown(0, 0), False),
        (20, ["committed"], Shown(20, 0), False),
        (20, ["committed"], Shown(0, 20), False),
        (20, ["committed"], Shown(0, 0), True),
        (20, ["written"], Shown(20, 20), True),
        (20, ["taken"], Shown(20, 20), True),
        (20, ["taken"], Shown(50, 0), False),
        (20, ["taken"], Shown(0, 50), False),
        (20, ["voiding"], Shown(0, 0), False),
    ],
)
def test_what_a_card_lacks(counting: int, states: list[str], shown: Shown, *, waits: bool) -> None:
    assert is_money_waiting(counting, states, shown) == waits


def test_no_money_is_taken_for_a_card_without_room(till: Till) -> None:
    memory, bank = WholeMemory(CARD), dict[str, int]()
    for slot, issuer in zip(STATEMENTS, ("a", "b", "c", "d"), strict=True):
        write_statement(memory, slot, issuer, 10)
    with (
        till.serving(memory) as card,
        pytest.raises(RefusedError, match="it does not fit onto the card: no_slot"),
    ):
        top_up(till.kiosk, card, "p1", 20 * EURO, SimulatedTerminal(bank), NOW)
    assert bank == {}
    with reading_kiosk(till.engine) as store:
        assert find(store, Sought(payment="p1"), 1).payments == ()


def write_statement(memory: WholeMemory, slot: CardFile, issuer: str, euro: int) -> None:
    """Another kiosk writes a statement onto the card, in this issuer's name."""
    sheet = drafting.Sheet(f"{issuer}-1", 1, NOW_MS, "test")
    order = drafting.payment_statement(sheet, METER, issuer, 1, euro * EURO, epoch=1)
    writer = session(InProcess(SmartCard(memory)))
    writer.write(slot, seal(write_document(order), ORDER_TYPE, [practice_signer("1", "dora")]))
    writer.commit()
