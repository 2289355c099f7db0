"""A DLMS connection by its bytes: who may open it, what is answered, and that garbage changes nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.dlms.association import Guards
from emulator.faces.dlms.connection import HangUp
from emulator.faces.dlms.deeds import BringUnsignedDate, BringUnsignedRequest
from emulator.faces.dlms.session import SharedState
from emulator.faces.dlms.wrapper import RECEIVE_BYTES_MAX, WrappedPdu, write_frame
from emulator.faces.locking import LOCKED_MS, TRIES_MAX, PasswordLock
from protocols.instants import DAY_MS, UtcMs
from protocols.reasons import Supply
from tests.emulator.faces.dlms.talking import (
    CONTEXT,
    GET_TIME,
    PASSWORD,
    PUBLIC,
    READER,
    SIMPLE,
    VIEW,
    Talk,
    aarq,
    initiate,
    opened,
)
from tests.emulator.faces.views import with_supply

NOT_ASSOCIATED, BROKEN, NOT_SUPPORTED, UNKNOWN = "d80101", "d80103", "d80102", "d80202"

# Who opens, with what, and the result and diagnostic of the answer.
OPENINGS = [
    (16, PUBLIC, 0, 0),
    (16, aarq(CONTEXT, "8b0760857405080200", initiate()), 0, 0),
    (2, READER, 0, 0),
    # No password, the wrong one, a mechanism that is not the client's, and one that no client has.
    (2, PUBLIC, 1, 14),
    (2, READER.replace(PASSWORD, b"secreT"), 1, 13),
    (16, READER, 1, 11),
    (2, aarq(CONTEXT, SIMPLE.replace("0201ac", "0205ac"), initiate()), 1, 11),
    # A client that there is not; ciphering; short names.
    (1, READER, 1, 1),
    (2, aarq(CONTEXT[:-2] + "03", SIMPLE, initiate()), 1, 2),
    (16, aarq(CONTEXT[:-2] + "02", initiate()), 1, 2),
    # An old version, a client without room, a client that wants nothing of what there is.
    (16, aarq(CONTEXT, initiate(version=5)), 1, 1),
    (16, aarq(CONTEXT, initiate(pdu_bytes=31)), 1, 1),
    (16, aarq(CONTEXT, initiate(conformance="000000")), 1, 1),
]


@pytest.mark.parametrize(("source", "pdu", "result", "diagnostic"), OPENINGS)
def test_who_opens_an_association(source: int, pdu: bytes, result: int, diagnostic: int) -> None:
    talk = Talk()
    answer = talk.say(pdu, source)
    assert answer[26:46] == f"a20302010{result}a305a10302"
    assert answer[46:50] == f"01{diagnostic:02x}"
    served = talk.say(GET_TIME, source)[:8]
    assert served == ("c401c100" if result == 0 else NOT_ASSOCIATED + served[6:])


def test_the_third_wrong_password_locks_every_connection_for_ten_minutes() -> None:
    shared = SharedState(Guards(PasswordLock(PASSWORD)))
    wrong = READER.replace(PASSWORD, b"secreT")
    for _ in range(TRIES_MAX):
        assert "a1030201" + "0d" in Talk(shared).say(wrong)
    late = Talk(shared)
    assert "a10302010d" in late.say(READER)
    late.at_ms = LOCKED_MS
    assert "a103020100" in late.say(READER)
    assert "a10302010d" in late.say(wrong)
    assert late.say(GET_TIME) == NOT_ASSOCIATED


ANSWERS = [
    # Class 8 is there, of another class or version 7 of the name it is not; attribute 10 is not.
    ("c001c1 0008 0000010000ff 09 00", "c401c1001601"),
    ("c001c1 0003 0000010000ff 02 00", "c401c10109"),
    ("c001c1 0008 0000010001ff 02 00", "c401c10104"),
    ("c001c1 0008 0000010000ff 0a 00", "c401c10103"),
    ("c001c1 0008 0000010000ff 00 00", "c401c10103"),
    # Selective access.
    ("c001c1 0008 0000010000ff 09 01 01 00", "c401c10103"),
    # No long GET is running.
    ("c002c1 00000001", "c402c101000000010110"),
    # With a list, with blocks, ciphered, unknown.
    ("c003c1 01 0008 0000010000ff 02 00", NOT_SUPPORTED),
    ("c102c1 0008 0000010000ff 02 00 00 00000001 00", NOT_SUPPORTED),
    ("c302c1", NOT_SUPPORTED),
    ("c8 00", UNKNOWN),
    ("00", UNKNOWN),
    # Broken: too short, too long, no usage flag, no value.
    ("c001c1 0008 0000010000", BROKEN),
    (GET_TIME + "00", BROKEN),
    ("c001c1 0008 0000010000ff 02 02", BROKEN),
    ("c101c1 0008 0000010000ff 02 00 0984ffffffff", BROKEN),
    ("", BROKEN),
    # A time that is none, of another type, of an attribute that nobody writes, of an object without any.
    ("c101c1 0008 0000010000ff 02 00 090c ffffffffffffffffff8000ff", "c501c10c"),
    ("c101c1 0008 0000010000ff 02 00 06 00000000", "c501c10c"),
    ("c101c1 0008 0000010000ff 03 00 10 0000", "c501c103"),
    ("c101c1 0070 0000130a00ff 02 00 05 000f4240", "c501c103"),
    ("c101c1 006f 0000130000ff 05 00 05 000f4240", "c501c103"),
    # Methods that are not there, a shift by more than 900 s, a preset of two dates.
    ("c301c1 0008 0000010000ff 07 00", "c701c10300"),
    ("c301c1 0070 0000130a00ff 01 01 05 000f4240", "c701c10300"),
    ("c301c1 0008 0000010000ff 06 01 10 0385", "c701c10c00"),
    ("c301c1 0008 0000010000ff 05 01 0202 0f00 0f00", "c701c10c00"),
    ("c301c1 0046 0000600300ff 01 01 0f00", "c701c10400"),
]


@pytest.mark.parametrize(("pdu", "answer"), ANSWERS)
def test_what_is_refused_changes_nothing(pdu: str, answer: str) -> None:
    talk = opened()
    assert talk.say(pdu) == answer
    assert talk.brought == []
    assert talk.say(GET_TIME)[:8] == "c401c100"


def test_a_cut_is_refused_and_told_and_a_reconnection_closes_nothing() -> None:
    cut, reconnect = (f"c301c10046000060030aff0{each}010f00" for each in (1, 2))
    talk = opened()
    assert talk.say(cut) == "c701c10300"
    assert talk.brought == [BringUnsignedRequest(bytes.fromhex(cut))]
    talk = opened()
    for supply, answer in ((Supply.ON, 0), (Supply.ARMED, 0), (Supply.OFF, 3)):
        talk.view = with_supply(VIEW, supply)
        assert talk.say(reconnect) == f"c701c10{answer}00"
    assert talk.brought == [BringUnsignedRequest(bytes.fromhex(reconnect))]


def test_a_preset_waits_for_its_time() -> None:
    """Method 4 brings what is shown until the preset may be set. Presets outlive a connection."""
    dates = ("07e40704ff000000008000ff", "07e40703ff000000008000ff", "07e40705ff000000008000ff")
    talk = opened()
    assert (
        talk.say("c301c1 0008 0000010000ff 05 01 0203" + "".join("090c" + each for each in dates))
        == "c701c10000"
    )
    assert talk.say("c301c1 0008 0000010000ff 04 01 0f00") == "c701c10000"
    shown_ms = VIEW.readout.estimate_ms
    later = replace(VIEW.readout, estimate_ms=UtcMs(shown_ms + DAY_MS))
    talk.view = replace(VIEW, readout=later)
    assert talk.say("c301c1 0008 0000010000ff 04 01 0f00") == "c701c10000"
    times = [each.time_ms for each in talk.brought if isinstance(each, BringUnsignedDate)]
    assert times == [1_593_813_600_000, shown_ms, 1_593_813_600_000]


def test_clients_have_an_association_each_over_one_connection() -> None:
    talk = opened()
    assert talk.say(PUBLIC, 16)[:2] == "61"
    assert [talk.say(GET_TIME, source)[:8] for source in (2, 16, 1)] == ["c401c100"] * 2 + [NOT_ASSOCIATED]
    assert talk.say("6200", 16) == "6303800100"
    assert talk.say(GET_TIME, 16) == NOT_ASSOCIATED
    assert talk.say(GET_TIME)[:8] == "c401c100"


def test_the_third_opening_in_a_row_that_is_refused_ends_the_connection() -> None:
    talk = opened()
    wrong = READER.replace(PASSWORD, b"secreT")
    for client in (2, 77):
        talk.say(wrong, client)
    assert talk.brought == []
    talk.say(PUBLIC, 16)
    for client in (7, 2):
        talk.say(wrong, client)
    assert talk.brought == []
    talk.say(wrong, 77)
    assert talk.brought == [HangUp()]


UNCONFIRMED = [
    ("c10181 0008 0000010000ff 02 00 090c 07e40704ff000000008000ff", BringUnsignedDate),
    ("c30181 0046 000060030aff 01 01 0f00", BringUnsignedRequest),
    ("c10181 0008 0000010000ff 03 00 10 0000", None),
]


@pytest.mark.parametrize(("pdu", "deed"), UNCONFIRMED)
def test_what_is_not_confirmed_is_done_and_not_answered(pdu: str, deed: type | None) -> None:
    talk = opened()
    assert talk.say(pdu) == ""
    assert [type(each) for each in talk.brought] == ([] if deed is None else [deed])
    # A GET always is.
    assert talk.say(GET_TIME.replace("c001c1", "c00181"))[:8] == "c4018100"


def test_an_association_ends_and_another_client_on_its_connection_has_none() -> None:
    talk = opened()
    assert talk.say(GET_TIME, source=16) == NOT_ASSOCIATED
    assert talk.say("6200") == "6303800100"
    assert talk.say(GET_TIME) == NOT_ASSOCIATED
    assert talk.say("6200") == NOT_ASSOCIATED
    talk.say(READER)
    talk.say(READER.replace(PASSWORD, b"secreT"))
    assert talk.say(GET_TIME) == NOT_ASSOCIATED


def test_what_was_not_agreed_on_is_not_served() -> None:
    talk = Talk()
    talk.say(aarq(CONTEXT, SIMPLE, initiate(pdu_bytes=40, conformance="000010")))
    assert talk.say("c001c1 000f 0000280000ff 02 00") == "c401c101fa"
    assert talk.say("c301c1 0008 0000010000ff 03 01 0f00") == NOT_SUPPORTED
    assert talk.brought == []


def test_a_wrong_block_number_ends_a_long_get() -> None:
    talk = Talk()
    talk.say(aarq(CONTEXT, SIMPLE, initiate(pdu_bytes=64)))
    first = talk.say("c001c1 000f 0000280000ff 02 00")
    assert (first[:16], len(first)) == ("c402c10000000001", 120)
    assert talk.say("c002c1 00000001")[:16] == "c402c10000000002"
    assert talk.say("c002c1 00000001") == "c402c101000000010113"
    assert talk.say("c002c1 00000002") == "c402c101000000020110"


def test_frames_come_in_pieces_and_none_is_longer_than_agreed() -> None:
    talk = opened()
    frame = write_frame(WrappedPdu(2, 1, bytes.fromhex(GET_TIME)))
    assert [talk.raw(frame[at : at + 1]) for at in range(len(frame) - 1)] == [()] * (len(frame) - 1)
    assert len(talk.raw(frame[-1:])) == 1
    assert talk.raw(write_frame(WrappedPdu(2, 7, b"\xc0"))) == ()
    assert talk.raw(bytes.fromhex("0001 0002 0001") + (RECEIVE_BYTES_MAX + 1).to_bytes(2, "big")) == (
        HangUp(),
    )
    assert opened().raw(bytes.fromhex("0002 0002 0001 0001 00")) == (HangUp(),)
    assert opened().raw(frame * 400) == (HangUp(),)


PDUS = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([PUBLIC, READER, bytes.fromhex(GET_TIME), *(bytes.fromhex(each) for each, _ in ANSWERS)]),
    st.tuples(
        st.sampled_from([READER, bytes.fromhex(GET_TIME), *(bytes.fromhex(each) for each, _ in ANSWERS)]),
        st.integers(0, 60),
        st.binary(max_size=3),
    ).map(lambda of: of[0][: of[1]] + of[2] + of[0][of[1] + len(of[2]) :]),
)


@given(st.lists(PDUS, max_size=12), st.sampled_from([2, 16]))
def test_whatever_comes_gets_one_short_answer_and_no_public_client_brings_anything(
    pdus: list[bytes], source: int
) -> None:
    talk = Talk()
    talk.say(READER if source == 2 else PUBLIC, source)
    for pdu in pdus:
        answer = talk.say(pdu, source)
        assert 6 <= len(answer) <= 2 * RECEIVE_BYTES_MAX
        # An answer is one of: AARE, RLRE, GET, SET, ACTION, exception.
        assert answer[:2] in ("61", "63", "c4", "c5", "c7", "d8")
    # The third opening in a row that is refused ends the connection.
    assert source == 2 or set(talk.brought) <= {HangUp()}


@given(st.lists(st.binary(max_size=64), max_size=8))
def test_any_bytes_end_a_connection_or_wait(chunks: list[bytes]) -> None:
    talk = Talk()
    for chunk in chunks:
        assert len(talk.raw(chunk)) <= 1
    assert all(isinstance(each, HangUp) for each in talk.brought)
