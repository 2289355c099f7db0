"""New keys for a meter that only its card reaches, with everything that can go wrong on the way.

Any number of rotations of the fleet's key and of the meter's; kiosk and meter lose power at any byte, the
card is pulled out, an earlier image of it comes back; what a kiosk has heard comes late, twice, or never; the
office's store is put back to an earlier copy. Whoever the office hears was the meter, under a key that it
had; and one pass at either end, with nothing torn, ends with the last key that was ordered.
"""

import contextlib
import copy
from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from cardreader.loading.loads import by_importance
from controller.exchange.card_words import CardWords, hear_card
from controller.exchange.key_book import KeyBook, ProvenKey
from controller.rekeying.acts import Generation, halves_of
from emulator.firmware.events import CardRemoved
from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.meter import GuardedMeter
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope
from protocols.link.keys import meter_key
from protocols.link.kiosk_words import read_card_heard, write_card_heard
from tests.cardreader.tearing import PowerLost, TornMemory, Way
from tests.emulator.firmware.guarded.slot_bench import SERIAL, SlotBench, new_card
from tests.emulator.firmware.guarded.workbench import ROOT, Workbench, sign

SECRETS = {number: sha256(f"fleet {number}".encode()).digest() for number in range(1, 9)}
FIRST = meter_key(SECRETS[1], "m1")
CARD = new_card(FIRST)
# A meter vouches with eight keys at most, the first one among them.
ORDERS_MAX = 6
STEPS = st.one_of(st.none(), st.integers(0, 4_000), st.integers(0, 400))
WAYS = st.sampled_from(list(Way))


