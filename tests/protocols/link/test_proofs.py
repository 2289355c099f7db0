"""A word is proved by the one key, for one purpose, over one link; every changed byte is noticed."""

import hmac
import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from protocols.link.keys import ask_key, asks_key, link_key, meter_key
from protocols.link.messages import (
    MeterHolds,
    Reading,
    Status,
    TimeAsk,
    read_holds,
    read_readings,
    write_readings,
    write_sync,
)
from protocols.link.proofs import MAC_CHARS, Proof, Purpose, proof_of, with_mac
from protocols.reasons import Source
from tests.protocols.link.link_messages import IDS, MESSAGES

KEYS = st.binary(min_size=32, max_size=32)
PURPOSES = st.sampled_from(Purpose)
BODIES = MESSAGES.map(msgspec.json.encode)


@given(BODIES, PURPOSES, IDS, KEYS)
def test_a_word_is_authentic_under_its_own_key_and_reads_as_before(
    body: bytes, purpose: Purpose, link: str, key: bytes
) -> None:
    word = with_mac(body, purpose, link, key)
    assert proof_of(word, purpose, link, key) is Proof.AUTHENTIC
    assert proof_of(body, purpose, link, key) is Proof.UNVERIFIED
    read = json.loads(word)
    assert len(read.pop("mac")) == MAC_CHARS
    assert read == json.loads(body)


@given(BODIES, PURPOSES, PURPOSES, IDS, IDS, KEYS, KEYS)
def test_another_purpose_link_or_key_proves_nothing(
    body: bytes, purpose: Purpose, other: Purpose, link: str, elsewhere: str, key: bytes, stolen: bytes
) -> None:
    word = with_mac(body, purpose, link, key)
    same = (other, elsewhere, stolen) == (purpose, link, key)
    assert (proof_of(word, other, elsewhere, stolen) is Proof.AUTHENTIC) == same


@given(BODIES, st.data())
def test_every_changed_byte_is_noticed(body: bytes, data: st.DataObject) -> None:
    word = with_mac(body, Purpose.HOLDS, "link-1", b"k")
    at = data.draw(st.integers(0, len(word) - 1))
    changed = word[:at] + bytes([word[at] ^ data.draw(st.integers(1, 255))]) + word[at + 1 :]
    assert proof_of(changed, Purpose.HOLDS, "link-1", b"k") is not Proof.AUTHENTIC


def test_the_mac_is_the_first_half_of_the_hmac_over_purpose_link_and_object() -> None:
    word = with_mac(b'{"a":1}', Purpose.READING, "link-1", b"key")
    whole = hmac.new(b"key", b'reading\nlink-1\n{"a":1}', "sha256").hexdigest()
    assert word == b'{"a":1,"mac":"%b"}' % whole[:32].encode()


@given(KEYS, st.lists(IDS, min_size=2, max_size=2, unique=True))
def test_keys_of_different_purposes_and_names_differ(fleet: bytes, names: list[str]) -> None:
    one, other = names
    asks = [asks_key(fleet, source) for source in Source]
    keys = [meter_key(fleet, one), meter_key(fleet, other), link_key(fleet, one), link_key(fleet, other)]
    keys += asks + [ask_key(key, name) for key in asks for name in names]
    assert len(set(keys)) == len(keys)


def test_an_authority_can_check_every_ask_and_speak_for_nobody() -> None:
    """Its key derives the keys of asks. To make a meter's or a link's it would have to invert HMAC."""
    fleet = b"f" * 32
    asks = asks_key(fleet, Source.TIMESERVER)
    word = with_mac(b'{"nonce":"n"}', Purpose.ASK, "link-1", ask_key(asks, "m1"))
    assert proof_of(word, Purpose.ASK, "link-1", ask_key(asks, "m1")) is Proof.AUTHENTIC
    for made in (asks, ask_key(asks, "m1"), meter_key(asks, "m1"), link_key(asks, "link-1")):
        for key in (meter_key(fleet, "m1"), link_key(fleet, "link-1")):
            forged = with_mac(b'{"nonce":"n"}', Purpose.HOLDS, "link-1", made)
            assert proof_of(forged, Purpose.HOLDS, "link-1", key) is Proof.FORGED


@given(MESSAGES, KEYS)
def test_an_older_receiver_reads_a_word_with_its_mac(
    message: MeterHolds | Reading | Status | TimeAsk, key: bytes
) -> None:
    word = with_mac(msgspec.json.encode(message), Purpose.HOLDS, "link-1", key)
    assert msgspec.json.decode(word, type=type(message)) == message


def test_words_travel_in_their_message_byte_by_byte() -> None:
    reading = b'{"meter": "m1", "number":1,"time_ms":2,"energy_wh":3,"balance_ueur":4,"supply":"on","new":[]}'
    word = with_mac(reading, Purpose.READING, "link-1", b"k")
    link, ((read, raw),) = read_readings(write_readings("link-1", [word]))
    assert (link, read.meter, raw) == ("link-1", "m1", word)
    assert read_holds(write_sync("link-1", [], more=True)) == ("link-1", [])
