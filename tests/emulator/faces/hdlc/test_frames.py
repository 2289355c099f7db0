"""Frames of HDLC: vectors, both ways, and what is found among garbage."""

import pytest
from dlms_cosem.hdlc.address import HdlcAddress
from dlms_cosem.hdlc.frames import InformationFrame
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.hdlc.frames import (
    INFO_BYTES_MAX,
    PAUSE_MS_MAX,
    BrokenFrameError,
    Deframer,
    HdlcFrame,
    check_sequence,
    upper_address,
    write_hdlc,
)
from emulator.faces.hdlc.parameters import LinkParameters, agreed, write_parameters

METER = st.sampled_from([b"\x03", b"\x02\x23", b"\x00\x02\x00\x23", b"\x00\x02\x7e\x7f"])
FRAMES = st.builds(
    HdlcFrame,
    METER,
    st.sampled_from([b"\x21", b"\x05", b"\x03"]),
    st.integers(0, 255),
    st.one_of(st.binary(max_size=INFO_BYTES_MAX), st.text("~\xa0\x07", max_size=40).map(str.encode)),
    st.booleans(),
)
# The SNRM that clients send to device 1 as client 16, and the UA that meters answer it with.
SNRM = bytes.fromhex("7ea0070321930f017e")
UA = bytes.fromhex("7ea01e210373c37a818012050180060180070400000001080400000001533b7e")


def test_the_check_sequence_of_the_standard() -> None:
    """CRC-16/X-25: the check value of its catalogue, low byte first."""
    assert check_sequence(b"123456789") == bytes.fromhex("6e90")
    assert write_hdlc(HdlcFrame(b"\x03", b"\x21", 0x93)) == SNRM
    assert write_hdlc(HdlcFrame(b"\x21", b"\x03", 0x73, write_parameters(LinkParameters()))) == UA


@pytest.mark.parametrize(
    ("address", "upper"),
    [("03", 1), ("21", 16), ("0223", 1), ("00020023", 1), ("02060023", 131), ("fefeffff", 16383)],
)
def test_the_upper_part_of_an_address(address: str, upper: int) -> None:
    assert upper_address(bytes.fromhex(address)) == upper


def test_an_information_frame_is_theirs_byte_for_byte() -> None:
    meter, client = HdlcAddress(1, 17, "server"), HdlcAddress(16, None, "client")
    theirs = InformationFrame(
        destination_address=meter,
        source_address=client,
        payload=b"\xe6\xe6\x00\x60",
        send_sequence_number=3,
        receive_sequence_number=5,
        segmented=True,
        final=True,
    )
    ours = HdlcFrame(b"\x02\x23", b"\x21", 5 << 5 | 0x10 | 3 << 1, b"\xe6\xe6\x00\x60", is_segmented=True)
    assert write_hdlc(ours) == theirs.to_bytes()


@given(st.lists(FRAMES, max_size=4), st.lists(st.integers(1, 50), max_size=30), st.booleans())
def test_frames_are_found_however_they_come_in_pieces(
    frames: list[HdlcFrame], sizes: list[int], shares_flags: bool
) -> None:
    data = b"".join(write_hdlc(each)[int(shares_flags) :] for each in frames)
    data = b"\x7e" + data if shares_flags else data
    deframer, found, at = Deframer(), [], 0
    for size in [*sizes, len(data)]:
        found += deframer.feed(data[at : at + size], 0)
        at += size
    assert found == frames


@given(FRAMES, st.data())
def test_a_damaged_frame_is_none(frame: HdlcFrame, data: st.DataObject) -> None:
    sent = bytearray(write_hdlc(frame))
    at = data.draw(st.integers(0, len(sent) - 1))
    sent[at] ^= 1 << data.draw(st.integers(0, 7))
    assert frame not in Deframer().feed(bytes(sent), 0)


@given(st.lists(st.binary(max_size=80), max_size=20), FRAMES)
def test_after_garbage_and_a_pause_a_frame_is_found_and_little_is_kept(
    garbage: list[bytes], frame: HdlcFrame
) -> None:
    deframer = Deframer()
    for each in garbage:
        deframer.feed(each, 0)
        assert len(deframer._rest) < 2 * INFO_BYTES_MAX
    assert deframer.feed(write_hdlc(frame), PAUSE_MS_MAX + 1) == [frame]


def test_a_frame_inside_of_a_damaged_one_is_found() -> None:
    """A flag and a length that were noise do not swallow what follows."""
    assert (
        Deframer().feed(bytes.fromhex("7ea00a7e7e7e") + SNRM + SNRM, 0)
        == [HdlcFrame(b"\x03", b"\x21", 0x93)] * 2
    )


def test_parameters_as_the_smaller_of_both() -> None:
    assert agreed(b"") == LinkParameters()
    asked = bytes.fromhex("818014 05020800 06020080 07040000000f 080400000003")
    assert agreed(asked) == LinkParameters(128, 512, 3, 7)
    assert write_parameters(LinkParameters(128, 512, 3, 7)).hex() == (
        "8180130501800602020007040000000308040000000" + "7"
    )


@pytest.mark.parametrize(
    "info", ["00", "818001", "81800105", "8180020500", "818003050100", "82800305 0180", "8180060501800502"]
)
def test_parameters_that_are_none(info: str) -> None:
    with pytest.raises(BrokenFrameError):
        agreed(bytes.fromhex(info))