class KeysStory(RuleBasedStateMachine):
    """See the head of this module."""

    @initialize()
    def begin(self) -> None:
        bench, self.draws = Workbench(load_w=0), 0
        bench.meter.identity = Identity("m1", frozenset({"north"}), FIRST)
        self.slot = SlotBench(bench, CARD)
        self.slot.chance = iter(self._draw, None)
        self.book = KeyBook(SECRETS)
        self.generation = 1
        # The orders in force: one for the fleet, one for the meter.
        self.orders: dict[str, bytes] = {}
        self.ordered = 0
        self.images, self.heard = [CARD], list[bytes]()
        self.books = [self.book]
        # All keys of the meter, the first one first.
        self.had = [FIRST]

    def _draw(self) -> bytes:
        self.draws += 1
        return sha256(f"drawn {self.draws}".encode()).digest()

    def _order(self, name: str, scope: Scope) -> None:
        if self.ordered < ORDERS_MAX:
            self.ordered += 1
            body = halves_of(Generation(self.generation, SECRETS[self.generation]))
            order = self.slot.bench.order(Kind.KEYS, name, body)
            self.orders[name] = sign(replace(order, scope=scope))

    # -- the office and its kiosk -----------------------------------------------------------------

    @rule()
    def rotate_the_fleet(self) -> None:
        if self.ordered < ORDERS_MAX:
            self.generation += 1
        self._order("fleet", Scope(fleet=True))

    @rule()
    def rotate_the_meter(self) -> None:
        self._order("m1", Scope(meters=("m1",)))

    @rule(way=WAYS, steps=STEPS)
    def at_kiosk(self, way: Way, steps: int | None) -> None:
        """The kiosk reads the card and loads it; what it has read waits to be sent."""
        found = self.slot.contents()
        words = found.reports.words, found.proofs.words
        self.heard.append(write_card_heard(SERIAL.hex(), "m1", found.state.word, *words))
        with contextlib.suppress(PowerLost):
            wanted = by_importance([*self.orders.values()])
            self.slot.load(*wanted, memory=TornMemory(self.slot.card, way, steps))
        self.images.append(self.slot.card)

    @rule(data=st.data())
    def the_office_hears(self, data: st.DataObject) -> None:
        """What a kiosk has read, in any order, and again."""
        if self.heard:
            self._hear(data.draw(st.sampled_from(self.heard)))
            self.books.append(copy.deepcopy(self.book))

    def _hear(self, body: bytes) -> bool:
        before = self._place()
        is_heard = isinstance(hear_card(read_card_heard(body), self.book), CardWords)
        assert self._place() >= before, "a word that comes late brings no earlier key back"
        return is_heard

    def _place(self) -> int:
        key = self.book.meter_key("m1")
        assert key is not None
        return self.had.index(key)

    def _note(self) -> None:
        key = self.slot.bench.meter.identity.key
        if self.had[-1] != key:
            self.had.append(key)

    @rule(data=st.data())
    def the_store_is_put_back(self, data: st.DataObject) -> None:
        self.book = copy.deepcopy(data.draw(st.sampled_from(self.books)))

    # -- the meter ----------------------------------------------------------------------------------

    @rule(way=WAYS, steps=STEPS)
    def at_meter(self, way: Way, steps: int | None) -> None:
        try:
            self.slot.visit(TornMemory(self.slot.card, way, steps))
        except PowerLost:
            self.slot.do(CardRemoved())
        self.images.append(self.slot.card)
        self._note()

    @rule(commands=st.integers(0, 60))
    def pulled_and_power_cut(self, commands: int) -> None:
        """The card is pulled out, and the meter begins again from its image."""
        self.slot.visit(pull_after=commands)
        if self.slot.head is not None:
            old = self.slot.bench.meter
            self.slot.bench.meter = GuardedMeter.restore(
                old.identity, old.profile, ROOT, self.slot.image, load_w=0, head=self.slot.head
            )
        self._note()

    @rule(data=st.data())
    def an_earlier_image_comes_back(self, data: st.DataObject) -> None:
        self.slot.card = data.draw(st.sampled_from(self.images))

    # -- what must hold -----------------------------------------------------------------------------

    @invariant()
    def the_office_believes_in_no_key_that_the_meter_never_had(self) -> None:
        if hasattr(self, "slot"):
            assert self.book.meter_key("m1") in self.had

    @invariant()
    def a_key_from_before_says_nothing_any_more(self) -> None:
        """Once a key is proved it counts alone."""
        if hasattr(self, "slot") and self.book.meter_key("m1") != FIRST:
            assert set(self.book.keys_of("m1")) == {self.book.meter_key("m1")}

    def teardown(self) -> None:
        """Two passes at the kiosk with one at the meter between them: the last key is drawn, and proved."""
        if not hasattr(self, "slot"):
            return
        self.slot.load(*self.orders.values())
        assert self.slot.visit()
        self._note()
        found = self.slot.contents()
        words = found.reports.words, found.proofs.words
        assert self._hear(write_card_heard(SERIAL.hex(), "m1", found.state.word, *words))
        assert self.book.meter_key("m1") == self.slot.bench.meter.identity.key
        keys = self.slot.bench.meter.memory.keys
        assert (keys is None) == (not self.orders)
        if keys is not None:
            proven = self.book.unstored.get("meter/m1", self.book._proven.get("meter/m1"))
            assert proven == ProvenKey(self.generation, keys.public)


@pytest.mark.parametrize("rotate", [KeysStory.rotate_the_fleet, KeysStory.rotate_the_meter])
def test_a_word_under_an_earlier_key_that_comes_late_brings_that_key_not_back(
    rotate: Callable[[KeysStory], None],
) -> None:
    story = KeysStory()
    story.begin()
    for _ in range(3):
        rotate(story)
        story.at_kiosk(Way.KEPT, None)
        story.at_meter(Way.KEPT, None)
    story.at_kiosk(Way.KEPT, None)
    *earlier, last = story.heard
    assert story._hear(last)
    assert all(not story._hear(each) for each in earlier)
    assert story.book.meter_key("m1") == story.slot.bench.meter.identity.key


TestKeysStory = KeysStory.TestCase
TestKeysStory.settings = settings(max_examples=20, stateful_step_count=16, deadline=None)
