"""Money between people, two kiosks, a card and a meter: total paid is total credited, whatever goes wrong.

Programs are killed at any commit and around any command, and another program of the same kiosk takes money
or gives some back in between; the card is torn at any byte; the meter is left before it can say what it has
credited; a terminal does not answer; earlier images of the card come back; the issuers begin a new epoch, of
which kiosks and meter hear one after another. At every instant the meter has credited no more than the money
that was handed over and not given back. When nothing goes wrong any more, the same commands end with the
meter having credited all of it, and no more; but for what a kiosk says to be with the office.
"""

import contextlib
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cardreader.card.store import WholeMemory
from cardreader.iso7816.apdu import CardGoneError
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.ports import Cash, PaymentPort, SimulatedTerminal, TerminalMood
from cardreader.kiosk.rules import COUNTING, VoidWay
from cardreader.kiosk.searching import Sought, find
from cardreader.kiosk.store import reading_kiosk
from cardreader.kiosk.voiding import Undone, void
from protocols.errors import RefusedError, UnreachableError
from protocols.instants import UtcMs
from tests.cardreader.kiosk.till_bench import (
    CARD,
    EURO,
    KIOSKS,
    NOW,
    CreditMeter,
    GoneCard,
    Killed,
    Till,
)
from tests.cardreader.one_card import METER, NOW_MS
from tests.cardreader.tearing import PowerLost, TornMemory, Way

STEPS = st.one_of(st.none(), st.integers(0, 150))
GAPS = st.integers(0, 40)
TORN = st.one_of(st.none(), st.integers(0, 3_000))
NOT_PAID = "take a new id"
GONE_WRONG = (Killed, CardGoneError, UnreachableError, RefusedError)


