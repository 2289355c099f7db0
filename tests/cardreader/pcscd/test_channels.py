"""One card, four ways to it: in process, in a file, in a real pcscd by T=1 and by T=0. They are alike."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cardreader.card.card import ATR, SmartCard
from cardreader.card.store import WholeMemory
from cardreader.files.layout import LOG, ORDERS, STATEMENTS
from cardreader.files.visits import Visit
from cardreader.host.session import ask
from cardreader.host.transport import CardChannel, InProcess
from cardreader.iso7816 import instructions as iso
from cardreader.loading.contents import read_contents
from cardreader.readers.opening import open_card
from cardreader.readers.virtual import VirtualCard
from protocols.errors import InputError
from tests.cardreader.one_card import METER, METER_KEYS, SERIAL, issued, session
from tests.cardreader.pcscd.acting_cards import T0_ATR, T0Card
from tests.cardreader.pcscd.private_pcscd import PrivatePcscd

Put = Callable[[WholeMemory], CardChannel]


@pytest.fixture(params=["process", "file", "pcsc T=1", "pcsc T=0"])
def put(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Put]:
    """Puts a card of this memory into a reader."""
    with ExitStack() as stack:

        def in_file(memory: WholeMemory) -> CardChannel:
            VirtualCard.create(tmp_path / "card.bin", memory)
            return stack.enter_context(open_card(f"virtual:{tmp_path / 'card.bin'}"))

        def in_reader(memory: WholeMemory) -> CardChannel:
            daemon: PrivatePcscd = request.getfixturevalue("pcscd")
            card = SmartCard(memory)
            daemon.insert("Kiosk", T0Card(card) if request.param.endswith("0") else card)
            return stack.enter_context(open_card("kiosk"))

        ways: dict[str, Put] = {"process": lambda memory: InProcess(SmartCard(memory)), "file": in_file}
        yield ways.get(request.param, in_reader)


def test_a_household_is_served(put: Put) -> None:
    channel = put(issued())
    kiosk = session(channel)
    assert ask(channel, iso.DATA_SERIAL) == SERIAL
    kiosk = session(channel)
    kiosk.write(STATEMENTS[0], b"statement" * 60)
    kiosk.commit()
    meter = session(channel, METER_KEYS)
    assert meter.read(STATEMENTS[0]) == b"statement" * 60
    assert [Visit.decode(each).station for each in meter.records(LOG)] == ["office-1"]
    pairing = read_contents(session(channel)).pairing
    assert pairing is not None
    assert pairing.meter == METER


@pytest.mark.parametrize("length", [0, 1, 197, 198, 199, 238, 239, 240, 255, 256, 478, 2048])
def test_a_document_of_any_length_goes_there_and_back(put: Put, length: int) -> None:
    kiosk = session(put(issued()))
    content = bytes(each % 251 for each in range(length))
    kiosk.write(ORDERS[7], bytes(300))
    kiosk.write(ORDERS[7], content)
    assert kiosk.read(ORDERS[7]) == content


def test_what_was_not_committed_is_gone_with_the_power(put: Put) -> None:
    memory = issued()
    channel = put(memory)
    session(channel).write(STATEMENTS[0], b"never committed")
    assert session(channel).read(STATEMENTS[0]) == b""


def test_by_t0_long_answers_come_in_parts_and_another_le_is_named(pcscd: PrivatePcscd) -> None:
    card = T0Card(SmartCard(issued()), part_bytes=100)
    pcscd.insert("Kiosk", card)
    with open_card("any") as channel:
        assert channel.reset() == T0_ATR
        kiosk = session(channel)
        kiosk.write(STATEMENTS[0], bytes(230))
        assert kiosk.read(STATEMENTS[0]) == bytes(230)
        assert ask(channel, iso.DATA_SERIAL) == SERIAL
    asked = [each.hex() for each in card.commands]
    assert "00c0000064" in asked  # GET RESPONSE for 100 bytes
    assert asked[-2:] == ["00ca005a00", "00ca005a08"]  # GET DATA again, with the Le that was named


def test_by_t1_a_long_command_and_its_answer_are_carried_whole(pcscd: PrivatePcscd) -> None:
    pcscd.insert("Kiosk", SmartCard(issued()))
    with open_card("any") as channel:
        assert channel.reset() == ATR
        # READ BINARY of EF.CARD in the extended form, and a command of the most bytes that there are.
        assert channel.transmit(bytes.fromhex("00A4040C09F04255444745540001")) == b"\x90\x00"
        assert channel.transmit(bytes.fromhex("00B08100000000"))[-2:] == b"\x90\x00"
        assert channel.transmit(bytes.fromhex("00D6830000FFFF") + bytes(65_535))[-2:] == b"\x69\x82"


def test_by_t0_a_long_command_is_refused_before_it_is_sent(pcscd: PrivatePcscd) -> None:
    card = T0Card(SmartCard(issued()))
    pcscd.insert("Kiosk", card)
    with open_card("any") as channel, pytest.raises(InputError, match="speaks T=0 alone"):
        channel.transmit(bytes.fromhex("00B08100000000"))
    assert card.commands == []
