"""A link, step by step, and over a line that loses and doubles: each message once, each answer whole."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.hdlc.frames import Deframer, HdlcFrame
from emulator.faces.hdlc.link import HdlcLink, Taken
from emulator.faces.hdlc.parameters import LinkParameters, write_parameters

METER, CLIENT = b"\x02\x23", b"\x21"
MESSAGE_BYTES_MAX = 1_024


def frame(control: int, info: str = "", *, is_segmented: bool = False) -> HdlcFrame:
    return HdlcFrame(METER, CLIENT, control, bytes.fromhex(info), is_segmented)


def controls(data: bytes) -> list[int]:
    """The control fields of what a meter sends."""
    frames = Deframer().feed(data, 0)
    assert all((each.destination, each.source) == (CLIENT, METER) for each in frames)
    return [each.control for each in frames]


def opened(parameters: LinkParameters | None = None) -> HdlcLink:
    link = HdlcLink(METER, CLIENT, MESSAGE_BYTES_MAX)
    info = b"" if parameters is None else write_parameters(parameters)
    taken = link.take(HdlcFrame(METER, CLIENT, 0x93, info))
    assert controls(taken.data) == [0x73]
    assert taken.is_new
    return link


CLOSED = [(0x53, [0x1F]), (0x10, [0x1F]), (0x11, [0x1F]), (0x13, [0x1F]), (0x00, []), (0x43, []), (0x83, [])]


@pytest.mark.parametrize(("control", "answer"), CLOSED)
def test_a_closed_link_answers_a_poll_with_dm(control: int, answer: list[int]) -> None:
    link = HdlcLink(METER, CLIENT, MESSAGE_BYTES_MAX)
    assert controls(link.take(frame(control, "e6e600c0")).data) == answer
    assert not link.is_open


# What comes over an open link, what is answered, and whether the link is open still.
OPEN = [
    ("receive ready", frame(0x11), [0x11], True),
    ("no poll", frame(0x01), [], True),
    ("receive not ready", frame(0x15), [0x11], True),
    ("reject", frame(0x19), [0x11], True),
    ("unnumbered information", frame(0x13, "e6e600c0"), [], True),
    ("disconnect", frame(0x53), [0x73], False),
    ("no other than LLC", frame(0x10, "e6e700c0"), [0x31], True),
    ("a frame too soon", frame(0x12, "e6e600c0"), [0x11], True),
    ("a frame that nobody sent is confirmed", frame(0x31), [0x97], False),
    ("too long", frame(0x10, "00" * 129), [0x97], False),
    ("no such control field", frame(0x1F), [0x97], False),
    ("parameters that are none", frame(0x93, "00"), [0x1F], False),
]


@pytest.mark.parametrize(("what", "heard", "answer", "is_open"), OPEN)
def test_an_open_link(what: str, heard: HdlcFrame, answer: list[int], is_open: bool) -> None:
    link = opened()
    taken = link.take(heard)
    assert (controls(taken.data), taken.message, link.is_open) == (answer, None, is_open), what
    if not is_open:
        assert controls(link.take(frame(0x11)).data) == [0x1F]
    assert controls(link.take(frame(0x93)).data) == [0x73]


def test_a_frame_that_comes_twice_brings_the_answer_twice_and_its_message_once() -> None:
    link = opened()
    asked = frame(0x10, "e6e600c0")
    assert link.take(asked) == Taken(message=b"\xc0")
    answer = link.say(b"\xc4")
    assert controls(answer) == [0x30]
    assert link.take(asked) == Taken(answer)
    # Nor is another message taken in before the answer has come.
    assert link.take(frame(0x12, "e6e600c1")) == Taken(answer)
    assert link.take(frame(0x32, "e6e600c1")) == Taken(message=b"\xc1")


def test_a_long_answer_goes_out_by_windows_and_a_poll_brings_what_is_missing() -> None:
    link = opened(LinkParameters(receive_bytes=8, receive_window=3))
    link.take(frame(0x10, "e6e600c0"))
    first = link.say(bytes(32))
    assert controls(first) == [0x20, 0x22, 0x34]
    assert [each.is_segmented for each in Deframer().feed(first, 0)] == [True] * 3
    # Two of three have come: the third goes again, and two more.
    assert controls(link.take(frame(0x51)).data) == [0x24, 0x26, 0x38]
    # Nothing is sent to whoever does not poll, and what has come is known from each frame.
    assert [controls(link.take(frame(0x01 | number << 5)).data) for number in (3, 4)] == [[], []]
    assert controls(link.take(frame(0x15 | 5 << 5)).data) == [0x31]
    assert controls(link.take(frame(0x11 | 5 << 5)).data) == [0x31]


def test_a_message_without_end_is_cut_off() -> None:
    link = opened()
    for number in range(20):
        assert link.take(frame(0x10 | number % 8 << 1, "e6e600" * 40, is_segmented=True)).message is None
    message = link.take(frame(0x10 | 20 % 8 << 1, "00")).message
    assert message is not None
    assert len(message) == MESSAGE_BYTES_MAX + 1


class Line:
    """A line that loses and doubles what is sent, as it was told to; then it is good."""

    def __init__(self, fates: list[int]) -> None:
        self._fates: Iterator[int] = iter(fates)

    def carry(self, frames: list[HdlcFrame]) -> list[HdlcFrame]:
        return [each for each in frames for _ in range(next(self._fates, 1))]


class Primary:
    """A client as the standard describes it: a frame at a time, sent again until it is confirmed."""

    def __init__(self, line: Line, link: HdlcLink, send_bytes: int) -> None:
        self.line, self.link, self.size = line, link, send_bytes
        self.heard: list[bytes] = []
        self.next_send = self.next_heard = 0

    def exchange(self, sent: HdlcFrame) -> list[HdlcFrame]:
        """One frame there, and what the meter says to it."""
        back: list[HdlcFrame] = []
        for each in self.line.carry([sent]):
            taken = self.link.take(each)
            if taken.message is None:
                back += Deframer().feed(taken.data, 0)
            else:
                self.heard.append(taken.message)
                back += Deframer().feed(self.link.say(taken.message[::-1] * 3), 0)
        return self.line.carry(back)

    def ask(self, message: bytes) -> bytes:
        data, answer = b"\xe6\xe6\x00" + message, b""
        parts = [data[at : at + self.size] for at in range(0, len(data), self.size)]
        for number, part in enumerate(parts):
            has_more, confirmed = number < len(parts) - 1, (self.next_send + 1) % 8
            is_done = False
            while not is_done:
                control = self.next_heard << 5 | 0x10 | self.next_send << 1
                for each in self.exchange(HdlcFrame(METER, CLIENT, control, part, has_more)):
                    is_done = is_done or each.control >> 5 == confirmed
                    answer += self.take(each)
            self.next_send = confirmed
        while not self.is_whole:
            for each in self.exchange(HdlcFrame(METER, CLIENT, self.next_heard << 5 | 0x11)):
                answer += self.take(each)
        self.is_whole = False
        return answer.removeprefix(b"\xe6\xe7\x00")

    is_whole = False

    def take(self, got: HdlcFrame) -> bytes:
        """The next part of the answer; nothing of a frame that came already, or too soon."""
        if got.control & 1 or got.control >> 1 & 7 != self.next_heard:
            return b""
        self.next_heard = (self.next_heard + 1) % 8
        self.is_whole = not got.is_segmented
        return got.info


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=12),
    st.lists(st.sampled_from([0, 1, 1, 2]), max_size=80),
    st.integers(4, 20),
    st.integers(4, 20),
    st.integers(1, 7),
)
def test_each_message_is_heard_once_and_each_answer_whole_whatever_the_line_does(
    messages: list[bytes], fates: list[int], send_bytes: int, receive_bytes: int, window: int
) -> None:
    link = opened(LinkParameters(send_bytes, receive_bytes, 1, window))
    client = Primary(Line(fates), link, send_bytes)
    assert [client.ask(each) for each in messages] == [each[::-1] * 3 for each in messages]
    assert client.heard == messages


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=140), st.booleans()), max_size=30))
def test_any_frames_leave_a_link_that_can_be_opened(frames: list[tuple[int, bytes, bool]]) -> None:
    link = opened()
    for control, info, is_segmented in frames:
        taken = link.take(HdlcFrame(METER, CLIENT, control, info, is_segmented))
        data = taken.data if taken.message is None else link.say(b"\xd8\x01\x03")
        assert len(Deframer().feed(data, 0)) <= 1
    assert controls(link.take(frame(0x93)).data) == [0x73]
    assert link.take(frame(0x10, "e6e600c0")).message == b"\xc0"
