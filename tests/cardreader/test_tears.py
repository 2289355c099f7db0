"""Power lost at any byte of the card, in any way, in any phase of a payment: no cent is lost or made.

`make test` tries each sixteenth step, another sixteenth for each way; `make tear` tries every one.
"""

import contextlib
import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.files.identity import CardState, Pairing
from cardreader.files.layout import LOG, PAIRING
from cardreader.host.transport import CardChannel, InProcess
from cardreader.iso7816.apdu import CardGoneError
from cardreader.issuing.personalising import letters_held, personalise
from tests.cardreader.one_card import (
    ISSUER,
    KIOSK,
    METER,
    METER_KEYS,
    NOW_MS,
    WANTED,
    blank,
    challenge,
    kit_of,
    session,
)
from tests.cardreader.story import Story, begun
from tests.cardreader.tearing import PowerLost, TornMemory, Way

EVERY = int(os.environ.get("RELANCE_TEAR_EVERY", "16"))

Phase = Callable[[Story, CardChannel], None]
PHASES: dict[str, Phase] = {"kiosk": Story.at_kiosk, "meter": Story.at_meter, "read back": Story.at_kiosk}
# Ways to lose power, each with the value of a byte that was being written.
WAYS = [
    (Way.KEPT, 0x00),
    (Way.GARBAGE, 0x00),
    (Way.GARBAGE, 0x5A),
    (Way.GARBAGE, 0xFF),
    (Way.ERASED, 0x00),
    (Way.CLEARED, 0x00),
]


def before(phase: str) -> Story:
    """A household that pays its second time, up to this phase."""
    story = begun()
    story.pay(30)
    for name, step in PHASES.items():
        if name == phase:
            return story
        step(story, story.channel())
        story.keep()
    raise AssertionError(phase)


def tear(story: Story, phase: Phase, way: Way, garbage: int, steps: int) -> bool:
    """The phase with power lost after so many steps. Whether it was lost: the phase may have ended before."""
    memory = TornMemory(story.content, way, steps, garbage)
    try:
        phase(story, story.channel_on(memory))
    except PowerLost:
        lost = True
    else:
        lost = False
    story.keep()
    return lost


@pytest.mark.parametrize("way", WAYS, ids=lambda each: f"{each[0].value}-{each[1]:02x}")
@pytest.mark.parametrize("phase", PHASES)
def test_power_lost_at_each_step_of_each_phase(phase: str, way: tuple[Way, int]) -> None:
    first, act = before(phase), PHASES[phase]
    whole = TornMemory(first.content, way[0])
    act(first.copy(), first.copy().channel_on(whole))
    assert whole.count > 400
    torn = 0
    for steps in range(WAYS.index(way) % EVERY, whole.count, EVERY):
        story = first.copy()
        torn += tear(story, act, *way, steps)
        story.check()
        story.keep()
        story.finish()
    assert torn > 0


def virgin() -> bytes:
    memory = WholeMemory()
    blank(memory)
    return bytes(memory.content)


def issue(memory: WholeMemory) -> bool:
    """As the office does it: the kit begins above the letters that the card has taken."""
    held = letters_held(InProcess(SmartCard(memory)))
    kit = kit_of(letters_held=held)
    return personalise(InProcess(SmartCard(memory)), kit, challenge(), "office-1", NOW_MS)


@pytest.mark.parametrize("way", WAYS, ids=lambda each: f"{each[0].value}-{each[1]:02x}")
def test_power_lost_at_each_step_of_issuing(way: tuple[Way, int]) -> None:
    paired = Pairing(CardState.PAIRED, 1, METER, WANTED.reference)
    whole = TornMemory(virgin(), way[0])
    issue(whole)
    for steps in range(WAYS.index(way) % EVERY, whole.count, EVERY):
        torn = TornMemory(virgin(), way[0], steps, way[1])
        # The last step may write what stood there before.
        with contextlib.suppress(PowerLost):
            issue(torn)
        memory = WholeMemory(bytes(torn.content))
        found = Pairing.decode(session(InProcess(SmartCard(memory)), ISSUER).read(PAIRING))
        assert found in (Pairing(CardState.VIRGIN), paired)
        assert issue(memory) == (found != paired)
        opened = session(InProcess(SmartCard(memory)), METER_KEYS)
        assert Pairing.decode(opened.read(PAIRING)) == paired
        assert session(InProcess(SmartCard(memory)), KIOSK).records(LOG) == opened.records(LOG)


class Pulled(InProcess):
    """A card that is pulled out of the reader at one command: before it, or after the card has done it."""

    def __init__(self, inner: InProcess, commands: int, *, after: bool) -> None:
        self._inner, self._left, self._after = inner, commands, after

    def transmit(self, command: bytes) -> bytes:
        if self._left == 0:
            if self._after:
                self._inner.transmit(command)
            raise CardGoneError("card: it was removed")
        self._left -= 1
        return self._inner.transmit(command)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_card_pulled_out_at_both_edges_of_every_command(phase: str, after: bool) -> None:
    first, act = before(phase), PHASES[phase]
    commands = 0
    while True:
        story = first.copy()
        try:
            act(story, Pulled(story.channel(), commands, after=after))
        except CardGoneError:
            pulled = True
        else:
            pulled = False
        story.keep()
        story.check()
        story.keep()
        story.finish()
        if not pulled:
            break
        commands += 1
    assert commands > 5


TEARS = st.lists(
    st.tuples(st.sampled_from(list(PHASES)), st.sampled_from(WAYS), st.integers(0, 4000)), max_size=12
)


@given(tears=TEARS, payments=st.lists(st.integers(1, 250), min_size=1, max_size=3))
def test_any_schedule_of_many_tears_comes_right_in_the_end(
    tears: list[tuple[str, tuple[Way, int], int]], payments: list[int]
) -> None:
    story = begun()
    for number, (phase, way, steps) in enumerate(tears):
        if number < len(payments):
            story.pay(payments[number])
        tear(story, PHASES[phase], *way, steps)
        story.check()
        story.keep()
    story.finish()


@given(payments=st.lists(st.integers(1, 250), min_size=1, max_size=4), data=st.data())
def test_a_copy_of_an_earlier_card_gains_nothing(payments: list[int], data: st.DataObject) -> None:
    """Somebody keeps every image of the card and puts any of them back, as often as wanted."""
    story = begun()
    images = [story.content]
    for payment in payments:
        story.pay(payment)
        story.content = data.draw(st.sampled_from(images))
        for step in data.draw(st.lists(st.sampled_from(list(PHASES.values())), max_size=3)):
            step(story, story.channel())
            story.keep()
            images.append(story.content)
            story.check()
            story.keep()
    story.content = data.draw(st.sampled_from(images))
    story.finish()
