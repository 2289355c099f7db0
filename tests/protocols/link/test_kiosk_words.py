"""What kiosk and controller say: proved by the kiosk's key alone, valid by its schema, never too long."""

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.documents.envelope import Signer, seal
from protocols.errors import DocumentError
from protocols.limits import PAYLOAD_BYTES_MAX
from protocols.link.asyncapi import schema_for_topic
from protocols.link.keys import kiosk_key, link_key, meter_key
from protocols.link.kiosk_words import (
    NOTHING,
    CardDocument,
    ItemAck,
    KioskAsk,
    KioskItem,
    KioskOrders,
    KioskStatus,
    KioskWord,
    card_heard_bodies,
    item_digest,
    read_card_heard,
    read_word,
    read_word_of_fleet,
    write_card_heard,
    write_word,
)
from protocols.link.proofs import Proof
from protocols.link.topics import Channel, Place, topic_of
from protocols.reasons import Source

FLEET = bytes(range(32))
KEY = kiosk_key(FLEET, "k1")
ENVELOPE = seal(b"{}", "t", [Signer.from_seed(bytes(32))])
BODY = write_card_heard("0102030405060708", "m1", b'{"a":1}', [b'{"b":2}'], [b'{"c":3}'])
HELD = KioskOrders(
    kiosk="k1",
    echo="n",
    acks=(ItemAck(7, item_digest(BODY)),),
    documents=(CardDocument(meter="m1", object="hold/h", number=3),),
)
WORDS: list[tuple[Channel, KioskWord]] = [
    (Channel.KIOSK_STATUS, KioskStatus(kiosk="k1", online=True, sequence=1)),
    (Channel.KIOSK_STATEMENTS, KioskItem(kiosk="k1", number=1, at_ms=0, body=msgspec.Raw(ENVELOPE))),
    (Channel.KIOSK_RECEIPTS, KioskItem(kiosk="k1", number=2, at_ms=0, body=msgspec.Raw(BODY))),
    (Channel.KIOSK_ASK, KioskAsk(kiosk="k1", source=Source.HEADEND, nonce="n", ask=NOTHING)),
    (Channel.KIOSK_ORDERS, HELD),
]


@pytest.mark.parametrize(("channel", "word"), WORDS)
def test_a_word_is_read_as_it_was_said_and_its_schema_knows_it(channel: Channel, word: KioskWord) -> None:
    data = write_word(word, KEY)
    assert read_word_of_fleet(data, type(word), "k1", FLEET) == word
    schema = schema_for_topic(topic_of(Place(channel, kiosk="k1")))
    jsonschema.Draft7Validator(schema).validate(msgspec.json.decode(data))


@pytest.mark.parametrize(("channel", "word"), WORDS)
def test_no_other_key_says_it(channel: Channel, word: KioskWord) -> None:
    del channel
    for key in (kiosk_key(FLEET, "k2"), link_key(FLEET, "k1"), meter_key(FLEET, "k1"), FLEET):
        assert read_word(write_word(word, key), type(word), "k1", KEY) is Proof.FORGED
    assert read_word(msgspec.json.encode(word), type(word), "k1", KEY) is Proof.UNVERIFIED
    with pytest.raises(DocumentError, match="of k1; expected k2"):
        read_word_of_fleet(write_word(word, KEY), type(word), "k2", FLEET)


@given(st.sampled_from(WORDS), st.data())
def test_every_changed_byte_is_noticed(said: tuple[Channel, KioskWord], data: st.DataObject) -> None:
    word = said[1]
    raw = write_word(word, KEY)
    at = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]
    try:
        found = read_word(changed, type(word), "k1", KEY)
    except DocumentError:
        return
    assert isinstance(found, Proof)


def test_what_goes_down_is_nothing_that_goes_up() -> None:
    """Purposes part them: a recorded item is no order, though both are objects of one key."""
    data = write_word(KioskAsk(kiosk="k1", source=Source.HEADEND, nonce="n", ask=NOTHING), KEY)
    assert read_word(data, KioskOrders, "k1", KEY) is Proof.FORGED


@given(st.lists(st.integers(2, 4_000), max_size=24))
def test_what_a_card_brought_fits_into_a_message_whatever_lies_on_it(sizes: list[int]) -> None:
    receipts = [b'"' + b"x" * (size - 2) + b'"' for size in sizes]
    body = write_card_heard("0102030405060708", "m" * 64, b"{}", [b"[]"], receipts)
    data = write_word(KioskItem(kiosk="k" * 64, number=2**53 - 1, at_ms=0, body=msgspec.Raw(body)), KEY)
    assert len(data) <= PAYLOAD_BYTES_MAX
    heard = read_card_heard(body)
    assert heard.state == msgspec.Raw(b"{}")
    assert [bytes(word) for word in heard.words] == [b"[]", *receipts][: len(heard.words)]


@given(st.lists(st.integers(2, 8_000), max_size=40), st.integers(2, 4_000))
def test_what_does_not_fit_into_one_body_follows_in_the_next(sizes: list[int], state_bytes: int) -> None:
    words = [b'"' + str(place).encode().ljust(size, b"x") + b'"' for place, size in enumerate(sizes)]
    state = b'"' + b"s" * state_bytes + b'"'
    first, *more = bodies = card_heard_bodies("0102030405060708", "m" * 64, state, words[:2], words[2:])
    for body in bodies:
        write_word(KioskItem(kiosk="k" * 64, number=2**53 - 1, at_ms=0, body=msgspec.Raw(body)), KEY)
    assert bytes(read_card_heard(first).state) == state
    assert all(read_card_heard(body).state == NOTHING for body in more)
    assert [bytes(word) for body in bodies for word in read_card_heard(body).words] == words


def test_a_word_that_is_too_long_is_not_written() -> None:
    body = msgspec.Raw(b'"' + b"x" * PAYLOAD_BYTES_MAX + b'"')
    with pytest.raises(DocumentError, match="at most"):
        write_word(KioskItem(kiosk="k1", number=1, at_ms=0, body=body), KEY)
