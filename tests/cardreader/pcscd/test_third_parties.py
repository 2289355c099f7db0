"""Programs that we did not write use our card in a real pcscd: OpenSC's, and yubikit as a host of SCP03."""

import subprocess

import pytest

from cardreader.card.card import ATR, SmartCard
from cardreader.files.identity import Pairing
from cardreader.files.layout import PAIRING, STATEMENTS
from cardreader.readers.opening import open_card
from tests.cardreader.card.test_yubikit import COMMIT, READ, UPDATE, at, opened
from tests.cardreader.one_card import KIOSK, METER, METER_KEYS, SERIAL, issued, session
from tests.cardreader.pcscd.private_pcscd import PrivatePcscd

SELECT, READ_CARD = "00A4040009F04255444745540001", "00B0810000"
# A walk through the folders of the card, as a person types it.
WALK = (
    "cat 2F02\nasn1 2F02\ncd 7F01\ninfo 0101\ncat 0101\ncat 0102\ncd aid:F04255444745540001\ncat 0101\nquit\n"
)


def run(daemon: PrivatePcscd, *words: str, given: str = "") -> str:
    done = subprocess.run(
        words, env=daemon.environment, input=given, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_opensc_lists_the_readers_and_speaks_to_the_card(pcscd: PrivatePcscd) -> None:
    pcscd.insert("Office", SmartCard(issued()))
    listed = run(pcscd, "opensc-tool", "-l").splitlines()
    assert [each.split() for each in listed[2:]] == [
        ["0", "No", "Kiosk", "00", "00"],
        ["1", "Yes", "Office", "01", "00"],
    ]
    assert run(pcscd, "opensc-tool", "-r", "1", "--atr").strip() == ATR.hex(":")
    told = run(pcscd, "opensc-tool", "-r", "1", "-c", "default", "-s", SELECT, "-s", READ_CARD)
    assert told.count("SW1=0x90, SW2=0x00") == 2
    assert f"01 {SERIAL.hex(' ')} 45" in told


def test_opensc_finds_no_card_of_its_own_and_leaves_ours_as_it_is(pcscd: PrivatePcscd) -> None:
    """It asks with some forty commands what card this is; none of them uses up a try."""
    memory = issued()
    before = bytes(memory.content)
    pcscd.insert("Kiosk", SmartCard(memory))
    run(pcscd, "opensc-tool", "-r", "0", "-s", SELECT)
    assert bytes(memory.content) == before


def test_opensc_explorer_walks_the_files_and_reads_what_anybody_may(pcscd: PrivatePcscd) -> None:
    pcscd.insert("Kiosk", SmartCard(issued()))
    told = run(pcscd, "opensc-explorer", "-r", "0", "-c", "default", given=WALK)
    assert f"5A 08 {SERIAL.hex(' ')}" in told
    assert f"Application 26 (8 bytes): {SERIAL.hex(' ')}" in told
    assert "Working Elementary File  ID 0101" in told
    assert "10 bytes" in told
    # By its place and by its name; the pairing needs a key.
    assert told.count(f"00000000: 01 {SERIAL.hex(' ')} 45") == 2
    assert METER not in told


@pytest.mark.parametrize("extended", [False, True], ids=["short", "extended"])
def test_yubikit_opens_a_session_through_the_service_and_our_host_reads_what_it_wrote(
    extended: bool, pcscd: PrivatePcscd
) -> None:
    pcscd.insert("Kiosk", SmartCard(issued()))
    content = bytes(range(200))
    with open_card("any") as channel:
        host = opened(channel, KIOSK, extended=extended)
        assert Pairing.decode(host.send_apdu(0, READ, at(PAIRING), 0)).meter == METER
        host.send_apdu(0, UPDATE, at(STATEMENTS[0]), 0, content)
        host.send_apdu(0x80, COMMIT, 0, 0)
    with open_card("any") as channel:
        assert session(channel, METER_KEYS).read(STATEMENTS[0]) == content
