"""An independent host talks to the card: the SCP03 of yubikit, which knows nothing of us."""

import pytest
from yubikit.core import TRANSPORT, ApplicationNotAvailableError, Version
from yubikit.core.smartcard import ApduError, SmartCardConnection, SmartCardProtocol
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, ScpKid
from yubikit.core.smartcard.scp import StaticKeys as TheirKeys

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import KeySet
from cardreader.files.identity import Pairing
from cardreader.files.layout import AID, LOG, PAIRING, STATE, STATEMENTS, CardFile
from cardreader.files.visits import Visit
from cardreader.host.transport import CardChannel, InProcess
from tests.cardreader.one_card import ISSUER, KIOSK, METER_KEYS, issued, session

READ, UPDATE, READ_RECORD, COMMIT = 0xB0, 0xD6, 0xB2, 0x10


class Connection(SmartCardConnection):
    """A card in the reader of yubikit."""

    def __init__(self, channel: CardChannel) -> None:
        self._channel = channel

    @property
    def transport(self) -> TRANSPORT:
        return TRANSPORT.USB

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        answer = self._channel.transmit(apdu)
        return answer[:-2], int.from_bytes(answer[-2:])

    def close(self) -> None:
        """Nothing is open."""


def opened(channel: CardChannel, keys: KeySet, *, extended: bool = False) -> SmartCardProtocol:
    host = SmartCardProtocol(Connection(channel))
    if extended:
        host.configure(Version(5, 7, 0))
    host.select(AID)
    static = TheirKeys(keys.static.enc, keys.static.mac, keys.static.dek)
    host.init_scp(Scp03KeyParams(KeyRef(ScpKid.SCP03, keys.version), static))
    return host


def in_process(memory: WholeMemory) -> CardChannel:
    return InProcess(SmartCard(memory))


def at(file: CardFile) -> int:
    return 0x80 | file.sfi


@pytest.mark.parametrize("extended", [False, True], ids=["short", "extended"])
@pytest.mark.parametrize("keys", [ISSUER, KIOSK, METER_KEYS], ids=lambda each: each.holder.name)
def test_it_authenticates_and_reads_in_a_full_session(keys: KeySet, extended: bool) -> None:
    host = opened(in_process(issued()), keys, extended=extended)
    assert Pairing.decode(host.send_apdu(0, READ, at(PAIRING), 0)).meter == "m00042"
    record = host.send_apdu(0, READ_RECORD, 1, LOG.sfi << 3 | 4)
    assert Visit.decode(record).station == "office-1"
    assert host.send_apdu(0, READ, at(STATEMENTS[0]), 0) == b""


def test_it_writes_commits_and_our_own_host_reads_it() -> None:
    memory = issued()
    host = opened(in_process(memory), KIOSK)
    for offset in range(0, 200, 50):
        host.send_apdu(0, UPDATE, at(STATEMENTS[0]), offset, bytes([offset]) * 50)
    host.send_apdu(0x80, COMMIT, 0, 0)
    expected = b"".join(bytes([offset]) * 50 for offset in range(0, 200, 50))
    assert session(in_process(memory)).read(STATEMENTS[0]) == expected


def test_a_document_goes_in_one_extended_command_each_way() -> None:
    memory = issued()
    host = opened(in_process(memory), KIOSK, extended=True)
    document = bytes(range(256)) * 4
    host.send_apdu(0, UPDATE, at(STATEMENTS[1]), 0, document)
    host.send_apdu(0x80, COMMIT, 0, 0)
    assert host.send_apdu(0, READ, at(STATEMENTS[1]), 0) == document
    assert session(in_process(memory)).read(STATEMENTS[1]) == document


def test_what_it_may_not_do_is_refused_with_the_status_and_the_session_goes_on() -> None:
    host = opened(in_process(issued()), KIOSK)
    with pytest.raises(ApduError) as refused:
        host.send_apdu(0, UPDATE, at(STATE), 0, b"forged")
    assert refused.value.sw == 0x6982
    assert Pairing.decode(host.send_apdu(0, READ, at(PAIRING), 0)).meter == "m00042"


def test_it_refuses_the_card_with_other_keys_and_the_card_refuses_another_application() -> None:
    other = KeySet(KIOSK.holder, KIOSK.version, KIOSK.generation, METER_KEYS.static)
    with pytest.raises(ValueError, match="Incorrect SCP parameters"):
        opened(in_process(issued()), other)
    with pytest.raises(ApplicationNotAvailableError):
        SmartCardProtocol(Connection(in_process(issued()))).select(bytes.fromhex("A000000308"))
