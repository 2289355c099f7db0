"""Two programs of one kiosk, such as the screen and a command, at one store: neither undoes the other.

The second one comes in between any two transactions of the first and before any of its commands to the card.
Whatever it does, what was handed back is credited nowhere, and what is noted as on a card is on it.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from cardreader.card.store import WholeMemory
from cardreader.iso7816.apdu import CardGoneError
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.ports import Cash, PaymentPort, SimulatedTerminal, TerminalMood
from cardreader.kiosk.rules import PaymentState, VoidWay
from cardreader.kiosk.voiding import find_payment, void
from protocols.errors import RefusedError, UnreachableError
from protocols.instants import UtcMs
from tests.cardreader.kiosk.till_bench import CARD, EURO, NOW, CreditMeter, GoneCard, Killed, Till
from tests.cardreader.one_card import NOW_MS

AT = UtcMs(NOW_MS)


class Counter:
    """One kiosk with two programs, one card and its meter. `handed_back`: whether p1's money was."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.screen, self.command = Till("k1", folder), Till("k1", folder)
        self.memory, self.meter, self.handed_back = WholeMemory(CARD), CreditMeter(), False
        self.bank: dict[str, int] = {}
        # What the other program has read of the card, which it then finds gone.
        with self.command.serving(self.memory) as card:
            self.read_before = card
        card.session._channel = GoneCard()  # its reader is empty now

    def close(self) -> None:
        self.screen.engine.dispose()
        self.command.engine.dispose()

    def pay(self, till: Till, name: str = "p1", port: PaymentPort | None = None) -> None:
        """20 euro, by one of both programs."""
        with till.serving(self.memory) as card:
            top_up(till.kiosk, card, name, 20 * EURO, port or Cash(), NOW)

    def take_p2(self) -> None:
        """The other program takes 50 euro, and its card is gone."""
        with suppress(CardGoneError):
            top_up(self.command.kiosk, self.read_before, "p2", 50 * EURO, Cash(), NOW)

    def give_back(self) -> None:
        """The other program gives p1 back, if it may without a card."""
        with suppress(RefusedError):
            assert void(self.command.kiosk, "p1", None, Cash(), AT, refund=False).way is VoidWay.FREE
            self.handed_back = True

    def go_on(self) -> None:
        """The other program goes on with p1, whose terminal answers now."""
        with suppress(RefusedError):
            self.pay(self.command, port=SimulatedTerminal(self.bank))

    def state(self, name: str) -> str:
        return find_payment(self.command.kiosk, name).state

    def credited_euro(self) -> int:
        self.meter.visit(self.memory)
        return self.meter.credited_ueur // EURO


@dataclass(frozen=True)
class Places:
    """Where the other program can come in."""

    folder: Path

    def each(self, before: Callable[[Counter], None], other: Callable[[Counter], None]) -> Iterator[Counter]:
        """A counter for each place, and one where the other program never comes: `before` is over there."""
        for gaps in count():
            counter = Counter(self.folder / str(gaps))
            try:
                before(counter)
                counter.screen.let_in(partial(other, counter), gaps)
                yield counter
                if counter.screen.fuse.other is not None:
                    return
            finally:
                counter.close()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def _taken_and_not_written(counter: Counter) -> None:
    with pytest.raises(Killed), counter.screen.serving(counter.memory, 28) as card:
        top_up(counter.screen.kiosk, card, "p1", 20 * EURO, Cash(), NOW)
    assert counter.state("p1") == PaymentState.TAKEN


def _asked(counter: Counter) -> None:
    """The terminal has approved it, and its answer was lost."""
    with suppress(UnreachableError):
        counter.pay(counter.screen, port=SimulatedTerminal(counter.bank, TerminalMood.LATE))
    assert counter.state("p1") == PaymentState.ASKED


def test_what_is_handed_back_freely_is_credited_nowhere(places: Places) -> None:
    ends = set[bool]()
    for counter in places.each(_taken_and_not_written, Counter.give_back):
        said = ""
        try:
            counter.pay(counter.screen)
        except RefusedError as error:
            said = str(error)
        is_over = "payment p1: it is voided; take a new id for another one"
        assert said == (is_over if counter.handed_back else "")
        assert counter.credited_euro() == (0 if counter.handed_back else 20)
        ends.add(counter.handed_back)
    assert ends == {False, True}


def test_what_is_noted_as_on_a_card_is_on_it(places: Places) -> None:
    states = set[str]()
    for counter in places.each(lambda _counter: None, Counter.take_p2):
        counter.pay(counter.screen)
        assert counter.state("p1") == PaymentState.COMMITTED
        if counter.screen.fuse.other is None:
            is_on_card = counter.state("p2") != PaymentState.TAKEN
            assert counter.credited_euro() == (70 if is_on_card else 20)
            states.add(counter.state("p2"))
    assert states == {PaymentState.TAKEN, PaymentState.COMMITTED}


def test_what_is_taken_off_the_card_takes_no_other_payment_along(places: Places) -> None:
    states = set[str]()
    for counter in places.each(lambda counter: counter.pay(counter.screen), Counter.take_p2):
        with counter.screen.serving(counter.memory) as card:
            assert void(counter.screen.kiosk, "p1", card, Cash(), AT, refund=False).way is VoidWay.CARD
        if counter.screen.fuse.other is None:
            is_on_card = counter.state("p2") != PaymentState.TAKEN
            assert counter.credited_euro() == (50 if is_on_card else 0)
            states.add(counter.state("p2"))
    assert states == {PaymentState.TAKEN, PaymentState.WRITTEN}


@pytest.mark.parametrize("mood", [TerminalMood.APPROVE, TerminalMood.TIMEOUT])
def test_what_is_cancelled_at_the_terminal_is_paid_by_nobody(places: Places, mood: TerminalMood) -> None:
    ends = set[str]()
    for counter in places.each(_asked, Counter.go_on):
        port = SimulatedTerminal(counter.bank, mood)
        with suppress(RefusedError, UnreachableError):
            void(counter.screen.kiosk, "p1", None, port, AT, refund=False)
        state = counter.state("p1")
        assert counter.credited_euro() == (20 if state == PaymentState.COMMITTED else 0)
        assert (counter.bank["p1"] < 0) == (state == PaymentState.DECLINED)
        ends.add(state)
    is_silent = mood is TerminalMood.TIMEOUT
    assert ends == {
        PaymentState.COMMITTED,
        PaymentState.CANCELLING if is_silent else PaymentState.DECLINED,
    }
