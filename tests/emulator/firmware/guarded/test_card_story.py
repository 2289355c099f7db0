"""A household's card on its way between kiosk and meter, with everything that can go wrong on it.

Any number of payments and holds, any number of passes at either end; card or meter lose power at any byte,
the card is pulled out at any command, and an earlier image of it is put back. At every instant the meter has
credited no more than was paid, every word on the card is the meter's, and whatever came with one statement
was obeyed with it. When nothing is torn any more, one pass at either end brings everything right.
"""

import contextlib

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.files.layout import ASKS, PROOFS, REPORTS, STATE, STATEMENTS
from emulator.firmware.events import CardAnswered, CardInserted, CardRemoved
from protocols.documents.bodies import HoldBody, PaymentBody
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS
from protocols.link.messages import is_authentic, read_report
from protocols.link.proofs import Proof
from tests.cardreader.tearing import PowerLost, TornMemory, Way
from tests.emulator.firmware.guarded.slot_bench import EURO, METER_KEY, SlotBench, new_card
from tests.emulator.firmware.guarded.workbench import Workbench, sign

# The card is made once: nothing that a test does to it changes these bytes.
CARD = new_card()
# About as many steps as a visit has; beyond that nothing is torn.
STEPS = st.one_of(st.integers(0, 4_000), st.integers(0, 400))
WAYS = st.sampled_from(list(Way))


class CardStory(RuleBasedStateMachine):
    """See the head of this module."""

    @initialize()
    def begin(self) -> None:
        self.slot = SlotBench(Workbench(load_w=0), CARD)
        self.bench = self.slot.bench
        self.start_ueur = self.bench.meter.purse.balance_ueur
        self.paid: list[int] = []
        # Of each payment the hold that was loaded with it, for the same commit.
        self.holds: list[bytes] = []
        self.statement = b""
        self.images = [CARD]
        # The statement and the up files that may lie on the card.
        self.statements = {b""}

    # -- what the office does ---------------------------------------------------------------------

    @rule(euro=st.integers(1, 250))
    def pay(self, euro: int) -> None:
        """The office books a payment, and declares a hold with it."""
        if len(self.paid) >= 6:
            return
        self.paid.append(euro * EURO)
        body = PaymentBody("controller", len(self.paid), sum(self.paid))
        self.statement = sign(self.bench.order(Kind.PAYMENT, "controller", body))
        self.statements.add(self.statement)
        until_ms = self.bench.now_ms + 400 * DAY_MS
        name = f"h{len(self.paid)}"
        self.holds.append(sign(self.bench.order(Kind.HOLD, name, HoldBody(self.bench.now_ms, until_ms))))

    @precondition(lambda self: self.paid)
    @rule(way=WAYS, steps=st.one_of(st.none(), STEPS))
    def kiosk(self, way: Way, steps: int | None) -> None:
        """A pass at the kiosk; the card may lose power after so many steps of writing."""
        memory = TornMemory(self.slot.card, way, steps)
        with contextlib.suppress(PowerLost):
            self.slot.load(self.statement, *self.holds, memory=memory)
        self.images.append(self.slot.card)

    # -- what happens at the meter ----------------------------------------------------------------

    @rule(way=WAYS, steps=st.one_of(st.none(), STEPS))
    def meter(self, way: Way, steps: int | None) -> None:
        """A pass at the meter; the card may lose power after so many steps of writing."""
        try:
            self.slot.visit(TornMemory(self.slot.card, way, steps))
        except PowerLost:
            self.slot.do(CardRemoved())
        self.images.append(self.slot.card)

    @rule(commands=st.integers(0, 60))
    def pulled(self, commands: int) -> None:
        """A pass at the meter in which the card is pulled out before a command."""
        self.slot.visit(pull_after=commands)

    @rule(commands=st.integers(0, 60))
    def pulled_after_it_was_done(self, commands: int) -> None:
        """The card has done the command, and the meter gets no answer."""
        memory = WholeMemory(self.slot.card)
        card, effects = SmartCard(memory), self.slot.do(CardInserted())
        for number in range(commands + 1):
            command = next((e.command for e in effects if hasattr(e, "command")), None)
            if command is None:
                break
            answer = card.process(command)
            effects = self.slot.do(CardAnswered(answer)) if number < commands else ()
        self.slot.do(CardRemoved())
        self.slot.card = bytes(memory.content)

    @rule(commands=st.integers(0, 60))
    def meter_loses_power(self, commands: int) -> None:
        """The meter loses power in the middle of a visit, and begins again from its image."""
        self.slot.visit(pull_after=commands)
        self.slot.lose_power()

    @rule(days=st.integers(0, 3))
    def wait(self, days: int) -> None:
        self.bench.wait(days * DAY_MS)

    # -- what somebody else does ------------------------------------------------------------------

    @rule(data=st.data())
    def put_an_earlier_image_back(self, data: st.DataObject) -> None:
        """A copy of the card, or the card of last week."""
        self.slot.card = data.draw(st.sampled_from(self.images))

    # -- what must hold ---------------------------------------------------------------------------

    @invariant()
    def no_cent_is_made(self) -> None:
        if not hasattr(self, "slot"):
            return
        memory = self.bench.meter.memory
        credited_ueur = memory.totals.credited_ueur
        assert credited_ueur in {sum(self.paid[:count]) for count in range(len(self.paid) + 1)}
        assert self.bench.meter.purse.balance_ueur == self.start_ueur + credited_ueur
        # The holds that were loaded with a statement were obeyed with it.
        count = next(n for n in range(len(self.paid) + 1) if sum(self.paid[:n]) == credited_ueur)
        assert {f"hold/h{n}" for n in range(1, count + 1)} <= set(memory.protections)

    @invariant()
    def the_card_says_what_the_meter_has_said(self) -> None:
        if not hasattr(self, "slot"):
            return
        kiosk = self.slot.kiosk()
        found = self.slot.contents()
        assert found.problems == ()
        assert kiosk.read(STATEMENTS[0]) in self.statements
        if not kiosk.read(STATE):
            assert not any(kiosk.read(each) for each in (REPORTS, ASKS, PROOFS))
            return
        assert found.state.proof(METER_KEY) is Proof.AUTHENTIC
        state = found.state.state
        assert state is not None
        # All four files are of one visit.
        reported, body, mac = read_report(found.reports.words[0])
        assert is_authentic(body, mac, METER_KEY)
        assert reported.number == state.number + 1
        total_ueur = sum(each.total_ueur for each in state.totals)
        assert total_ueur <= self.bench.meter.memory.totals.credited_ueur
        for word in found.proofs.words:
            receipt, body, mac = read_report(word)
            assert is_authentic(body, mac, METER_KEY)
            assert receipt.number <= state.journal

    def teardown(self) -> None:
        """Nothing is torn any more: all that was paid is credited, all protection is there, and proved."""
        if not hasattr(self, "slot") or not self.paid:
            return
        self.slot.load(self.statement, *self.holds)
        assert self.slot.visit()
        memory = self.bench.meter.memory
        assert memory.totals.credited_ueur == sum(self.paid)
        assert set(memory.protections) == {f"hold/h{n}" for n in range(1, len(self.holds) + 1)}
        state = self.slot.contents().state.state
        assert state is not None
        assert [each.total_ueur for each in state.totals] == [sum(self.paid)]
        proved = {each.object for each in self.slot.receipts() if each.verdict == "accepted"}
        assert proved == {"payment/controller"} | {f"hold/h{n}" for n in range(1, len(self.holds) + 1)}


TestCardStory = CardStory.TestCase
TestCardStory.settings = settings(max_examples=40, stateful_step_count=20)
