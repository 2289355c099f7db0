"""The commands for files, as a reader sends them: selection, bytes, records, rights, and what they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.card.card import ATR, SmartCard
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import KeySet
from cardreader.files.access import KeyHolder
from cardreader.files.directory import ApplicationTemplate, SerialNumber
from cardreader.files.layout import (
    AID,
    FILES,
    IN_ADF,
    LEASE,
    LOG,
    ORDERS,
    PAIRING,
    PARAMETERS,
    STATEMENTS,
    CardFile,
    Structure,
    stored_as,
)
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import HostSession
from cardreader.host.transport import InProcess
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.apdu import CommandApdu, read_response
from cardreader.iso7816.instructions import Instruction
from cardreader.iso7816.status import StatusError, StatusWord
from cardreader.iso7816.tlv import read_tlvs
from tests.cardreader.one_card import ISSUER, KIOSK, METER_KEYS, SERIAL, issued, session

KEYS = {KeyHolder.ISSUER: ISSUER, KeyHolder.KIOSK: KIOSK, KeyHolder.METER: METER_KEYS}
IN_APPLICATION = "00A4040009" + AID.hex()


def put_in() -> InProcess:
    return InProcess(SmartCard(issued()))


# Each line: a command, and what the card of the tests answers.
DIALOGUE = """
00A40400 09 F04255444745540001          -> 9000
00A40400 04 F0425544                    -> 9000
00A40400 02 A000                        -> 6A82
00A40400                                -> 6A82
00A40000 02 3F00                        -> 9000
00A40000                                -> 9000
00A40000 02 0101                        -> 6A82
00A40000 02 7F01                        -> 9000
00A40000 02 0101                        -> 9000
00B00000 00                             -> 01010203040506070845 9000
00B00001 02                             -> 0102 9000
00B00009 02                             -> 45 9000
00B0000A 02                             -> 6282
00B0000B 02                             -> 6B00
00B00000                                -> 6700
00A40800 04 7F010101                    -> 9000
00A40800 06 3F007F010102                -> 9000
00B00000 00                             -> 6982
00A40800 02 2F02                        -> 9000
00B00000 00                             -> 5A080102030405060708 9000
00A40300                                -> 9000
00B00000 00                             -> 6986
00A40200 02 2F00                        -> 9000
00B00000 00                             -> 6981
00B20104 00                             -> 61144F09F0425544474554000150 0772656C616E6365 9000
00B20204 00                             -> 6A83
00B20105 00                             -> 6A86
00A40200 02 7F01                        -> 6A82
00A40500                                -> 6A86
00B08100 00                             -> 6A82
00A40000 02 7F01                        -> 9000
00B08100 00                             -> 01010203040506070845 9000
00B08000 00                             -> 01010203040506070845 9000
00D68100 01 00                          -> 6982
000E8100                                -> 6982
00E200D0 01 00                          -> 6982
00DC01D4 01 00                          -> 6982
80100000                                -> 6982
00100000                                -> 6E00
00CA005A 00                             -> 0102030405060708 9000
00CADF22 00                             -> 00000002 9000
00CADF24 00                             -> 6982
00CADF25 00                             -> 6982
00CADF99 00                             -> 6A88
0050000008 0000000000000000             -> 6E00
8050330007 00000000000000               -> 6700
8050330008 0000000000000000             -> 9000
8050110008 0000000000000000             -> 6A88
8482330010 00000000000000000000000000000000-> 6985
84B08100 00                             -> 6985
00FF0000                                -> 6D00
90B08100 00                             -> 6E00
00                                      -> 6700
"""


def test_a_dialogue_on_paper() -> None:
    card = SmartCard(issued())
    for line in DIALOGUE.strip().splitlines():
        command, expected = (each.replace(" ", "") for each in line.split("->"))
        answer = card.process(bytes.fromhex(command)).hex().upper()
        if command.startswith("805033") and expected == "9000":
            answer = answer[-4:]
        assert answer == expected, line


def test_the_answer_to_reset_is_well_formed() -> None:
    check = 0
    for byte in ATR[1:]:
        check ^= byte
    assert check == 0
    assert ATR[0] == 0x3B
    assert SmartCard(issued()).reset() == ATR
    # TS, T0 with five historical bytes; T=1, and once more with TA3: blocks of 254 bytes.
    assert ATR[:5].hex() == "3b858111fe"


@pytest.mark.parametrize("file", FILES, ids=lambda each: each.name)
def test_the_control_parameters_of_each_file_name_it(file: CardFile) -> None:
    card = SmartCard(issued())
    card.process(bytes.fromhex(IN_APPLICATION) if file in IN_ADF else bytes.fromhex("00A40000"))
    answer = read_response(card.process(bytes.fromhex(f"00A4000402{file.fid:04X}00")))
    (template,) = read_tlvs(answer.checked())
    found = {each.tag: each.value for each in read_tlvs(template.value)}
    assert template.tag == 0x62
    assert int.from_bytes(found[0x83]) == file.fid
    assert found[0x82][0] == file.structure
    assert found.get(0x88, b"\0")[0] >> 3 == file.sfi


def test_any_reader_finds_application_and_serial_number() -> None:
    card = SmartCard(issued())
    card.process(bytes.fromhex("00A40200022F00"))
    record = read_response(card.process(bytes.fromhex("00B2010400"))).checked()
    assert ApplicationTemplate.decode(record) == ApplicationTemplate(AID, "relance")
    card.process(bytes.fromhex("00A40200022F02"))
    assert SerialNumber.decode(read_response(card.process(bytes.fromhex("00B0000000"))).data).serial == SERIAL


# ------------------------------------------------------------------------------------------------ rights


@pytest.mark.parametrize("holder", KeyHolder)
@pytest.mark.parametrize("file", IN_ADF, ids=lambda each: each.name)
def test_each_holder_reads_and_writes_what_the_layout_says_and_no_more(
    file: CardFile, holder: KeyHolder
) -> None:
    opened = session(put_in(), KEYS[holder])
    may_read = not file.readers or holder in file.readers

    def do_read() -> None:
        opened.records(file) if file.structure is not Structure.TRANSPARENT else opened.read(file)

    def do_write() -> None:
        if file.structure is Structure.TRANSPARENT:
            opened.write(file, b"x")
        else:
            opened.append(file, b"x")

    for act, allowed in ((do_read, may_read), (do_write, holder in file.writers)):
        if allowed:
            act()
        else:
            with pytest.raises(StatusError, match="6982"):
                act()


@pytest.mark.parametrize("file", [each for each in IN_ADF if each.readers], ids=lambda each: each.name)
def test_without_a_key_nothing_of_a_person_is_read(file: CardFile) -> None:
    card = SmartCard(issued())
    card.process(bytes.fromhex(IN_APPLICATION))
    for command in (
        CommandApdu(0, 0xB0, 0x80 | file.sfi, 0, ne=256),
        CommandApdu(0, 0xB2, 1, file.sfi << 3 | 4, ne=256),
    ):
        answer = read_response(card.process(command.encode()))
        assert answer.data == b""
        assert answer.status in (StatusWord.NOT_ALLOWED, StatusWord.WRONG_STRUCTURE)


# ------------------------------------------------------------------------------------------- what is staged


def test_what_is_written_is_seen_in_the_session_and_true_after_commit() -> None:
    memory = issued()
    channel = InProcess(SmartCard(memory))
    kiosk = session(channel)
    kiosk.write(STATEMENTS[0], b"statement")
    assert kiosk.read(STATEMENTS[0]) == b"statement"
    assert session(InProcess(SmartCard(WholeMemory(bytes(memory.content))))).read(STATEMENTS[0]) == b""
    kiosk.commit()
    assert session(InProcess(SmartCard(memory))).read(STATEMENTS[0]) == b"statement"


def plain_command(channel: InProcess, kiosk: HostSession) -> None:
    del kiosk
    channel.transmit(bytes.fromhex("00CA005A00"))


def broken_message(channel: InProcess, kiosk: HostSession) -> None:
    del kiosk
    assert channel.transmit(bytes.fromhex("04B0830008 0000000000000000")).hex() == "6988"


def discarded(channel: InProcess, kiosk: HostSession) -> None:
    del channel
    assert kiosk.send(CommandApdu(0x80, 0x10, 1, 0)).status == StatusWord.OK


@pytest.mark.parametrize("end", [plain_command, broken_message, discarded], ids=lambda each: each.__name__)
def test_what_was_staged_is_gone_when_the_session_ends(end: object) -> None:
    memory = issued()
    channel = InProcess(SmartCard(memory))
    kiosk = session(channel)
    kiosk.write(STATEMENTS[0], b"statement")
    assert callable(end)
    end(channel, kiosk)
    again = session(channel)
    again.commit()
    assert again.read(STATEMENTS[0]) == b""


def test_after_a_broken_message_the_session_takes_nothing_more() -> None:
    memory = issued()
    channel = InProcess(SmartCard(memory))
    kiosk = session(channel)
    kiosk.write(STATEMENTS[0], b"statement")
    assert channel.transmit(bytes.fromhex("84100000080000000000000000")).hex() == "6988"
    with pytest.raises(StatusError, match="6985"):
        kiosk.commit()
    assert session(channel).read(STATEMENTS[0]) == b""


@given(
    writes=st.lists(st.tuples(st.sampled_from(STATEMENTS), st.binary(max_size=700)), max_size=4),
    keys=st.sampled_from([KIOSK, ISSUER]),
)
def test_files_hold_what_was_written_last(writes: list[tuple[CardFile, bytes]], keys: KeySet) -> None:
    opened = session(put_in(), keys)
    for file, content in writes:
        opened.write(file, content)
    opened.commit()
    for file, content in dict(writes).items():
        assert opened.read(file) == content


def test_a_file_takes_no_more_than_its_bound_and_a_card_no_more_than_its_memory() -> None:
    kiosk = session(put_in())
    with pytest.raises(StatusError, match="does not fit"):
        kiosk.write(STATEMENTS[0], bytes(STATEMENTS[0].bytes_max + 1))
    kiosk = session(put_in())
    for parameter in PARAMETERS:
        kiosk.write(parameter, bytes(parameter.bytes_max))
    with pytest.raises(StatusError, match="does not fit"):
        kiosk.commit()
    assert [kiosk.read(each) for each in PARAMETERS] == [b"", b"", b""]
    for parameter in PARAMETERS[:2]:
        kiosk.write(parameter, bytes(parameter.bytes_max))
    kiosk.commit()


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (CommandApdu(0, 0xD6, 0x80 | STATEMENTS[0].sfi, 5, b"x"), 0x6B00),
        (CommandApdu(0, 0xD6, 0x80 | STATEMENTS[0].sfi, 0), 0x6700),
        (CommandApdu(0, 0x0E, 0x80 | STATEMENTS[0].sfi, 5), 0x6B00),
        (CommandApdu(0, 0xB0, 0x80 | STATEMENTS[0].sfi, 5, ne=1), 0x6B00),
        (CommandApdu(0, 0xB2, 0, LOG.sfi << 3 | 4, ne=1), 0x6A83),
        (CommandApdu(0, 0xE2, 0, LOG.sfi << 3, b"short" * 60), 0x6700),
        (CommandApdu(0, 0xE2, 0, STATEMENTS[0].sfi << 3, b"x"), 0x6981),
        (CommandApdu(0, 0xD6, 0x80 | LOG.sfi, 0, b"x"), 0x6981),
        (CommandApdu(0x80, 0x10, 2, 0), 0x6A86),
    ],
)
def test_what_a_session_refuses(command: CommandApdu, status: int) -> None:
    kiosk = session(put_in())
    kiosk.write(STATEMENTS[0], b"four")
    assert kiosk.send(command).status == status
    assert kiosk.read(STATEMENTS[0]) == b"four"


def test_the_log_keeps_the_newest_sixteen_visits_newest_first() -> None:
    kiosk = session(put_in())
    visits = [Visit(KeyHolder.KIOSK, Deed.WRITTEN, at_ms, "kiosk-1") for at_ms in range(20)]
    for visit in visits:
        kiosk.append(LOG, visit.encode())
    kiosk.commit()
    assert [Visit.decode(each) for each in kiosk.records(LOG)] == visits[:3:-1]


def test_a_record_of_the_log_is_not_changed_afterwards() -> None:
    opened = session(put_in(), ISSUER)
    answer = opened.send(CommandApdu(0, 0xDC, 1, LOG.sfi << 3 | 4, bytes(LOG.record_bytes_max)))
    assert answer.status == StatusWord.WRONG_STRUCTURE


def test_a_long_answer_comes_in_the_extended_form_and_in_pieces_alike() -> None:
    kiosk = session(put_in())
    content = bytes(range(256)) * 4
    kiosk.write(STATEMENTS[1], content)
    whole = kiosk.send(CommandApdu(0, 0xB0, 0x80 | STATEMENTS[1].sfi, 0, ne=2048))
    assert whole.checked() == content == kiosk.read(STATEMENTS[1])


@given(data=st.binary(max_size=30))
def test_any_bytes_get_an_answer_and_change_nothing(data: bytes) -> None:
    memory = issued()
    card = SmartCard(memory)
    card.process(bytes.fromhex(IN_APPLICATION))
    before = bytes(memory.content)
    assert len(card.process(data)) >= 2
    assert memory.content == before


def test_a_damaged_card_says_so_and_nothing_else() -> None:
    memory = issued()
    memory.content[:1024] = bytes(1024)
    card = SmartCard(memory)
    assert card.process(bytes.fromhex(IN_APPLICATION)).hex() == "6581"
    assert card.process(b"").hex() == "6700"


def test_the_pairing_lies_where_the_layout_says() -> None:
    assert stored_as(PAIRING) == PAIRING.sfi


def test_a_card_that_is_filled_to_its_last_page_still_opens() -> None:
    """Each authentication counts a try, and writes that: a card without room for it would be dead."""
    memory = issued()
    kiosk = session(InProcess(SmartCard(memory)))
    for file in (*PARAMETERS, LEASE, *ORDERS):
        for size in range(file.bytes_max, 0, -128):
            kiosk.write(file, bytes(size))
            if kiosk.send(CommandApdu(0x80, Instruction.COMMIT, 0, 0)).status == StatusWord.OK:
                break
    assert kiosk.ask(iso.DATA_FREE_BYTES) == b"\0\0"
    for keys in (KIOSK, METER_KEYS, ISSUER):
        session(InProcess(SmartCard(memory)), keys)
