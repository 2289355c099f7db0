"""The reader's side: answers in parts, cards that go away, and what a session makes of them."""

import dataclasses
from collections.abc import Iterator

import pytest

from cardreader.card.card import SmartCard
from cardreader.channel.keys import generation_key, kiosk_keys
from cardreader.files.layout import ORDERS, STATEMENTS
from cardreader.host.dialogue import exchange, run
from cardreader.host.secure import KeysNotHeldError
from cardreader.host.session import HostSession, NotOurCardError
from cardreader.host.transport import InProcess
from cardreader.iso7816.apdu import CardGoneError, CommandApdu, ResponseApdu
from cardreader.iso7816.status import StatusError
from tests.cardreader.one_card import FLEET_KEY, GENERATION, KIOSK, SERIAL, challenge, issued, session

READ = CommandApdu(0, 0xB0, 0, 0, ne=256)


class Scripted:
    """A reader that answers as a list says."""

    def __init__(self, *answers: str) -> None:
        self._answers: Iterator[str] = iter(answers)
        self.sent = list[str]()

    def transmit(self, command: bytes) -> bytes:
        self.sent.append(command.hex())
        return bytes.fromhex(next(self._answers))


def test_an_answer_in_parts_is_fetched_whole() -> None:
    reader = Scripted("4161 02", "4242 6101", "43 9000")
    assert run(reader, exchange(READ)) == ResponseApdu(b"ABBC", 0x9000)
    assert reader.sent == ["00b0000000", "00c0000002", "00c0000001"]


def test_a_card_that_names_another_le_is_asked_again() -> None:
    reader = Scripted("6C 03", "414243 9000")
    assert run(reader, exchange(READ)) == ResponseApdu(b"ABC", 0x9000)
    assert reader.sent == ["00b0000000", "00b0000003"]


@pytest.mark.parametrize("answer", ["", "90"])
def test_a_short_answer_means_that_the_card_has_gone(answer: str) -> None:
    with pytest.raises(CardGoneError):
        run(Scripted(answer), exchange(READ))


def test_a_card_that_promises_more_without_end_gets_no_more() -> None:
    class Endless:
        def transmit(self, _command: bytes) -> bytes:
            return bytes(255) + b"\x61\xff"

    with pytest.raises(CardGoneError, match="no end"):
        run(Endless(), exchange(READ))


def test_a_file_that_is_longer_than_it_can_be_is_not_read() -> None:
    """A card that somebody has opened in a laboratory fills no meter's memory."""
    channel = InProcess(SmartCard(issued()))
    kiosk = session(channel)
    kiosk.write(ORDERS[0], bytes(ORDERS[0].bytes_max))
    assert len(kiosk.read(ORDERS[0])) == ORDERS[0].bytes_max
    with pytest.raises(StatusError, match="6700"):
        kiosk.read(dataclasses.replace(ORDERS[0], bytes_max=ORDERS[0].bytes_max - 1))


def test_a_card_that_was_pulled_out_answers_no_more() -> None:
    channel = InProcess(SmartCard(issued()))
    kiosk = session(channel)
    channel.remove()
    with pytest.raises(CardGoneError, match="removed"):
        kiosk.read(STATEMENTS[0])


def test_a_card_that_was_swapped_is_noticed_by_the_first_secure_answer() -> None:
    """The reader tells nothing: the handle simply speaks to the other card."""
    first, second = InProcess(SmartCard(issued())), InProcess(SmartCard(issued()))
    kiosk = session(first)
    first.transmit = second.transmit  # type: ignore[method-assign] # somebody has swapped the cards
    with pytest.raises(StatusError, match="6985"):
        kiosk.write(STATEMENTS[0], b"statement")


def test_an_answer_that_somebody_has_changed_is_not_believed() -> None:
    channel = InProcess(SmartCard(issued()))
    kiosk = session(channel)
    honest = channel.transmit
    channel.transmit = lambda command: honest(command)[:-2] + b"\x62\x82"  # type: ignore[method-assign] # a liar
    with pytest.raises(StatusError, match="6988"):
        kiosk.read(STATEMENTS[0])


def test_a_card_whose_greeting_has_another_length_is_none_of_ours() -> None:
    with pytest.raises(NotOurCardError, match="29 bytes where ours have 32"):
        HostSession.open(Scripted(29 * "00" + "9000"), KIOSK, challenge())


def test_a_card_of_another_generation_is_said_to_be_in_order() -> None:
    """At a kiosk that does not hold the key of its generation, or of none that the card holds any more."""
    memory = issued()
    before = bytes(memory.content)
    other = kiosk_keys(generation_key(FLEET_KEY, GENERATION + 1), GENERATION + 1, SERIAL)
    with pytest.raises(KeysNotHeldError, match=r"in order, but it has no keys of version 34.*\(6A88\)"):
        session(InProcess(SmartCard(memory)), other)
    # No try is used up.
    assert bytes(memory.content) == before


@pytest.mark.parametrize("length", [0, 1, 238, 239, 240, 255, 256, 478, 700, 2048])
def test_a_document_of_any_length_is_written_and_read_in_short_commands(length: int) -> None:
    channel = InProcess(SmartCard(issued()))
    longest = 0
    honest = channel.transmit

    def measured(command: bytes) -> bytes:
        nonlocal longest
        answer = honest(command)
        longest = max(longest, len(command), len(answer))
        return answer

    channel.transmit = measured  # type: ignore[method-assign] # listens
    kiosk = session(channel)
    content = bytes(each % 251 for each in range(length))
    kiosk.write(ORDERS[7], bytes(300))
    kiosk.write(ORDERS[7], content)
    assert kiosk.read(ORDERS[7]) == content
    # Header, Lc, 255 bytes, Le; an answer of 256 bytes and its status.
    assert longest <= 261
