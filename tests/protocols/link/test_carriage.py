"""Broker addresses are read or refused in one line; waits grow and spread; what arrives is sorted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import DocumentError, InputError
from protocols.limits import PAYLOAD_BYTES_MAX
from protocols.link.carriage import (
    PORT,
    WAITING_MAX,
    BrokerAddress,
    Drop,
    Traffic,
    admitted,
    backoff_ms,
    publication,
    read_address,
)
from protocols.link.topics import CARRIAGE, HARM_EXPIRY_S, Channel, Place, topic_of
from tests.protocols.link.link_messages import IDS

ORDER = Place(Channel.ORDERS, link="link-1", meter="m1")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker", BrokerAddress("broker", PORT)),
        ("mqtt://broker/", BrokerAddress("broker", PORT)),
        ("mqtt://10.0.0.1:18830", BrokerAddress("10.0.0.1", 18830)),
        ("mqtt://[::1]:1884", BrokerAddress("::1", 1884)),
        ("mqtt://ann:secret@broker.example:1", BrokerAddress("broker.example", 1, "ann", "secret")),
        ("mqtt://ann:@broker", BrokerAddress("broker", PORT, "ann", "")),
        ("mqtt://a%40b:p%3Aq%2F%C3%A9@broker", BrokerAddress("broker", PORT, "a@b", "p:q/é")),
    ],
)
def test_an_address_is_read(url: str, address: BrokerAddress) -> None:
    assert read_address(url) == address


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("", 'broker ""; allowed: mqtt[s]://[USER:PASSWORD@]HOST[:PORT]'),
        ("broker:1883", 'broker "broker:1883"; allowed: mqtt[s]://[USER:PASSWORD@]HOST[:PORT]'),
        ("mqtts://broker", 'broker "mqtts://broker": mqtts needs credentials; allowed here: mqtt'),
        ("mqtt://broker/path", 'broker "mqtt://broker/path"; allowed: mqtt[s]://[USER:PASSWORD@]HOST[:PORT]'),
        ("mqtt://broker:0", 'broker "mqtt://broker:0": port 0; allowed: 1 to 65535'),
        ("mqtt://broker:65536", 'broker "mqtt://broker:65536": port 65536; allowed: 1 to 65535'),
        ("mqtt://a..b", 'broker "mqtt://a..b": host; allowed: mqtt[s]://[USER:PASSWORD@]HOST[:PORT]'),
        ("mqtt://ann:secret@", 'broker "mqtt://…@"; allowed: mqtt[s]://[USER:PASSWORD@]HOST[:PORT]'),
        ("mqtt://ann:se@cret@host", 'broker "mqtt://…@host"; allowed: mqtt[s]://[USER:PASSWORD@]HOST[:PORT]'),
        ("ann:secret@host", 'broker "…@host"; allowed: mqtt[s]://[USER:PASSWORD@]HOST[:PORT]'),
    ],
)
def test_a_wrong_address_is_one_line_without_the_password(url: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        read_address(url)
    assert str(caught.value) == line


@given(text=st.text(max_size=80))
def test_any_text_is_an_address_or_one_line(text: str) -> None:
    for url in (text, f"mqtt://{text}"):
        address, line = _read(url)
        assert "\n" not in line
        if address is not None:
            assert 1 <= address.port <= 65_535
            # What the resolver would do with the name: UnicodeError is no OSError.
            address.host.encode("idna")


def _read(url: str) -> tuple[BrokerAddress | None, str]:
    try:
        return read_address(url), ""
    except InputError as error:
        return None, str(error)


@given(user=st.text(min_size=1, max_size=10), password=st.text(max_size=10))
def test_any_login_can_be_written_and_is_never_shown(user: str, password: str) -> None:
    def quote(text: str) -> str:
        return "".join(f"%{byte:02X}" for byte in text.encode(errors="replace"))

    address = read_address(f"mqtt://{quote(user)}:{quote(password)}@broker:7")
    assert (address.user, address.password) == (_as_utf8(user), _as_utf8(password))
    assert str(address) == "mqtt://broker:7"
    assert "password" not in repr(address)


def _as_utf8(text: str) -> str:
    return text.encode(errors="replace").decode()


def test_an_ipv6_address_is_shown_in_brackets() -> None:
    assert str(read_address("mqtt://[fe80::1]")) == "mqtt://[fe80::1]:1883"


@given(attempt=st.integers(1, 10_000), client_id=IDS)
def test_a_wait_is_never_zero_and_never_above_the_maximum(attempt: int, client_id: str) -> None:
    assert 50 <= backoff_ms(attempt, client_id) <= 5_000


@given(client_id=IDS)
def test_waits_grow_twice_as_long_up_to_five_seconds(client_id: str) -> None:
    waits = [backoff_ms(attempt, client_id) for attempt in range(1, 12)]
    for attempt, wait in enumerate(waits):
        longest = min(5_000, 100 * 2**attempt)
        assert longest // 2 <= wait <= longest


def test_a_thousand_links_do_not_return_in_the_same_instant() -> None:
    waits = sorted(backoff_ms(1, f"link-{number}") for number in range(1, 1_001))
    # Every tenth of the 50 ms over which they spread has its share.
    for begin in range(50, 100, 5):
        assert 50 <= sum(begin <= wait < begin + 5 for wait in waits) <= 150


@given(payload=st.binary(max_size=100), channel=st.sampled_from(Channel))
def test_a_message_is_published_as_its_channel_has_it(payload: bytes, channel: Channel) -> None:
    place = Place(channel, link="link-1", meter="m1", order="o1")
    message = publication(place, payload)
    carriage = CARRIAGE[channel]
    assert (message.topic, message.payload) == (topic_of(place), payload)
    assert (message.qos, message.retain, message.expiry_s) == (1, carriage.retain, carriage.expiry_s)


def test_a_harmful_order_sets_its_own_expiry() -> None:
    assert publication(ORDER, b"x", expiry_s=HARM_EXPIRY_S).expiry_s == 60
    assert publication(ORDER, b"x", retain=False).retain is False


def test_a_payload_beyond_the_limit_is_never_published() -> None:
    assert publication(ORDER, bytes(PAYLOAD_BYTES_MAX)).payload
    with pytest.raises(DocumentError, match=r"^orders: 16385 bytes; at most 16384$"):
        publication(ORDER, bytes(PAYLOAD_BYTES_MAX + 1))


@pytest.mark.parametrize(
    ("topic", "length", "waiting", "expected"),
    [
        (topic_of(ORDER), 1, 0, ORDER),
        (topic_of(ORDER), PAYLOAD_BYTES_MAX, WAITING_MAX - 1, ORDER),
        (topic_of(ORDER), PAYLOAD_BYTES_MAX + 1, 0, Drop.TOO_LARGE),
        (topic_of(ORDER), 0, 0, Drop.EMPTY),
        (topic_of(ORDER), 1, WAITING_MAX, Drop.NO_ROOM),
        ("elsewhere", 1, 0, Drop.FOREIGN_TOPIC),
        (topic_of(ORDER) + "/", 1, 0, Drop.FOREIGN_TOPIC),
    ],
)
def test_an_arrival_gets_a_place_or_the_reason_why_it_is_dropped(
    topic: str, length: int, waiting: int, expected: Place | Drop
) -> None:
    assert admitted(topic, bytes(length), waiting) == expected


def test_what_waits_is_what_was_received_and_has_not_ended() -> None:
    traffic = Traffic()
    traffic.received[Channel.ORDERS] = 5
    traffic.received[Channel.STATUS] = 2
    traffic.handled[Channel.ORDERS] = 3
    traffic.failed[Channel.STATUS] = 1
    assert traffic.waiting == 3
