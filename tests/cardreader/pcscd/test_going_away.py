"""Cards, readers and the service go away in the middle of everything: no false answer, and it comes right."""

import pytest

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.files.layout import STATEMENTS
from cardreader.iso7816.apdu import CardGoneError
from cardreader.iso7816.status import StatusError
from cardreader.readers.opening import open_card
from protocols.errors import InputError, UnreachableError
from tests.cardreader.one_card import issued, session
from tests.cardreader.pcscd.acting_cards import HangingCard, PulledCard, TornCard
from tests.cardreader.pcscd.private_pcscd import PrivatePcscd
from tests.cardreader.story import Story
from tests.cardreader.tearing import TornMemory, Way
from tests.cardreader.test_tears import PHASES, WAYS, before

SELECT = bytes.fromhex("00A4040C09F04255444745540001")
# Of each phase and way, so many places are tried; all are in `test_tears.py`, in process.
PLACES = 5


def torn(daemon: PrivatePcscd, story: Story, phase: str, memory: TornMemory) -> None:
    """A phase by the real service, with a memory that may lose power."""
    story.channel_on(memory)
    daemon.insert("Kiosk", TornCard(memory))
    with open_card("Kiosk") as channel:
        PHASES[phase](story, channel)


@pytest.mark.parametrize("way", WAYS, ids=lambda each: f"{each[0].value}-{each[1]:02x}")
@pytest.mark.parametrize("phase", PHASES)
def test_power_lost_in_a_real_reader(phase: str, way: tuple[Way, int], pcscd: PrivatePcscd) -> None:
    first = before(phase)
    whole = TornMemory(first.content, way[0])
    PHASES[phase](first.copy(), first.copy().channel_on(whole))
    lost = 0
    for steps in range(WAYS.index(way), whole.count, whole.count // PLACES):
        story = first.copy()
        try:
            torn(pcscd, story, phase, TornMemory(story.content, way[0], steps, way[1]))
        except CardGoneError:
            lost += 1
        story.keep()
        story.check()
        story.keep()
        story.finish()
    assert lost >= PLACES


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_card_pulled_out_at_each_command_of_a_payment(after: bool, pcscd: PrivatePcscd) -> None:
    first, commands = before("kiosk"), 0
    while True:
        story = first.copy()
        memory = WholeMemory(story.content)
        story.channel_on(memory)
        card = PulledCard(memory)
        card.left, card.after = commands, after
        pcscd.insert("Kiosk", card)
        try:
            with open_card("Kiosk") as channel:
                story.at_kiosk(channel)
        except CardGoneError as error:
            assert "what the card did last is not known" in str(error)  # noqa: PT017 # it may also succeed
        else:
            break
        story.keep()
        story.check()
        story.keep()
        story.finish()
        commands += 1
    assert commands > 5


def test_a_card_that_never_answers_is_given_up(pcscd: PrivatePcscd) -> None:
    card = HangingCard(issued())
    pcscd.insert("Kiosk", card)
    try:
        with open_card("any") as channel, pytest.raises(CardGoneError, match="what the card did last"):
            channel.transmit(SELECT)
    finally:
        card.released.set()
    assert "the card does not answer" in pcscd.log()


def test_a_swapped_card_ends_the_connection_even_if_it_says_the_same(pcscd: PrivatePcscd) -> None:
    pcscd.insert("Kiosk", SmartCard(issued()))
    with open_card("any") as channel:
        kiosk = session(channel)
        pcscd.insert("Kiosk", SmartCard(issued()))
        with pytest.raises(CardGoneError, match="put one in"):
            kiosk.read(STATEMENTS[0])
    with open_card("any") as channel:
        assert session(channel).read(STATEMENTS[0]) == b""


def test_a_swap_that_the_reader_has_not_seen_is_seen_by_the_session(pcscd: PrivatePcscd) -> None:
    """Some drivers look only now and then: the connection simply speaks to the other card."""
    pcscd.insert("Kiosk", SmartCard(issued()))
    with open_card("any") as channel:
        kiosk = session(channel)
        pcscd.slots["Kiosk"].card = SmartCard(issued())
        with pytest.raises(StatusError, match="6985"):
            kiosk.write(STATEMENTS[0], b"statement")


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "stopped"])
def test_the_service_is_restarted_and_the_same_command_makes_it_good(
    is_killed: bool, pcscd: PrivatePcscd
) -> None:
    memory = issued()
    pcscd.insert("Kiosk", SmartCard(memory))
    with open_card("any") as channel:
        kiosk = session(channel)
        kiosk.write(STATEMENTS[0], b"statement")
        if is_killed:
            pcscd.kill()
        else:
            assert pcscd.stop() == 0
        with pytest.raises(CardGoneError, match=r"start pcscd, then try again.*is not known"):
            kiosk.commit()
        with pytest.raises(CardGoneError):
            channel.reset()
    with pytest.raises(UnreachableError, match="start pcscd"), open_card("any"):
        pass
    pcscd.start()
    pcscd.insert("Kiosk", SmartCard(memory))
    with open_card("any") as channel:
        again = session(channel)
        assert again.read(STATEMENTS[0]) == b""
        again.write(STATEMENTS[0], b"statement")
        again.commit()
        assert again.read(STATEMENTS[0]) == b"statement"


def test_a_reader_that_is_unplugged_is_not_found_again(pcscd: PrivatePcscd) -> None:
    pcscd.kill()
    pcscd.start(["Office"])
    with pytest.raises(InputError, match='"Kiosk"; allowed: virtual:FILE, any, or a reader: "Office 00 00"'):
        open_card("Kiosk").__enter__()
    pcscd.kill()
    pcscd.start([])
    with pytest.raises(UnreachableError, match="no card reader is plugged in: plug one in"):
        open_card("any").__enter__()
    pcscd.kill()


def test_two_cards_in_two_readers_are_told_apart(pcscd: PrivatePcscd) -> None:
    with pytest.raises(UnreachableError, match='no card in "Kiosk 00 00" or "Office 01 00": put one in'):
        open_card("any").__enter__()
    with pytest.raises(UnreachableError, match="Kiosk 00 00: there is no card in it: put one in"):
        open_card("Kiosk").__enter__()
    here, there = issued(), issued()
    pcscd.insert("Kiosk", SmartCard(here))
    pcscd.insert("Office", SmartCard(there))
    with pytest.raises(UnreachableError, match='cards in "Kiosk 00 00" and "Office 01 00": take one out'):
        open_card("any").__enter__()
    with open_card("Office") as office, open_card("Kiosk") as kiosk:
        both = session(office), session(kiosk)
        both[0].write(STATEMENTS[0], b"office")
        both[0].commit()
        assert both[1].read(STATEMENTS[0]) == b""
        assert both[0].read(STATEMENTS[0]) == b"office"


def test_a_card_is_used_by_one_program_at_a_time_and_free_again_afterwards(pcscd: PrivatePcscd) -> None:
    pcscd.insert("Kiosk", SmartCard(issued()))
    with open_card("any") as channel:
        with pytest.raises(UnreachableError, match="another program uses this card: end it, then try again"):
            open_card("any").__enter__()
        assert channel.transmit(SELECT) == b"\x90\x00"
    with open_card("any") as channel:
        # It had no power in between: nothing is selected.
        assert channel.transmit(bytes.fromhex("00B0000000")) == b"\x69\x86"
