"""Generations of the kiosks' card keys: begun, ended and stolen, while kiosks and cards are away.

Two kiosks and two cards. A kiosk hears of new keys late, twice or never; a card gets its letter at one kiosk,
and may be torn meanwhile; an earlier image of it comes back. Kiosks open every card, unless what it has was
ended; a thief opens none that has got its letter since; and in the end all have the newest.
"""

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import asdict

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import generation_key, issuer_keys, kiosk_keys
from cardreader.host.secure import KeysNotHeldError
from cardreader.host.session import HostSession, ask, put_letter, select_application
from cardreader.host.transport import InProcess
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.status import StatusError, StatusWord
from cardreader.issuing.kit import kiosk_letter
from cardreader.issuing.personalising import letters_held
from cardreader.kiosk.exchange import open_with_kiosk_keys
from cardreader.kiosk.home import KioskHome, cards_key_of, open_home, write_home
from cardreader.line.taking import take_home_part
from controller.kiosks.rules import CARD_GENERATIONS_MAX, CardGenerations, lacks_card_keys
from protocols.errors import RefusedError
from protocols.link.kiosk_words import KioskOrders, KioskStatus, wrap_cards_key
from tests.cardreader.kiosk.till_bench import home_of
from tests.cardreader.tearing import PowerLost, TornMemory, Way
from tests.emulator.firmware.guarded.slot_bench import FLEET_KEY, METER_KEY, challenge, new_card

SERIALS = [bytes([number]) * 8 for number in (1, 2)]
CARDS = [new_card(METER_KEY, serial=serial) for serial in SERIALS]
KIOSKS = ("k1", "k2")
FIRST = CardGenerations(1, 1, 0)
kiosks, cards = st.sampled_from([0, 1]), st.sampled_from([0, 1])


def orders_of(generations: CardGenerations, home: KioskHome) -> KioskOrders:
    """What the controller sends of card keys, as `answering` puts it."""
    sent = [
        wrap_cards_key(each, generation_key(FLEET_KEY, each), home.words_key) for each in generations.held
    ]
    return KioskOrders(
        kiosk=home.form.kiosk, cards=sent[-1], earlier=tuple(sent[:-1]), ended=generations.ended
    )


def letter_of(generations: CardGenerations, serial: bytes) -> bytes:
    letter = kiosk_letter(FLEET_KEY, serial, generations.letter, generations.newest, generations.shut)
    return letter.seal(issuer_keys(FLEET_KEY, serial).static.dek)


