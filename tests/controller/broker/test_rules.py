"""Who may say and hear what at the broker: enough for each part to work, and nothing of another link."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from controller.broker.rules import (
    SERVE,
    TIMESERVER,
    BrokerClient,
    ClientKind,
    access_list,
    merged_names,
    mosquitto_config,
    rights_of,
)
from protocols.identifiers import ID_FORM
from protocols.link.topics import CARRIAGE, OF_KIOSK, PREFIX, Channel, Place, topic_of

NAMES = st.from_regex(ID_FORM, fullmatch=True).filter(lambda name: len(name) <= 64)
KINDS = st.sampled_from(ClientKind)
OF_THE_TIMESERVER = {Channel.TIMESERVER, Channel.SERVICE_ANSWER}
BETWEEN_PROGRAMS = {*OF_THE_TIMESERVER, Channel.SERVICE_ASK, Channel.MARK}
OF_LINKS = [channel for channel in Channel if channel not in OF_KIOSK]
SERVING = rights_of(BrokerClient(SERVE, ClientKind.PROGRAM))
TIMING = rights_of(BrokerClient(TIMESERVER, ClientKind.PROGRAM))


def may(filters: tuple[str, ...], topic: str) -> bool:
    return any(topic_matches_sub(each, topic) for each in filters)


@given(NAMES, NAMES, st.sampled_from(OF_LINKS))
def test_each_message_has_one_side_that_says_it_and_the_other_that_hears_it(
    link: str, meter: str, channel: Channel
) -> None:
    topic = topic_of(Place(channel, link=link, meter=meter, order="o1"))
    own = rights_of(BrokerClient(link, ClientKind.LINK))
    assert may(own.writes, topic) == CARRIAGE[channel].upward
    assert may(own.reads, topic) == (not CARRIAGE[channel].upward and channel not in BETWEEN_PROGRAMS)
    if CARRIAGE[channel].upward:
        assert may(SERVING.reads, topic)
        assert not may(SERVING.writes, topic)
    else:
        assert may((TIMING if channel in OF_THE_TIMESERVER else SERVING).writes, topic)


@given(NAMES, st.sampled_from(OF_KIOSK))
def test_a_kiosk_says_its_own_words_and_hears_its_answers(kiosk: str, channel: Channel) -> None:
    topic = topic_of(Place(channel, kiosk=kiosk))
    own = rights_of(BrokerClient(kiosk, ClientKind.KIOSK))
    up = CARRIAGE[channel].upward
    assert may(own.writes, topic) == may(SERVING.reads, topic) == up
    assert may(own.reads, topic) == may(SERVING.writes, topic) == (not up)
    assert may(TIMING.reads, topic) == (channel is Channel.KIOSK_ASK)
    assert may(TIMING.writes, topic) == (channel is Channel.KIOSK_ANSWER)


@given(NAMES, NAMES, NAMES, st.sampled_from(Channel))
def test_a_kiosk_neither_speaks_nor_hears_for_another_or_for_a_link(
    kiosk: str, other: str, meter: str, channel: Channel
) -> None:
    topic = topic_of(Place(channel, link=other, meter=meter, order="o1", kiosk=other))
    rights = rights_of(BrokerClient(kiosk, ClientKind.KIOSK))
    own = channel in OF_KIOSK and kiosk == other
    assert own or not may(rights.writes, topic)
    assert own or channel is Channel.CONTROLLER or not may(rights.reads, topic)


@given(NAMES, NAMES, NAMES, st.sampled_from(OF_LINKS))
def test_a_link_neither_speaks_nor_hears_for_another(
    link: str, other: str, meter: str, channel: Channel
) -> None:
    topic = topic_of(Place(channel, link=other, meter=meter, order="o1"))
    rights = rights_of(BrokerClient(link, ClientKind.LINK))
    own = link == other or not topic.startswith(f"{PREFIX}/links/")
    assert own or not may((*rights.reads, *rights.writes), topic)


@given(NAMES, NAMES, st.sampled_from(Channel))
def test_a_timeserver_hears_asks_and_says_answers_and_nothing_else(
    link: str, meter: str, channel: Channel
) -> None:
    topic = topic_of(Place(channel, link=link, meter=meter, order="o1", kiosk=link))
    heard = {Channel.TIME_ASK, Channel.SERVICE_ASK, Channel.TIMESERVER, Channel.KIOSK_ASK}
    said = {Channel.TIME_ANSWER, Channel.KIOSK_ANSWER, *OF_THE_TIMESERVER}
    assert may(TIMING.reads, topic) == (channel in heard)
    assert may(TIMING.writes, topic) == (channel in said)


@given(NAMES, NAMES, KINDS, KINDS, st.integers(1, 9), st.integers(1, 9))
def test_no_two_clients_have_the_same_user(
    one: str, other: str, this: ClientKind, that: ClientKind, first: int, second: int
) -> None:
    clients = BrokerClient(one, this, first), BrokerClient(other, that, second)
    assert (clients[0].user == clients[1].user) == (clients[0] == clients[1])


def test_the_access_list_names_each_client_once_with_its_topics() -> None:
    text = access_list([BrokerClient("b", ClientKind.LINK, 2), BrokerClient(TIMESERVER, ClientKind.PROGRAM)])
    assert text == (
        "# Written by `relance broker config`, which writes it anew.\n"
        "\n"
        "user link:b:2\n"
        "topic read relance/v1/controller/status\n"
        "topic read relance/v1/fleet/orders/+\n"
        "topic read relance/v1/links/b/meters/+/orders\n"
        "topic read relance/v1/links/b/meters/+/time/answer\n"
        "topic read relance/v1/links/b/acks\n"
        "topic write relance/v1/links/b/status\n"
        "topic write relance/v1/links/b/readings\n"
        "topic write relance/v1/links/b/sync\n"
        "topic write relance/v1/links/b/meters/+/receipts\n"
        "topic write relance/v1/links/b/meters/+/reported\n"
        "topic write relance/v1/links/b/meters/+/events\n"
        "topic write relance/v1/links/b/meters/+/time/ask\n"
        "\n"
        "user program:timeserver:1\n"
        "topic read relance/v1/links/+/meters/+/time/ask\n"
        "topic read relance/v1/kiosks/+/time/ask\n"
        "topic read relance/v1/controller/time/ask\n"
        "topic read relance/v1/timeserver/status\n"
        "topic write relance/v1/links/+/meters/+/time/answer\n"
        "topic write relance/v1/kiosks/+/time/answer\n"
        "topic write relance/v1/timeserver/status\n"
        "topic write relance/v1/controller/time/answer\n"
    )


@pytest.mark.parametrize("line", ["require_certificate true", "allow_anonymous false", "acl_file /b/acl"])
def test_the_broker_lets_nobody_in_without_a_certificate(line: str) -> None:
    assert line in mosquitto_config("/b", "127.0.0.1", 8883).splitlines()


@pytest.mark.parametrize(
    ("held", "added", "removed", "after"),
    [
        ((), ("b", "a"), (), ("a", "b")),
        (("a", "b"), ("b",), (), ("a", "b")),
        (("a", "b"), (), ("a",), ("b",)),
    ],
)
def test_links_are_added_and_taken_away(
    held: tuple[str, ...], added: tuple[str, ...], removed: tuple[str, ...], after: tuple[str, ...]
) -> None:
    assert merged_names(held, added, removed) == after
