"""A line of HDLC with a meter at its end: clients beside each other, silence, and whatever else comes."""

from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.dlms.association import Guards
from emulator.faces.dlms.connection import SILENCE_MS_MAX, ConnectionDeed, SendFrame
from emulator.faces.dlms.deeds import BringUnsignedDate
from emulator.faces.dlms.hdlc_connection import FRAMES_WAITING_MAX, LINKS_MAX, HdlcConnection
from emulator.faces.dlms.session import SharedState
from emulator.faces.dlms.wrapper import RECEIVE_BYTES_MAX
from emulator.faces.hdlc.frames import PAUSE_MS_MAX, Deframer, HdlcFrame, write_hdlc
from emulator.faces.locking import PasswordLock
from tests.emulator.faces.dlms.talking import READER
from tests.emulator.faces.views import view

VIEW = view()
METER = b"\x02\x23"
AARQ = bytes.fromhex("601da109060760857405080101be10040e01000000065f1f040000101d0400")
GET_TIME = bytes.fromhex("c001c100080000010000ff0200")
NOT_ASSOCIATED = "d80101"


class Line:
    """A client at the other end, which counts its frames."""

    def __init__(self) -> None:
        self.connection = HdlcConnection(SharedState(Guards(PasswordLock(b"secret"))))
        self.at_ms = 0
        self.numbers: dict[int, int] = {}
        self.brought: list[ConnectionDeed] = []

    def raw(self, data: bytes) -> list[HdlcFrame]:
        deeds = list(self.connection.hear(data, self.at_ms, VIEW))
        while self.connection.has_more:
            deeds += self.connection.hear(b"", self.at_ms, VIEW)
        self.brought += [each for each in deeds if not isinstance(each, SendFrame)]
        return Deframer().feed(b"".join(each.data for each in deeds if isinstance(each, SendFrame)), 0)

    def open(self, client: int = 16, meter: bytes = METER) -> list[int]:
        self.numbers[client] = 0
        return [each.control for each in self.raw(write_hdlc(HdlcFrame(meter, _source(client), 0x93)))]

    def say(self, pdu: bytes, client: int = 16, meter: bytes = METER) -> str:
        """The message that answers, in hex; a frame without one by its control field."""
        number, answer = self.numbers.get(client, 0), b""
        for at in range(0, len(pdu), 100):
            part = (b"\xe6\xe6\x00" if at == 0 else b"") + pdu[at : at + 100]
            has_more = at + 100 < len(pdu)
            control = number << 5 | 0x10 | number << 1 if at == 0 else 0x10 | (number + at // 100) % 8 << 1
            frames = self.raw(write_hdlc(HdlcFrame(meter, _source(client), control, part, has_more)))
            answer = b"".join(each.info for each in frames) or bytes(each.control for each in frames)
        self.numbers[client] = number + 1
        return answer.removeprefix(b"\xe6\xe7\x00").hex()


def _source(client: int) -> bytes:
    return bytes((client << 1 | 1,))


def test_two_clients_have_a_link_and_an_association_each() -> None:
    line = Line()
    assert (line.open(16), line.open(2)) == ([0x73], [0x73])
    assert line.say(AARQ, 16)[:2] == "61"
    assert line.say(GET_TIME, 2) == NOT_ASSOCIATED
    assert line.say(GET_TIME, 16)[:8] == "c401c100"
    # A link that is opened anew has no association.
    line.open(16)
    assert line.say(GET_TIME, 16) == NOT_ASSOCIATED


def test_a_link_without_a_word_for_two_minutes_is_over() -> None:
    line = Line()
    line.open()
    line.say(AARQ)
    line.at_ms = SILENCE_MS_MAX - 1
    assert line.say(GET_TIME)[:4] == "c401"
    line.at_ms += SILENCE_MS_MAX
    assert line.say(GET_TIME) == "1f"


def test_more_links_than_there_is_room_for_end_the_one_that_was_silent_longest() -> None:
    line = Line()
    for client in range(10, 10 + LINKS_MAX):
        line.open(client)
    assert line.say(GET_TIME, 10) == NOT_ASSOCIATED
    line.open(99)
    assert line.say(GET_TIME, 11) == "1f"
    assert line.say(GET_TIME, 10) == NOT_ASSOCIATED


def test_another_logical_device_and_a_client_of_two_bytes_hear_nothing() -> None:
    line = Line()
    assert line.open(meter=b"\x04\x23") == []
    assert line.open(meter=b"\x05") == []
    assert line.raw(write_hdlc(HdlcFrame(METER, b"\x02\x21", 0x93))) == []
    # Any physical device is this one.
    for meter in (b"\x03", b"\x02\xff", b"\x00\x02\x22\x23"):
        assert line.open(meter=meter) == [0x73]


def test_a_message_longer_than_agreed_is_a_broken_one() -> None:
    line = Line()
    line.open()
    assert line.say(b"\xc0" + bytes(RECEIVE_BYTES_MAX)) == "d80103"
    line.connection.end()
    assert line.say(GET_TIME) == "1f"


def test_what_is_not_confirmed_is_done_and_its_poll_is_told_that_it_came() -> None:
    line = Line()
    line.open(2)
    assert line.say(READER, 2)[:2] == "61"
    assert line.say(bytes.fromhex("c3018100080000010000ff03010f00"), 2) == "51"
    assert [type(each) for each in line.brought] == [BringUnsignedDate]


def test_of_what_comes_at_once_no_more_waits_than_all_windows_hold() -> None:
    line = Line()
    line.open()
    poll = write_hdlc(HdlcFrame(METER, _source(16), 0x11))
    assert len(line.raw(poll * 500)) == FRAMES_WAITING_MAX


PIECES = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda control, info, is_segmented: write_hdlc(
            HdlcFrame(METER, b"\x21", control, info, is_segmented)
        ),
        st.one_of(st.integers(0, 255), st.sampled_from([0x93, 0x10, 0x32, 0x54])),
        st.one_of(st.binary(max_size=60), st.sampled_from([b"", b"\xe6\xe6\x00" + AARQ])),
        st.booleans(),
    ),
)


@given(st.lists(PIECES, max_size=20))
def test_whatever_comes_brings_the_meter_nothing_and_a_client_can_begin_anew(pieces: list[bytes]) -> None:
    line = Line()
    for piece in pieces:
        line.raw(piece)
        assert len(line.connection._links) <= LINKS_MAX
    assert line.brought == []
    line.at_ms = PAUSE_MS_MAX + 1
    assert line.open() == [0x73]
    assert line.say(AARQ)[:2] == "61"
    assert line.say(GET_TIME)[:8] == "c401c100"