class CardKeysStory(RuleBasedStateMachine):
    """See the head of this module."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.generations, self.stolen = FIRST, set[int]()
        self.homes = [self._home(name) for name in KIOSKS]
        self.sent: list[list[KioskOrders]] = [[], []]
        self.cards = list(CARDS)
        # What each card has got, as generations; `images`: earlier ones with what they had.
        self.has = [FIRST, FIRST]
        self.images = [[(CARDS[each], FIRST)] for each in (0, 1)]

    def _home(self, name: str) -> KioskHome:
        home = home_of(name)
        keys = cards_key_of({1: generation_key(FLEET_KEY, 1)})
        made = replace(home, cards=keys)
        return write_home(made, Path(self.folder.name) / name)

    def _status(self, place: int) -> KioskStatus:
        held = self.homes[place].cards
        return KioskStatus(
            kiosk=KIOSKS[place], online=True, sequence=1, generation=held.generation, oldest=held.oldest
        )

    # -- what the office does -----------------------------------------------------------------------

    @rule()
    def rotate(self) -> None:
        with contextlib.suppress(RefusedError):
            self.generations = self.generations.rotated()

    @rule()
    def a_kiosk_was_stolen(self) -> None:
        """Another one, with the keys that all have now."""
        self.stolen |= set(self.generations.held)
        self.generations = self.generations.revoked()

    @rule()
    def end(self) -> None:
        if not any(lacks_card_keys(self._status(each), self.generations) for each in (0, 1)):
            self.generations = self.generations.only_newest()

    @rule(place=kiosks)
    def say(self, place: int) -> None:
        self.sent[place].append(orders_of(self.generations, self.homes[place]))

    @rule(place=kiosks, data=st.data())
    def hear(self, place: int, data: st.DataObject) -> None:
        """Whatever was said, in any order, and again."""
        if self.sent[place]:
            before = self.homes[place].cards
            self._hear(place, data.draw(st.sampled_from(self.sent[place])))
            assert self.homes[place].cards.generation >= before.generation
            assert self.homes[place].cards.oldest >= before.oldest, "what has ended comes back by no old word"

    def _hear(self, place: int, orders: KioskOrders) -> None:
        self.homes[place] = take_home_part(self.homes[place], orders)
        folder = self.homes[place].folder
        assert folder is not None
        assert open_home(folder).cards == self.homes[place].cards

    # -- cards ----------------------------------------------------------------------------------------

    @rule(card=cards, steps=st.one_of(st.none(), st.integers(0, 600)), way=st.sampled_from(list(Way)))
    def get_the_letter(self, card: int, steps: int | None, way: Way) -> None:
        """The kiosk that saw it last gives it; the card may be torn."""
        memory = TornMemory(self.cards[card], way, steps)
        with contextlib.suppress(PowerLost):
            channel = InProcess(SmartCard(memory))
            select_application(channel)
            put_letter(channel, letter_of(self.generations, SERIALS[card]))
        self.cards[card] = bytes(memory.content)
        if self._letters(card) == self.generations.letter:
            self.has[card] = self.generations
        self.images[card].append((self.cards[card], self.has[card]))

    def _letters(self, card: int) -> int:
        return letters_held(InProcess(SmartCard(WholeMemory(self.cards[card]))))

    @rule(card=cards, data=st.data())
    def an_earlier_image_comes_back(self, card: int, data: st.DataObject) -> None:
        self.cards[card], self.has[card] = data.draw(st.sampled_from(self.images[card]))

    # -- what must hold -----------------------------------------------------------------------------

    @invariant()
    def a_kiosk_opens_each_card_with_the_newest_key_that_both_have(self) -> None:
        if not hasattr(self, "homes"):
            return
        for home in self.homes:
            for place, image in enumerate(self.cards):
                mine = {each.generation for each in home.cards.all}
                opens = bool(mine & self._on(place))
                channel = InProcess(SmartCard(WholeMemory(image)))
                with contextlib.nullcontext() if opens else pytest.raises(KeysNotHeldError):
                    open_with_kiosk_keys(channel, home, challenge())

    @invariant()
    def a_thief_opens_no_card_that_has_got_its_letter_since(self) -> None:
        if not hasattr(self, "stolen"):
            return
        for place, image in enumerate(self.cards):
            if self.has[place].shut <= max(self.stolen, default=10**6):
                continue
            for stolen in self.stolen:
                channel = InProcess(SmartCard(WholeMemory(image)))
                select_application(channel)
                keys = kiosk_keys(generation_key(FLEET_KEY, stolen), stolen, SERIALS[place])
                with pytest.raises(KeysNotHeldError):
                    HostSession.open(channel, keys, challenge())

    def _on(self, place: int) -> set[int]:
        """The generations of kiosk's keys on a card, by their versions."""
        channel = InProcess(SmartCard(WholeMemory(self.cards[place])))
        select_application(channel)
        told = ask(channel, iso.DATA_TRIES)
        return {each - 0x30 for each in told[::2] if 0x30 <= each < 0x70}

    def teardown(self) -> None:
        """All hear the last word, all cards get their letters: each kiosk opens each card."""
        if not hasattr(self, "homes"):
            return
        for place in (0, 1):
            self._hear(place, orders_of(self.generations, self.homes[place]))
            held = self.homes[place].cards
            assert held.generation == self.generations.newest
            assert not lacks_card_keys(self._status(place), self.generations)
            self.get_the_letter(place, None, Way.KEPT)
            assert self.has[place] == self.generations
        for place in (0, 1):
            assert self.generations.newest in self._on(place)
            assert min(self._on(place)) >= self.generations.shut
        self.a_kiosk_opens_each_card_with_the_newest_key_that_both_have()
        self.folder.cleanup()


