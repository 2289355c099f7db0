"""A card in a slot: how long a block takes, and what somebody who pulls the card out leaves behind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.iso7816.apdu import CardGoneError
from emulator.firmware.events import CardAnswered, CardInserted, CardRemoved
from emulator.world.card_contact import CHIP_MS, CardContact, line_ms
from protocols.instants import UtcMs

AT_MS = UtcMs(1_593_720_060_000)
COMMAND = bytes(96)


def due_ms(contact: CardContact) -> UtcMs | None:
    """A call: mypy would believe that a property which was None once stays None."""
    return contact.due_ms


class Chip:
    """A card that answers two bytes, and remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def transmit(self, command: bytes) -> bytes:
        self.heard.append(command)
        return b"\x90\x00"


@pytest.mark.parametrize(("block_bytes", "ms"), [(0, 5), (4, 10), (96, 125), (261, 332)])
def test_a_block_takes_twelve_bits_a_character_at_9600_bits_a_second(block_bytes: int, ms: int) -> None:
    assert line_ms(bytes(block_bytes)) == ms


def test_an_answer_comes_when_line_and_chip_are_ready() -> None:
    chip = Chip()
    contact = CardContact(chip)
    assert contact.begin() == (CardInserted(),)
    assert due_ms(contact) is None
    contact.send(COMMAND, AT_MS)
    assert due_ms(contact) == AT_MS + 125 + CHIP_MS + line_ms(b"\x90\x00")
    assert contact.happen() == (CardAnswered(b"\x90\x00"),)
    assert due_ms(contact) is None


@given(pull_after_ms=st.integers(0, 200))
def test_a_card_that_is_pulled_out_has_heard_the_command_whole_or_not_at_all(pull_after_ms: int) -> None:
    chip = Chip()
    contact = CardContact(chip, UtcMs(AT_MS + pull_after_ms))
    contact.send(COMMAND, AT_MS)
    answered_after_ms = 125 + CHIP_MS + line_ms(b"\x90\x00")
    assert chip.heard == ([COMMAND] if pull_after_ms >= 125 else [])
    assert due_ms(contact) == AT_MS + min(pull_after_ms, answered_after_ms)
    if pull_after_ms >= answered_after_ms:
        assert contact.happen() == (CardAnswered(b"\x90\x00"),)
    assert contact.happen() == (CardRemoved(),)
    # It is gone: nothing is due any more, and nobody hears a command.
    heard = len(chip.heard)
    contact.send(COMMAND, UtcMs(AT_MS + 1_000))
    assert (due_ms(contact), contact.out(), len(chip.heard)) == (None, (), heard)


def test_a_reader_that_has_lost_the_card_answers_nothing() -> None:
    class Gone:
        def transmit(self, command: bytes) -> bytes:
            raise CardGoneError(f"gone at {command.hex()}")

    contact = CardContact(Gone())
    contact.send(COMMAND, AT_MS)
    assert contact.happen() == (CardAnswered(b""),)
