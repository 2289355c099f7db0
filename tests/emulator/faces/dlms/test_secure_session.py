"""Client 1: who opens its association; what is repeated, forged or too weak counts for nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.dlms.ciphering import COUNTER_MAX, Ciphered, SecurityKeys, is_proof
from emulator.faces.dlms.connection import HangUp
from emulator.faces.dlms.deeds import BringUnsignedRequest
from emulator.faces.dlms.security import MeterSecurity, SecurityPolicy, SecuritySettings, WeakPduError
from emulator.faces.locking import TRIES_MAX
from tests.emulator.faces.dlms.securing import (
    CHALLENGE,
    CIPHERED,
    GMAC,
    INITIATE,
    KEYS,
    METER,
    SecureTalk,
    associated,
    shared,
)
from tests.emulator.faces.dlms.talking import CONTEXT, GET_TIME, PUBLIC, READER, Talk

BROKEN, NOT_ASSOCIATED, NOT_DECIPHERED = "d80103", "d80101", "d80105"
REFUSED = "a203020101a305a10302"
CUT = "c301c1 0046 000060030aff 01 01 0f00"
KEY_TRANSFER = "c301c1 0040 00002b0000ff 02 01 0100"


def test_four_passes_open_it_and_both_ends_are_proven() -> None:
    talk = SecureTalk()
    answer = talk.ask()
    # Accepted, authentication required, our title, mechanism, challenge, and what was agreed on, ciphered.
    assert CIPHERED + "a203020100a305a10302010ea40a0408" + METER.hex() in answer
    assert "88020780890760857405080205aa128010" in answer
    assert talk.read(answer[-66:])[:2] == "08"
    proof = bytes.fromhex(talk.prove())
    assert is_proof(KEYS, METER, CHALLENGE, proof[8:])
    for general in (False, True):
        assert talk.serve(GET_TIME, general=general)[:12] == "c401c100090c"
    release = talk.ciphered(INITIATE)
    forged = bytes((0x21, len(release))) + release[:-1] + bytes((release[-1] ^ 1,))
    # Anybody can say that it is over; whoever opened it can prove it.
    assert talk.say("6203800100", 1) == "6303800101"
    assert talk.say(rlrq(forged), 1) == NOT_DECIPHERED
    assert talk.serve(GET_TIME)[:12] == "c401c100090c"
    release = talk.ciphered(INITIATE)
    assert talk.say(rlrq(bytes((0x21, len(release))) + release), 1) == "6303800100"
    assert talk.serve(GET_TIME) == NOT_ASSOCIATED


def rlrq(user: bytes) -> bytes:
    """A request to end an association, with this user information."""
    body = b"\x80\x01\x00" + bytes((0xBE, len(user) + 2, 0x04, len(user))) + user
    return bytes((0x62, len(body))) + body


def test_before_the_proof_nothing_is_served() -> None:
    talk = SecureTalk()
    talk.ask()
    assert talk.serve(GET_TIME) == NOT_ASSOCIATED
    assert talk.serve(CUT) == NOT_ASSOCIATED
    assert talk.brought == []
    assert talk.prove()[:8] == "c701c100"
    # Once, and no more.
    assert talk.prove() == "c701c10300"
    assert talk.serve(GET_TIME)[:8] == "c401c100"


def wrong_key() -> SecureTalk:
    talk = SecureTalk()
    talk.keys = SecurityKeys(bytes(16), KEYS.authentication)
    return talk


def titled(title: bytes) -> SecureTalk:
    talk = SecureTalk()
    talk.title = title
    return talk


# Who opens, with what, and the diagnostic of the refusal.
OPENINGS = [
    (SecureTalk(), {"context": CONTEXT}, "02"),
    (SecureTalk(), {"mechanism": ""}, "0e"),
    (SecureTalk(), {"mechanism": GMAC[:-2] + "01"}, "0b"),
    (SecureTalk(), {"challenge": b"1234567"}, "0d"),
    (SecureTalk(), {"challenge": bytes(65)}, "0d"),
    (SecureTalk(), {"user": INITIATE}, "0d"),
    (titled(METER), {}, "03"),
    (titled(b"short"), {"user": INITIATE}, "03"),
    (wrong_key(), {}, "0d"),
]


@pytest.mark.parametrize(("talk", "words", "diagnostic"), OPENINGS)
def test_who_does_not_open_it(talk: SecureTalk, words: dict[str, str], diagnostic: str) -> None:
    assert REFUSED + "01" + diagnostic in talk.ask(talk.opening(**words))  # type: ignore[arg-type] # a table
    assert talk.security.counters.next_received == 0
    assert talk.say(b"\xc8\x01\x00", 1) == NOT_ASSOCIATED


def test_without_keys_there_is_no_client_one() -> None:
    assert REFUSED + "0101" in Talk().say(SecureTalk().opening(), 1)
    for source in (2, 16):
        assert REFUSED in SecureTalk().say(SecureTalk().opening(), source)


WAYS = [
    (SecurityPolicy.AUTHENTICATED, 0x10, True),
    (SecurityPolicy.AUTHENTICATED, 0x30, True),
    (SecurityPolicy.AUTHENTICATED_AND_ENCRYPTED, 0x10, False),
    (SecurityPolicy.AUTHENTICATED_AND_ENCRYPTED, 0x30, True),
]


@pytest.mark.parametrize(("policy", "control", "is_served"), WAYS)
def test_the_policy_judges_how_a_message_is_protected(
    policy: SecurityPolicy, control: int, is_served: bool
) -> None:
    talk = associated(shared(policy))
    talk.control = control
    assert talk.serve(GET_TIME)[:8] == ("c401c100" if is_served else NOT_DECIPHERED)


@pytest.mark.parametrize("policy", SecurityPolicy)
@pytest.mark.parametrize("control", [0x00, 0x20])
def test_what_anybody_could_have_changed_satisfies_no_policy(policy: SecurityPolicy, control: int) -> None:
    security = MeterSecurity(SecuritySettings(KEYS, bytes(32), policy), METER)
    with pytest.raises(WeakPduError):
        security.hear(b"12345678", Ciphered(control, 1, bytes(20)))


def test_a_message_that_comes_twice_counts_once_on_any_connection_and_in_any_association() -> None:
    talk = associated()
    talk.counter = 50
    sent = talk.ciphered(bytes.fromhex(CUT))
    pdu = b"\xcb" + bytes((len(sent),)) + sent
    assert talk.read(talk.say(pdu, 1)) == "c701c10300"
    assert talk.say(pdu, 1) == "d8010600000033"
    again = associated(talk.state, counter=60)
    assert again.say(pdu, 1) == "d801060000003e"
    assert talk.brought == [BringUnsignedRequest(bytes.fromhex(CUT))]
    assert again.brought == []
    # An opening that was recorded opens nothing, and counts as no try.
    late = SecureTalk(talk.state, counter=5)
    recorded = late.opening()
    assert [late.say(recorded, 1) for _ in range(9)] == ["d801060000003e"] * 9
    assert associated(talk.state, counter=70).serve(GET_TIME)[:4] == "c401"


def test_the_counter_is_read_by_anybody_and_tells_what_to_begin_with() -> None:
    talk = associated(counter=900)
    public = Talk(talk.state)
    public.say(PUBLIC, 16)
    assert public.say("c001c1 0001 00002b0100ff 02 00", 16) == f"c401c10006{talk.counter:08x}"
    assert public.say("c001c1 0040 00002b0000ff 05 00", 16) == "c401c10104"
    public.say(READER, 2)
    assert public.say("c001c1 0040 00002b0000ff 02 00") == "c401c1001603"


def test_who_has_no_proof_loses_the_association_and_locks_nobody_out() -> None:
    state = shared()
    for number in range(2 * TRIES_MAX):
        talk = SecureTalk(state, counter=100 * number)
        talk.ask()
        talk.asked = bytes(16)
        assert talk.prove() == "c701c10300"
        assert talk.serve(GET_TIME) == NOT_ASSOCIATED
    assert associated(state, counter=9_000).serve(GET_TIME)[:8] == "c401c100"


def test_forged_openings_lock_nobody_out_and_the_third_ends_its_connection() -> None:
    state = shared()
    waiting = SecureTalk(state)
    waiting.ask()
    forger = SecureTalk(state)
    forger.keys = SecurityKeys(bytes(16), bytes(16))
    for number in range(1, 2 * TRIES_MAX):
        assert REFUSED + "010d" in forger.ask()
        assert forger.brought == [HangUp()] * max(number - TRIES_MAX + 1, 0)
    assert waiting.prove()[:8] == "c701c100"
    assert associated(state, counter=50).serve(GET_TIME)[:8] == "c401c100"


@pytest.mark.parametrize("request_hex", [CUT, KEY_TRANSFER, KEY_TRANSFER.replace("02 01", "01 01")])
def test_keys_are_no_signatures(request_hex: str) -> None:
    """A cut, a policy and a key are refused, and brought to the firmware as what they are: unsigned."""
    talk = associated()
    assert talk.serve(request_hex) == "c701c10300"
    assert talk.brought == [BringUnsignedRequest(bytes.fromhex(request_hex))]
    assert talk.security.settings.keys == KEYS


def test_plain_requests_and_the_title_of_another_are_not_served() -> None:
    talk = associated()
    assert talk.say(GET_TIME, 1) == BROKEN
    sent = talk.ciphered(bytes.fromhex(GET_TIME))
    assert talk.say(b"\xdb\x0812345678" + bytes((len(sent),)) + sent, 1) == NOT_DECIPHERED
    # One service inside of another.
    assert talk.say(b"\xc9" + bytes((len(sent),)) + sent, 1) == BROKEN
    assert talk.serve(GET_TIME)[:4] == "c401"


def test_answers_are_as_long_as_agreed_with_all_that_is_around_them() -> None:
    talk = SecureTalk()
    proposed = talk.ciphered(INITIATE[:-2] + (100).to_bytes(2, "big"))
    talk.ask(talk.opening(user=bytes((0x21, len(proposed))) + proposed))
    talk.prove()
    answer = talk.serve("c001c1 000f 0000280000ff 02 00", general=True)
    assert answer[:16] == "c402c10000000001"
    sent = talk.ciphered(bytes.fromhex("c002c1 00000001"))
    assert 80 <= len(talk.say(b"\xdb\x08" + talk.title + bytes((len(sent),)) + sent, 1)) // 2 <= 100
    short = SecureTalk()
    proposed = short.ciphered(INITIATE[:-2] + (63).to_bytes(2, "big"))
    refused = short.ask(short.opening(user=bytes((0x21, len(proposed))) + proposed))
    # The same context as was asked for, and what of the proposal cannot be.
    assert refused[4:26] == CIPHERED
    assert "be0604040e010603" in refused


def test_keys_whose_counter_is_spent_open_nothing_more() -> None:
    talk = associated()
    talk.counter = COUNTER_MAX
    assert talk.serve(GET_TIME)[:4] == "c401"
    assert talk.security.is_spent
    assert REFUSED + "010d" in SecureTalk(talk.state, counter=7).ask()
    talk = associated()
    talk.security.counters.next_sent = COUNTER_MAX
    assert talk.serve(GET_TIME) == NOT_DECIPHERED


def test_no_challenge_and_no_counter_of_ours_comes_twice() -> None:
    state = shared()
    asked = {associated(state, counter=10 * number).asked for number in range(1, 9)}
    assert len(asked) == 8
    settings = SecuritySettings(KEYS, b"another start" + bytes(19))
    assert MeterSecurity(settings, METER).draw_challenge() not in asked


@given(st.data(), st.booleans())
def test_a_changed_byte_leaves_everything_as_it_was(data: st.DataObject, general: bool) -> None:
    talk = associated()
    expected = talk.security.counters.next_received
    sent = talk.ciphered(bytes.fromhex(CUT))
    tag = b"\xdb\x08" + talk.title if general else b"\xcb"
    pdu = bytearray(tag + bytes((len(sent),)) + sent)
    pdu[data.draw(st.integers(0, len(pdu) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    answer = talk.say(bytes(pdu), 1)
    assert answer in (BROKEN, NOT_DECIPHERED)
    assert (talk.brought, talk.security.counters.next_received) == ([], expected)


PDUS = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda tag, text: bytes((tag, len(text))) + text, st.integers(0, 255), st.binary(max_size=50)),
    st.builds(
        lambda at, change: SecureTalk().opening()[:at] + change + SecureTalk().opening()[at + len(change) :],
        st.integers(0, 110),
        st.binary(max_size=3),
    ),
)


@given(st.lists(PDUS, max_size=10), st.booleans())
def test_whatever_comes_without_the_keys_brings_nothing_and_moves_no_counter(
    pdus: list[bytes], is_associated: bool
) -> None:
    before = associated()
    talk = before if is_associated else SecureTalk(before.state)
    expected = talk.security.counters.next_received
    for pdu in pdus:
        assert 6 <= len(talk.say(pdu, 1)) <= 400
    # The third refusal in a row ends the connection; nothing else is to be done but to answer.
    assert set(talk.brought) <= {HangUp()}
    assert talk.security.counters.next_received == expected
