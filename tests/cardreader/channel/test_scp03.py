"""The secure channel against a recording of a real card, RFC 4493, and its own two ends."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from cardreader.channel.scp03 import (
    SecureMessages,
    StaticKeys,
    card_cryptogram,
    host_cryptogram,
    pseudo_random_challenge,
    session_keys,
)
from cardreader.iso7816.apdu import CommandApdu, ResponseApdu, read_command, read_response
from cardreader.iso7816.status import StatusError, StatusWord

# A dialogue with a real card (an eUICC, AES-128, i = 70, level 33), as the tests of pySim record it: what the
# host sent and what the card answered.
KEYS = StaticKeys(
    bytes.fromhex("000102030405060708090a0b0c0d0e0f"),
    bytes.fromhex("101112131415161718191a1b1c1d1e1f"),
    bytes.fromhex("202122232425262728292a2b2c2d2e2f"),
)
HOST_CHALLENGE = bytes.fromhex("fdf38259a1e0de44")
CARD_CHALLENGE = bytes.fromhex("3b1aca81e821f219")
CARD_CRYPTOGRAM = bytes.fromhex("081cdc01c26b372d")
AUTHENTICATE = bytes.fromhex("84823300108c36f96bcc00724a4e13ad591d7da3f0")
DIALOGUE = [
    ("80E2910006BF3E035C015A00", "84e2910018267a85dfe4a98fca6fb0527e0dfecce4914e40401433c87f00"),
    ("80F22002", "84f2200208ac6a59024bed84cc"),
    ("80ca006600", "84ca006608409912ad8fb7aed000"),
    ("80F220020a4f0212345c054f9f70c5", "84f22002185f3dafc3ac14c381536a488bf44e06d056df9d74dbd21e5a"),
    ("80f28002024f0000", "84f280021865165105be3373347d0424d4400af2ac393f569ec779389e00"),
]
ANSWER = "bf3e125a1089882119900000000000000000000005 9000"
SECURE_ANSWER = "f3ba2b1013aa6224f5e1c138d71805c569e5439b47576260b75fc021b25097cb2e68f8a0144975b9 9000"

SESSION = session_keys(KEYS, HOST_CHALLENGE, CARD_CHALLENGE)
COMMANDS = st.builds(
    CommandApdu,
    st.sampled_from([0x00, 0x80]),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=600),
    st.none() | st.integers(1, 65_536),
    st.booleans(),
)
ANSWERS = st.builds(ResponseApdu, st.binary(max_size=600), st.sampled_from([0x9000, 0x6282, 0x6A82, 0x63C3]))


def authenticated() -> tuple[SecureMessages, SecureMessages]:
    """Host and card after the recorded authentication."""
    host, card = SecureMessages(SESSION), SecureMessages(SESSION)
    plain = CommandApdu(0x84, 0x82, 0x33, 0, host_cryptogram(SESSION, HOST_CHALLENGE, CARD_CHALLENGE))
    sent = host.wrap_authentication(plain)
    assert sent.encode() == AUTHENTICATE
    assert card.open_authentication(read_command(AUTHENTICATE)) == plain
    return host, card


def test_the_cryptogram_of_a_real_card_is_right() -> None:
    assert card_cryptogram(SESSION, HOST_CHALLENGE, CARD_CHALLENGE) == CARD_CRYPTOGRAM


def test_the_recorded_dialogue_comes_out_byte_for_byte_at_both_ends() -> None:
    host, card = authenticated()
    for number, (plain, secure) in enumerate(DIALOGUE):
        command = read_command(bytes.fromhex(plain))
        assert host.wrap(command).encode().hex() == secure
        assert card.open_command(read_command(bytes.fromhex(secure))) == command
        if number == 0:
            answer = read_response(bytes.fromhex(ANSWER))
            assert card.close_answer(answer).encode() == bytes.fromhex(SECURE_ANSWER)
            assert host.unwrap(read_response(bytes.fromhex(SECURE_ANSWER))) == answer


# RFC 4493 §4: the key, then message and MAC of four examples.
RFC_KEY = "2b7e151628aed2a6abf7158809cf4f3c"
RFC_TEXT = (
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


@pytest.mark.parametrize(
    ("length", "mac"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_the_cmac_that_we_stand_on_is_that_of_rfc_4493(length: int, mac: str) -> None:
    made = CMAC(AES(bytes.fromhex(RFC_KEY)))
    made.update(bytes.fromhex(RFC_TEXT)[:length])
    assert made.finalize().hex() == mac


@given(exchanges=st.lists(st.tuples(COMMANDS, ANSWERS), max_size=5))
def test_what_one_end_makes_the_other_end_reads(exchanges: list[tuple[CommandApdu, ResponseApdu]]) -> None:
    host, card = authenticated()
    for command, answer in exchanges:
        received = card.open_command(read_command(host.wrap(command).encode()))
        assert (received.data, received.ne, received.ins) == (command.data, command.ne, command.ins)
        assert host.unwrap(read_response(card.close_answer(answer).encode())) == answer


@given(command=COMMANDS, data=st.data())
def test_no_changed_repeated_or_earlier_command_is_read(command: CommandApdu, data: st.DataObject) -> None:
    host, card = authenticated()
    first, second = host.wrap(command), host.wrap(command)
    sent = bytearray(first.encode())
    place = data.draw(st.integers(0, len(first.header(len(first.data))) + len(first.data) - 1))
    sent[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(StatusError):
        card.open_command(read_command(bytes(sent)))
    with pytest.raises(StatusError, match="6988"):
        card.open_command(second)
    card.open_command(first)
    with pytest.raises(StatusError, match="6988"):
        card.open_command(first)


@given(answer=ANSWERS.filter(lambda each: each.status != StatusWord.FILE_NOT_FOUND), data=st.data())
def test_no_changed_answer_is_read(answer: ResponseApdu, data: st.DataObject) -> None:
    host, card = authenticated()
    card.open_command(host.wrap(CommandApdu(0, 0xB0, 0, 0, ne=256)))
    sent = bytearray(card.close_answer(answer).encode())
    sent[data.draw(st.integers(0, len(sent) - 3))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(StatusError, match="6988"):
        host.unwrap(read_response(bytes(sent)))


def test_an_answer_without_its_mac_is_not_read() -> None:
    host, card = authenticated()
    card.open_command(host.wrap(CommandApdu(0, 0xB0, 0, 0, ne=256)))
    with pytest.raises(StatusError, match="6988"):
        host.unwrap(ResponseApdu(b"", StatusWord.OK))


def test_data_that_no_secure_command_can_carry_is_the_callers_mistake() -> None:
    host, _card = authenticated()
    with pytest.raises(ValueError, match="65520 bytes do not fit"):
        host.wrap(CommandApdu(0, 0xD6, 0, 0, bytes(65_520)))


@pytest.mark.parametrize("data", [b"x" * 15, b"x" * 16], ids=["no whole block", "no padding"])
def test_what_is_no_encrypted_data_is_not_read(data: bytes) -> None:
    host, card = authenticated()
    with pytest.raises(StatusError, match="6988"):
        card.open_command(host._with_mac(CommandApdu(0x84, 0xB0, 0, 0, data, 256)))


def test_empty_data_may_be_encrypted_as_one_block_of_padding() -> None:
    host, card = authenticated()
    host.counter += 1
    block = host._encrypt(b"", b"\0")
    sent = host._with_mac(CommandApdu(0x84, 0xB0, 0, 0, block, 256))
    assert card.open_command(sent) == CommandApdu(0x80, 0xB0, 0, 0, b"", 256)


@given(sequences=st.lists(st.integers(0, 2**24 - 1), min_size=2, max_size=2, unique=True))
def test_two_sequences_give_two_challenges(sequences: list[int]) -> None:
    one, other = (pseudo_random_challenge(KEYS, each, b"\xf0") for each in sequences)
    assert one != other


def test_keys_of_another_length_are_the_callers_mistake_and_are_never_shown() -> None:
    with pytest.raises(ValueError, match="16 bytes each"):
        replace(KEYS, dek=b"short")
    assert "0001" not in repr(KEYS)
    assert "x0" not in repr(SESSION)