class TillStory(RuleBasedStateMachine):
    """See the head of this module."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.tills = {name: Till(name, Path(self.folder.name)) for name in KIOSKS}
        # A second program at each store.
        self.others = {name: Till(name, Path(self.folder.name)) for name in KIOSKS}
        self.banks: dict[str, dict[str, int]] = {name: {} for name in KIOSKS}
        self.meter, self.card, self.images = CreditMeter(), CARD, [CARD]
        # By kiosk and id: the amount, the means, and whether its money is handed over (None: nobody knows).
        self.asked: dict[tuple[str, str], tuple[int, bool]] = {}
        self.gone: set[tuple[str, str]] = set()
        self.epoch, self.is_copied = 1, False

    def teardown(self) -> None:
        if not hasattr(self, "tills"):
            return
        for till in (*self.tills.values(), *self.others.values()):
            till.engine.dispose()
        self.folder.cleanup()

    # -- at a kiosk -------------------------------------------------------------------------------

    @rule(
        name=st.sampled_from(KIOSKS),
        euro=st.integers(5, 250),
        by_card=st.booleans(),
        mood=st.sampled_from(TerminalMood),
        steps=STEPS,
        tear=TORN,
        way=st.sampled_from(Way),
    )
    def pay(
        self, name: str, euro: int, by_card: bool, mood: TerminalMood, steps: int | None, tear: int | None,
        way: Way,
    ) -> None:  # fmt: skip
        """Somebody pays; the program may be killed, and the card torn."""
        key = (name, f"p{len(self.asked)}")
        self.asked[key] = (euro * EURO, by_card)
        self._top_up(key, mood, steps, TornMemory(self.card, way, tear))

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), mood=st.sampled_from(TerminalMood), steps=STEPS, tear=TORN)
    def repeat(self, data: st.DataObject, mood: TerminalMood, steps: int | None, tear: int | None) -> None:
        """The same command again."""
        key = data.draw(st.sampled_from(sorted(self.asked)))
        self._top_up(key, mood, steps, TornMemory(self.card, Way.ERASED, tear))

    @precondition(lambda self: self.asked)
    @rule(
        data=st.data(), mood=st.sampled_from(TerminalMood), present=st.booleans(), refund=st.booleans(),
        steps=STEPS, tear=TORN,
    )  # fmt: skip
    def take_back(
        self, data: st.DataObject, mood: TerminalMood, present: bool, refund: bool, steps: int | None,
        tear: int | None,
    ) -> None:  # fmt: skip
        """Somebody wants the money back, with the card or without."""
        key = data.draw(st.sampled_from(sorted(self.asked)))
        memory = TornMemory(self.card, Way.CLEARED, tear)
        till, port = self.tills[key[0]], self._port(key, mood)
        with contextlib.suppress(*GONE_WRONG):
            if present:
                with till.serving(memory, steps) as card:
                    undone = void(till.kiosk, key[1], card, port, UtcMs(NOW_MS), refund=refund)
            else:
                undone = void(till.kiosk, key[1], None, port, UtcMs(NOW_MS), refund=refund)
            self._is_back(key, undone)
        self._left(memory)

    @precondition(lambda self: self.asked)
    @rule(
        data=st.data(), mood=st.sampled_from(TerminalMood), gaps=GAPS, goes_on=st.booleans(),
        refund=st.booleans(),
    )  # fmt: skip
    def another_program(
        self, data: st.DataObject, mood: TerminalMood, gaps: int, goes_on: bool, refund: bool
    ) -> None:
        """It comes in between the steps of the next command: it goes on with a payment, or takes it back."""
        key = data.draw(st.sampled_from(sorted(self.asked)))
        other, memory = self.others[key[0]], WholeMemory(self.card)
        with other.serving(memory) as card:
            pass
        self._left(memory)
        # What it has read of the card is all it has: the next command has the card.
        card.session._channel = GoneCard()

        def come_in() -> None:
            with contextlib.suppress(*GONE_WRONG):
                if goes_on:
                    top_up(other.kiosk, card, key[1], self.asked[key][0], self._port(key, mood), NOW)
                else:
                    port = self._port(key, mood)
                    self._is_back(key, void(other.kiosk, key[1], None, port, UtcMs(NOW_MS), refund=refund))

        self.tills[key[0]].let_in(come_in, gaps)

    # -- a new epoch ------------------------------------------------------------------------------

    @precondition(lambda self: not self.is_copied)
    @rule()
    def new_epoch(self) -> None:
        """Two people have begun a new epoch of both issuers; nobody has heard of it yet.

        Whoever has copied a card has what was counted anew credited in both epochs: outside the promise, as
        it is for a void.
        """
        self.epoch = min(self.epoch + 1, 3)

    @rule(name=st.sampled_from(KIOSKS))
    def kiosk_hears_of_it(self, name: str) -> None:
        """The line brings the issuers document."""
        self.tills[name].begin_epoch(self.epoch)
        self.others[name].begin_epoch(self.epoch)

    @rule()
    def meter_hears_of_it(self) -> None:
        """From now on it refuses what was stated before."""
        self.meter.begin_epoch(self.epoch)

    # -- with the card ----------------------------------------------------------------------------

    @rule(tear=TORN, way=st.sampled_from(Way), early=st.booleans())
    def at_the_meter(self, tear: int | None, way: Way, early: bool) -> None:
        """The card is in the meter, and may be pulled out before the meter has said what it did."""
        memory = TornMemory(self.card, way, tear)
        with contextlib.suppress(PowerLost):
            self.meter.visit(memory, pull_before_it_says=early)
        self._left(memory)

    @precondition(lambda self: bool(getattr(self, "images", ())) and self.epoch == 1)
    @rule(data=st.data())
    def an_earlier_image(self, data: st.DataObject) -> None:
        """A copy of the card, or the card of last week."""
        self.is_copied = True
        self.card = self.images[data.draw(st.integers(0, len(self.images) - 1))]

    # -- what must hold ---------------------------------------------------------------------------

    @invariant()
    def no_more_is_credited_than_was_paid(self) -> None:
        if hasattr(self, "meter"):
            paid_ueur = sum(amount for key, (amount, _) in self.asked.items() if key not in self.gone)
            assert self.meter.credited_ueur <= paid_ueur

    @rule()
    def finish(self) -> None:
        """Nothing goes wrong any more: each command is repeated, and the card goes to the meter."""
        for till in (*self.tills.values(), *self.others.values()):
            till.fuse.other = None
            till.begin_epoch(self.epoch)
        self.meter.begin_epoch(self.epoch)
        paid_ueur = 0
        for key, (amount_ueur, by_card) in sorted(self.asked.items()):
            said = self._top_up(key, TerminalMood.APPROVE, None, TornMemory(self.card))
            if "being cancelled" in said:
                port, kiosk = self._port(key, TerminalMood.APPROVE), self.tills[key[0]].kiosk
                self._is_back(key, void(kiosk, key[1], None, port, UtcMs(NOW_MS), refund=False))
                said = NOT_PAID
            declined = NOT_PAID in said and "refund" not in said
            assert declined == (key in self.gone) or by_card, key
            paid_ueur += 0 if declined else amount_ueur
            if by_card:
                assert (self.banks[key[0]].get(key[1], 0) > 0) == (not declined), key
            elif declined:
                assert key in self.gone
            if declined:
                self.gone.add(key)
        memory = WholeMemory(self.card)
        self.meter.visit(memory)
        self._left(memory)
        assert paid_ueur - self._with_office_ueur() <= self.meter.credited_ueur <= paid_ueur

    def _with_office_ueur(self) -> int:
        """What was stated in an epoch that is closed by now: nobody but the office knows of the rest."""
        found_ueur = 0
        for till in self.tills.values():
            with reading_kiosk(till.engine) as store:
                for each in find(store, Sought(meter=METER), 1_000).payments:
                    is_closed = each.epoch != self.epoch and each.state in COUNTING
                    found_ueur += each.amount_ueur if is_closed else 0
        return found_ueur

    # -- help -------------------------------------------------------------------------------------

    def _is_back(self, key: tuple[str, str], undone: Undone) -> None:
        """The money was handed back, but for a refund."""
        if undone.way is not VoidWay.REFUND:
            self.gone.add(key)
            # Whoever had copied the card could bring the statement back: that is outside the promise.
            self.images = []

    def _top_up(
        self, key: tuple[str, str], mood: TerminalMood, steps: int | None, memory: WholeMemory
    ) -> str:
        """Returns why it was refused; empty: it was not."""
        till, said = self.tills[key[0]], ""
        try:
            with till.serving(memory, steps) as card:
                top_up(till.kiosk, card, key[1], self.asked[key][0], self._port(key, mood), NOW)
        except RefusedError as error:
            said = str(error)
        except (Killed, CardGoneError, UnreachableError):
            pass
        self._left(memory)
        return said

    def _port(self, key: tuple[str, str], mood: TerminalMood) -> PaymentPort:
        if not self.asked[key][1]:
            return Cash()
        return SimulatedTerminal(self.banks[key[0]], mood)

    def _left(self, memory: WholeMemory) -> None:
        self.card = bytes(memory.content)
        self.images.append(self.card)


TestTillStory = TillStory.TestCase
TestTillStory.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