TestCardKeysStory = CardKeysStory.TestCase
TestCardKeysStory.settings = settings(max_examples=12, stateful_step_count=16, deadline=None)


def test_a_card_as_it_was_issued_takes_the_letter_of_the_first_revocation() -> None:
    """Its own two letters have the numbers 1 and 2: that of generation 2 must be above them."""
    channel = InProcess(SmartCard(WholeMemory(CARDS[0])))
    select_application(channel)
    put_letter(channel, letter_of(FIRST.revoked(), SERIALS[0]))
    old = kiosk_keys(generation_key(FLEET_KEY, 1), 1, SERIALS[0])
    new = kiosk_keys(generation_key(FLEET_KEY, 2), 2, SERIALS[0])
    with pytest.raises(KeysNotHeldError):
        HostSession.open(channel, old, challenge())
    HostSession.open(channel, new, challenge())


def test_a_ledger_of_generations() -> None:
    now, seen = FIRST, [FIRST.letter]
    for step, expected, held in (
        (CardGenerations.rotated, (2, 1, 0), [1, 2]),
        (CardGenerations.rotated, (3, 1, 0), [1, 2, 3]),
        (CardGenerations.revoked, (4, 4, 0), [2, 3, 4]),
        (CardGenerations.only_newest, (4, 4, 4), [4]),
        (CardGenerations.rotated, (5, 4, 4), [4, 5]),
        (CardGenerations.only_newest, (5, 5, 5), [5]),
    ):
        now = step(now)
        assert tuple(now) == expected
        assert list(now.held) == held
        seen.append(now.letter)
    assert seen == sorted(seen), "after a revocation the letter shuts out already"
    assert min(seen) > 1_000, "above what an issuer counts"
    with pytest.raises(RefusedError, match="generations 1 to 3 count"):
        FIRST.rotated().rotated().rotated()
    last = CardGenerations(CARD_GENERATIONS_MAX, CARD_GENERATIONS_MAX, CARD_GENERATIONS_MAX)
    assert last.letter < 2**32
    with pytest.raises(RefusedError, match="at most 65535"):
        last.rotated()


def test_a_kiosk_of_before_that_names_no_oldest_generation_lacks_only_newer_ones() -> None:
    ended = CardGenerations(4, 4, 4)
    said = KioskStatus(kiosk="k1", online=True, sequence=1, generation=4)
    assert not lacks_card_keys(said, ended)
    assert lacks_card_keys(KioskStatus(**{**asdict(said), "generation": 3}), ended)
    assert lacks_card_keys(KioskStatus(**{**asdict(said), "oldest": 3}), ended)


def test_an_old_letter_is_refused_by_a_card_that_has_a_newer_one() -> None:
    channel = InProcess(SmartCard(WholeMemory(CARDS[0])))
    select_application(channel)
    put_letter(channel, letter_of(FIRST.rotated().only_newest(), SERIALS[0]))
    for old in (FIRST.rotated(), FIRST.revoked()._replace(shut=1)):
        with pytest.raises(StatusError) as refused:
            put_letter(channel, letter_of(old, SERIALS[0]))
        assert refused.value.status == StatusWord.CONDITIONS


def test_a_kiosk_forgets_what_has_ended_and_no_word_that_comes_late_brings_it_back(tmp_path: Path) -> None:
    first = cards_key_of({1: generation_key(FLEET_KEY, 1)})
    home = write_home(replace(home_of("k1"), cards=first), tmp_path / "k1")
    rotated, ended = FIRST.rotated(), FIRST.rotated().only_newest()
    for generations, held in ((rotated, [2, 1]), (ended, [2]), (rotated, [2]), (FIRST, [2]), (ended, [2])):
        home = take_home_part(home, orders_of(generations, home))
        assert [each.generation for each in home.cards.all] == held
        assert open_home(tmp_path / "k1").cards == home.cards
