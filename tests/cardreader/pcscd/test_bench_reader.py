"""The bench of a QA engineer reads a meter's card in a real reader, and keeps a trace of every command."""

import pytest

from cardreader.card.card import SmartCard
from cardreader.issuing.practice import practice_key
from hil.capabilities import BenchError
from hil.drivers.card_reader import OfficeReader
from tests.cardreader.one_card import FLEET_KEY, issued
from tests.cardreader.pcscd.private_pcscd import PrivatePcscd


def test_a_card_in_a_reader_is_read_and_one_of_another_office_is_not(pcscd: PrivatePcscd) -> None:
    pcscd.insert("Kiosk", SmartCard(issued()))
    reader = OfficeReader("kiosk", FLEET_KEY, lambda _sentence: None)
    assert reader.read() is None, "no meter has read it yet"
    assert reader.log.text().startswith("> 00 A4 04 0C 09 F0 42 55 44 47 45 54 00 01\n< 90 00\n")
    with pytest.raises(BenchError, match=r"reader kiosk: the meter's card expected; "):
        OfficeReader("kiosk", practice_key("another"), lambda _sentence: None).read()
    pcscd.pull("Kiosk")
    with pytest.raises(BenchError, match=r"reader kiosk: the meter's card expected; "):
        reader.read()
