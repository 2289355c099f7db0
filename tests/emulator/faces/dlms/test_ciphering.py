"""Suite 0 by the examples of the Green Book (DLMS UA 1000-2), and by another implementation."""

import pytest
from dlms_cosem.security import SecurityControlField, decrypt, encrypt
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.dlms.ciphering import (
    AUTHENTICATED,
    ENCRYPTED,
    Ciphered,
    ForgedPduError,
    SecurityKeys,
    is_proof,
    proof_of,
    protect,
    read_ciphered,
    unprotect,
)
from emulator.faces.dlms.values import BrokenPduError

KEYS = SecurityKeys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
METER, CLIENT = bytes.fromhex("4d4d4d0000bc614e"), bytes.fromhex("4d4d4d0000000001")
GET_TIME = bytes.fromhex("c0010000080000010000ff0200")
COUNTER = 0x01234567
EXAMPLES = [
    (AUTHENTICATED, "c0010000080000010000ff0200" + "06725d910f9221d263877516"),
    (AUTHENTICATED | ENCRYPTED, "411312ff935a47566827c467bc" + "7d825c3be4a77c3fcc056b6b"),
]


@pytest.mark.parametrize(("control", "text"), EXAMPLES)
def test_a_protected_request_of_the_green_book(control: int, text: str) -> None:
    sent = protect(KEYS, METER, control, COUNTER, GET_TIME)
    assert sent.hex() == f"{control:02x}01234567{text}"
    assert unprotect(KEYS, METER, read_ciphered(sent)) == GET_TIME


def test_the_proofs_of_the_green_book() -> None:
    client, meter = proof_of(KEYS, CLIENT, 1, b"P6wRJ21F"), proof_of(KEYS, METER, COUNTER, b"K56iVagY")
    assert client.hex() == "1000000001" + "1a52fe7dd3e72748973c1e28"
    assert meter.hex() == "1001234567" + "fe1466afb3dbcd4f9389e2b7"
    assert is_proof(KEYS, CLIENT, b"P6wRJ21F", client)
    assert not is_proof(KEYS, METER, b"P6wRJ21F", client)
    assert not is_proof(KEYS, CLIENT, b"P6wRJ21G", client)
    assert not is_proof(KEYS, CLIENT, b"P6wRJ21F", b"\x30" + client[1:])
    assert not is_proof(KEYS, CLIENT, b"P6wRJ21F", client[:-1])


@given(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=8, max_size=8),
    st.integers(0, 0xFFFF_FFFF),
    st.binary(max_size=200),
)
def test_another_implementation_reads_it_and_is_read(
    key: bytes, authentication: bytes, title: bytes, counter: int, plain: bytes
) -> None:
    both = SecurityControlField(0, authenticated=True, encrypted=True)
    keys = SecurityKeys(key, authentication)
    sent = protect(keys, title, 0x30, counter, plain)
    assert decrypt(both, title, counter, key, sent[5:], authentication) == plain
    theirs = encrypt(both, title, counter, key, plain, authentication)
    assert unprotect(keys, title, Ciphered(0x30, counter, theirs)) == plain


@given(st.sampled_from([0x10, 0x30]), st.binary(max_size=40), st.data())
def test_whatever_is_changed_is_seen(control: int, plain: bytes, data: st.DataObject) -> None:
    sent = bytearray(protect(KEYS, CLIENT, control, 7, plain))
    sent[data.draw(st.integers(0, len(sent) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((ForgedPduError, BrokenPduError)):
        unprotect(KEYS, CLIENT, read_ciphered(bytes(sent)))


@pytest.mark.parametrize("control", ["00", "20"])
def test_what_is_not_authenticated_is_nobodys(control: str) -> None:
    with pytest.raises(ForgedPduError):
        unprotect(KEYS, CLIENT, read_ciphered(bytes.fromhex(control + "00000001") + bytes(30)))


@pytest.mark.parametrize("data", ["", "30", "30000000", "31" + "00" * 20, "70" + "00" * 20, "b0" + "00" * 20])
def test_another_suite_a_broadcast_and_what_is_compressed_are_broken(data: str) -> None:
    with pytest.raises(BrokenPduError):
        read_ciphered(bytes.fromhex(data))
