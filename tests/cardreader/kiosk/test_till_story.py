"""Money between people, two kiosks, a card and a meter: total paid is total credited, whatever goes wrong.

Programs are killed at any commit and around any command; the card is torn at any byte; the meter is left
before it can say what it has credited; a terminal does not answer; earlier images of the card come back. At
every instant the meter has credited no more than the money that was handed over and not given back. When
nothing goes wrong any more, the same commands end with the meter having credited all of it, and no more.
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
from cardreader.kiosk.rules import VoidWay
from cardreader.kiosk.voiding import void
from protocols.errors import RefusedError, UnreachableError
from protocols.instants import UtcMs
from tests.cardreader.kiosk.till_bench import (
    CARD,
    EURO,
    KIOSKS,
    NOW,
    CreditMeter,
    Killed,
    Till,
)
from tests.cardreader.one_card import NOW_MS
from tests.cardreader.tearing import PowerLost, TornMemory, Way

STEPS = st.one_of(st.none(), st.integers(0, 150))
TORN = st.one_of(st.none(), st.integers(0, 3_000))
GONE_WRONG = (Killed, CardGoneError, UnreachableError, RefusedError)


class TillStory(RuleBasedStateMachine):
    """See the head of this module."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.tills = {name: Till(name, Path(self.folder.name)) for name in KIOSKS}
        self.banks: dict[str, dict[str, int]] = {name: {} for name in KIOSKS}
        self.meter, self.card, self.images = CreditMeter(), CARD, [CARD]
        # By kiosk and id: the amount, the means, and whether its money is handed over (None: nobody knows).
        self.asked: dict[tuple[str, str], tuple[int, bool]] = {}
        self.gone: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        if not hasattr(self, "tills"):
            return
        for till in self.tills.values():
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
            if undone.way is not VoidWay.REFUND:
                self.gone.add(key)
                # Whoever had copied the card could bring the statement back: that is outside the promise.
                self.images = []
        self._left(memory)

    # -- with the card ----------------------------------------------------------------------------

    @rule(tear=TORN, way=st.sampled_from(Way), early=st.booleans())
    def at_the_meter(self, tear: int | None, way: Way, early: bool) -> None:
        """The card is in the meter, and may be pulled out before the meter has said what it did."""
        memory = TornMemory(self.card, way, tear)
        with contextlib.suppress(PowerLost):
            self.meter.visit(memory, pull_before_it_says=early)
        self._left(memory)

    @precondition(lambda self: bool(getattr(self, "images", ())))
    @rule(data=st.data())
    def an_earlier_image(self, data: st.DataObject) -> None:
        """A copy of the card, or the card of last week."""
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
        paid_ueur = 0
        for key, (amount_ueur, by_card) in sorted(self.asked.items()):
            declined = self._top_up(key, TerminalMood.APPROVE, None, TornMemory(self.card))
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
        assert self.meter.credited_ueur == paid_ueur

    # -- help -------------------------------------------------------------------------------------

    def _top_up(
        self, key: tuple[str, str], mood: TerminalMood, steps: int | None, memory: WholeMemory
    ) -> bool:
        """Returns whether the kiosk said that nothing is paid by this id."""
        till, said = self.tills[key[0]], False
        try:
            with till.serving(memory, steps) as card:
                top_up(till.kiosk, card, key[1], self.asked[key][0], self._port(key, mood), NOW)
        except RefusedError as error:
            said = "take a new id" in str(error) and "refund" not in str(error)
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
