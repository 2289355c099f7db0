"""A new epoch of the kiosk's issuer, such as after its key was stolen: what happens to the payments before.

A meter that has the new issuers document refuses every statement of the closed epoch. What no meter can have
read counts anew; of the rest only the office knows.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cardreader.card.store import WholeMemory
from cardreader.cli.find import payment_fields
from cardreader.kiosk.ledger import epoch_now
from cardreader.kiosk.paying import Paid, top_up
from cardreader.kiosk.ports import Cash
from cardreader.kiosk.rules import PaymentState, VoidWay, is_with_office
from cardreader.kiosk.searching import Sought, find
from cardreader.kiosk.stating import bring
from cardreader.kiosk.store import reading_kiosk
from cardreader.kiosk.voiding import Undone, find_payment, void
from protocols.errors import RefusedError
from protocols.instants import UtcMs
from tests.cardreader.kiosk.till_bench import CARD, EURO, NOW, CreditMeter, Killed, Till
from tests.cardreader.one_card import NOW_MS

AT = UtcMs(NOW_MS)


class Counter:
    """A kiosk, a card, and its meter."""

    def __init__(self, folder: Path) -> None:
        self.till, self.memory, self.meter = Till("k1", folder), WholeMemory(CARD), CreditMeter()

    def pay(self, name: str, euro: int, steps: int | None = None) -> Paid:
        with self.till.serving(self.memory, steps) as card:
            return top_up(self.till.kiosk, card, name, euro * EURO, Cash(), NOW)

    def take_back(self, name: str, *, refund: bool = False, steps: int | None = None) -> Undone:
        with self.till.serving(self.memory, steps) as card:
            return void(self.till.kiosk, name, card, Cash(), AT, refund=refund)

    def state(self, name: str) -> str:
        return find_payment(self.till.kiosk, name).state

    def knows(self, name: str) -> bool:
        with reading_kiosk(self.till.engine) as store:
            return bool(find(store, Sought(payment=name), 1).payments)

    def begin_epoch(self) -> None:
        """Kiosk and meter have heard of it."""
        self.till.begin_epoch(2)
        self.meter.begin_epoch(2)

    def credited_euro(self) -> int:
        self.meter.visit(self.memory)
        return self.meter.credited_ueur // EURO

    def todo(self, name: str) -> str:
        row = find_payment(self.till.kiosk, name)
        return str(payment_fields(row, epoch_now(self.till.kiosk.home))["todo"])


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    counter = Counter(tmp_path)
    yield counter
    counter.till.engine.dispose()


def test_what_no_meter_has_read_counts_anew(counter: Counter) -> None:
    counter.pay("p1", 20)
    counter.begin_epoch()
    paid = counter.pay("p2", 50)
    assert (paid.statement.purse.epoch, paid.statement.total_ueur) == (2, 70 * EURO)
    assert counter.state("p1") == counter.state("p2") == PaymentState.COMMITTED
    assert counter.credited_euro() == 70


def test_a_look_at_the_card_brings_it_too(counter: Counter) -> None:
    counter.pay("p1", 20)
    counter.begin_epoch()
    with counter.till.serving(counter.memory) as card:
        bring(counter.till.kiosk, card, AT)
    assert counter.credited_euro() == 20


def test_wherever_it_is_killed_no_money_is_credited_twice_or_lost(counter: Counter) -> None:
    """The meter has not heard of the new epoch yet when the card comes in between."""
    counter.pay("p1", 20)
    before, steps, is_over = bytes(counter.memory.content), 20, False
    counter.till.engine.dispose()
    while not is_over:
        folder = counter.till.folder / str(steps)
        folder.mkdir()
        (folder / "k1.db").write_bytes((counter.till.folder / "k1.db").read_bytes())
        each = Counter(folder)
        each.memory = WholeMemory(before)
        each.till.begin_epoch(2)
        with suppress(Killed):
            each.pay("p1", 20, steps)
            is_over = True
        each.meter.visit(each.memory)
        each.meter.begin_epoch(2)
        with suppress(RefusedError):
            each.pay("p1", 20)
        is_with = is_with_office(each.state("p1"), find_payment(each.till.kiosk, "p1").epoch, 2)
        assert each.credited_euro() in ((0, 20) if is_with else (20,)), steps
        each.till.engine.dispose()
        steps += 1


def test_a_void_takes_the_payment_alone_off_the_card(counter: Counter) -> None:
    counter.pay("p1", 20)
    counter.begin_epoch()
    counter.pay("p2", 50)
    assert counter.take_back("p1").way is VoidWay.CARD
    assert counter.state("p2") == PaymentState.COMMITTED
    assert counter.credited_euro() == 50


def test_a_void_of_a_closed_epoch_is_free_once_the_card_is_without_it(counter: Counter) -> None:
    counter.pay("p1", 20)
    counter.pay("p2", 50)
    counter.begin_epoch()
    assert counter.take_back("p1").way is VoidWay.FREE
    with counter.till.serving(counter.memory) as card:
        bring(counter.till.kiosk, card, AT)
    assert counter.credited_euro() == 50


def test_what_a_meter_may_have_read_is_with_the_office(counter: Counter) -> None:
    counter.pay("p2", 50)
    steps = 24
    while not counter.knows("p1") or counter.state("p1") != PaymentState.WRITTEN:
        with suppress(Killed):
            counter.pay("p1", 20, steps)
        steps += 1
    counter.meter.visit(counter.memory, pull_before_it_says=True)
    counter.begin_epoch()
    with pytest.raises(RefusedError, match="epoch 1 of this kiosk, which is closed: the office sees"):
        counter.pay("p1", 20)
    assert "`void --refund`: the office sees" in counter.todo("p1")
    with pytest.raises(RefusedError, match="with --refund the office is asked"):
        counter.take_back("p1")
    # Another payment's money stays on the card, whoever asks for this one.
    assert counter.pay("p3", 5).statement.total_ueur == 5 * EURO
    with pytest.raises(RefusedError, match="with --refund the office is asked"):
        counter.take_back("p1")
    assert counter.state("p3") == PaymentState.COMMITTED
    assert counter.take_back("p1", refund=True).way is VoidWay.REFUND
    assert counter.credited_euro() == 75


def test_a_payment_of_before_is_refused_in_a_new_epoch_and_not_said_to_be_written(counter: Counter) -> None:
    counter.pay("p1", 20)
    assert counter.credited_euro() == 20
    counter.begin_epoch()
    with pytest.raises(RefusedError, match="which is closed"):
        counter.pay("p1", 20)
    assert counter.pay("p2", 50).statement.total_ueur == 50 * EURO
    assert counter.credited_euro() == 70


def test_a_kiosk_that_is_no_issuer_any_more_gives_back_what_it_has(counter: Counter) -> None:
    with suppress(Killed):
        counter.pay("p1", 20, steps=28)
    assert counter.state("p1") == PaymentState.TAKEN
    counter.till.close_issuer()
    with pytest.raises(RefusedError, match="k1"):
        counter.pay("p1", 20)
    assert counter.take_back("p1").way is VoidWay.FREE
