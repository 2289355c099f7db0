"""The carrier keeps its word whatever the network and its handlers do."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import aiomqtt
import pytest

from emulator.fleet.embedded_broker import EmbeddedBroker
from protocols.errors import DocumentError, UnreachableError
from protocols.limits import PAYLOAD_BYTES_MAX
from protocols.link.carriage import Arrival, BrokerAddress, Drop, NotConnectedError
from protocols.link.topics import PREFIX, Channel, Place, link_filters, topic_of
from protocols.rim.carrier import Carrier
from tests.brokers.post import TIMEOUT_S, play, running, until
from tests.brokers.running import Embedded, Mosquitto

LINK = "link-1"
ORDER = Place(Channel.ORDERS, link=LINK, meter="m1")
STATUS = Place(Channel.STATUS, link=LINK)
FILTERS = link_filters(LINK)


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as started:
        yield started


async def ignore(_arrival: Arrival) -> None:
    """A handler that does nothing."""


def test_all_that_arrives_is_counted_and_only_documents_reach_the_handler(broker: EmbeddedBroker) -> None:
    seen = []

    async def handle(arrival: Arrival) -> None:
        seen.append((arrival.place, len(arrival.payload)))

    async def story() -> None:
        carrier = Carrier(broker.address, "here", [f"{PREFIX}/links/#", "other/#"], handle=handle)
        address = broker.address
        sender = aiomqtt.Client(address.host, address.port, protocol=aiomqtt.ProtocolVersion.V5)
        async with running(carrier), sender:
            for topic, length in (
                ("other/project", 1),
                (f"{PREFIX}/links/{LINK}/nonsense", 1),
                (topic_of(ORDER), PAYLOAD_BYTES_MAX + 1),
                (topic_of(ORDER), 0),
                (topic_of(ORDER), PAYLOAD_BYTES_MAX),
            ):
                await sender.publish(topic, b"x" * length, qos=1)
            await until(lambda: carrier.traffic.handled[Channel.ORDERS] == 1, "the document is handled")
        assert carrier.traffic.dropped == {Drop.FOREIGN_TOPIC: 2, Drop.TOO_LARGE: 1, Drop.EMPTY: 1}
        assert carrier.traffic.received == {Channel.ORDERS: 1}
        assert carrier.traffic.waiting == 0

    play(story)
    assert seen == [(ORDER, PAYLOAD_BYTES_MAX)]


def test_a_handler_that_fails_is_logged_and_counted_and_the_next_message_is_handled(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(arrival: Arrival) -> None:
        if arrival.payload == b"bug":
            raise ZeroDivisionError("by hand")
        if arrival.payload == b"bad document":
            raise DocumentError("order: not one")

    async def story() -> None:
        carrier = Carrier(broker.address, "here", FILTERS, handle=handle)
        async with running(carrier):
            for payload in (b"bug", b"bad document", b"good"):
                await carrier.publish(ORDER, payload)
            await until(lambda: carrier.traffic.handled[Channel.ORDERS] == 1, "the good one is handled")
            assert carrier.traffic.failed == {Channel.ORDERS: 2}
            assert [repr(error) for error in carrier.errors] == ["ZeroDivisionError('by hand')"]

    with caplog.at_level(logging.WARNING):
        play(story)
    assert [record.getMessage() for record in caplog.records] == [
        "here: orders: a bug",
        "here: orders: order: not one",
    ]


def test_every_message_is_counted_before_it_is_sent(broker: EmbeddedBroker) -> None:
    count = 300

    async def story() -> None:
        async def answer(arrival: Arrival) -> None:
            await far.publish(Place(Channel.RECEIPTS, link=LINK, meter="m1"), arrival.payload)

        near = Carrier(broker.address, "near", [f"{PREFIX}/links/+/meters/+/receipts"], handle=ignore)
        far = Carrier(broker.address, "far", FILTERS, handle=answer)

        def drained() -> bool:
            return all(
                sent.traffic.published[channel] == heard.traffic.handled[channel]
                for sent, heard, channel in ((near, far, Channel.ORDERS), (far, near, Channel.RECEIPTS))
            )

        async with running(near, far):
            sending = [asyncio.create_task(near.publish(ORDER, b"%d" % number)) for number in range(count)]
            await until(lambda: near.traffic.published[Channel.ORDERS] == count, "all are handed over")
            await until(drained, "all is handled")
            assert near.traffic.handled == {Channel.RECEIPTS: count}
            await asyncio.gather(*sending)

    play(story)


def test_small_messages_do_not_wait_for_an_acknowledgement_on_the_way(broker: EmbeddedBroker) -> None:
    """44 ms per message, were TCP_NODELAY not set (design §5)."""

    async def story() -> None:
        carrier = Carrier(broker.address, "here", (), handle=ignore)
        async with running(carrier):
            assert carrier._client is not None
            connection = carrier._client._client.socket()
            assert connection is not None
            with socket.socket(fileno=os.dup(connection.fileno())) as same:
                assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    play(story)


def test_arrivals_after_a_disconnect_count_as_failed(broker: EmbeddedBroker) -> None:
    async def story() -> None:
        released = asyncio.Event()

        async def handle(_arrival: Arrival) -> None:
            await released.wait()

        near = Carrier(broker.address, "near", (), handle=ignore)
        far = Carrier(broker.address, "far", FILTERS, handle=handle)
        async with running(near, far):
            await near.publish(ORDER, b"handled")
            await until(lambda: far.traffic.received.total() == 1, "the first is being handled")
            assert far._client is not None
            far._disconnect(far._client, "by hand")
            for _ in range(3):
                await near.publish(ORDER, b"too late")
            await until(lambda: far.traffic.received.total() == 4, "the others have arrived as well")
            arrivals = [far._inbox.get_nowait() for _ in range(far._inbox.qsize())]
            assert [arrival and arrival.payload for arrival in arrivals] == [None, *[b"too late"] * 3]
            for arrival in arrivals:
                far._inbox.put_nowait(arrival)
            released.set()
            await until(lambda: far.traffic.waiting == 0 and far.connected, "it has begun again")
            assert (far.traffic.handled.total(), far.traffic.failed.total()) == (1, 3)

    play(story)


def test_nobody_can_make_us_hold_megabytes(tmp_path: Path) -> None:
    """A broker that takes any size drops what is larger than we said at connect."""
    lavish = Mosquitto(tmp_path)
    lavish.start()

    async def story() -> None:
        carrier = Carrier(lavish.address, "here", FILTERS, handle=ignore)
        address = lavish.address
        sender = aiomqtt.Client(address.host, address.port, protocol=aiomqtt.ProtocolVersion.V5)
        async with running(carrier), sender:
            for length in (5_000_000, PAYLOAD_BYTES_MAX + 1, 1):
                await sender.publish(topic_of(ORDER), bytes(length), qos=1)
            await until(lambda: carrier.traffic.handled.total() == 1, "the small one is handled")
        assert carrier.traffic.dropped == {Drop.TOO_LARGE: 1}

    try:
        play(story)
    finally:
        lavish.stop()


def test_a_payload_that_is_too_long_is_refused_before_it_travels(broker: EmbeddedBroker) -> None:
    async def story() -> None:
        carrier = Carrier(broker.address, "here", (), handle=ignore)
        async with running(carrier):
            with pytest.raises(DocumentError, match="orders: 16385 bytes; at most 16384"):
                await carrier.publish(ORDER, bytes(PAYLOAD_BYTES_MAX + 1))
            assert not carrier.traffic.published

    play(story)


def test_without_a_broker_the_first_attempt_fails_and_publishing_is_refused() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = BrokerAddress("127.0.0.1", nobody.getsockname()[1], "me", "secret")

        async def story() -> None:
            carrier = Carrier(address, "here", FILTERS, handle=ignore)
            line = f"^broker mqtt://127.0.0.1:{address.port}: Connection refused$"
            with pytest.raises(UnreachableError, match=line):
                async with running(carrier):
                    pass
            with pytest.raises(NotConnectedError, match=line):
                await carrier.publish(ORDER, b"x")

        play(story)


def test_an_unknown_host_name_gets_its_own_message() -> None:
    async def story() -> None:
        carrier = Carrier(BrokerAddress("no-host.invalid"), "here", FILTERS, handle=ignore)
        with pytest.raises(UnreachableError, match=r"^broker mqtt://no-host\.invalid:1883: no such host$"):
            async with running(carrier):
                pass

    play(story)


def test_a_refused_login_is_reported_without_the_login(tmp_path: Path) -> None:
    strict = Mosquitto(tmp_path, anonymous=False)
    strict.start()

    async def story() -> None:
        address = BrokerAddress(strict.address.host, strict.address.port, "me", "secret")
        carrier = Carrier(address, "here", FILTERS, handle=ignore)
        with pytest.raises(UnreachableError) as caught:
            async with running(carrier):
                pass
        assert str(caught.value) == f"broker {strict.address}: Not authorized"

    try:
        play(story)
    finally:
        strict.stop()


def test_a_cancelled_carrier_leaves_a_silent_listener_at_once() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()

        async def story() -> None:
            address = BrokerAddress("127.0.0.1", mute.getsockname()[1])
            task = asyncio.create_task(Carrier(address, "here", FILTERS, handle=ignore).run())
            await asyncio.sleep(0.2)
            task.cancel()
            # Far less than the time that a connection may take.
            async with asyncio.timeout(1):
                await asyncio.wait([task])

        play(story)


def test_waiting_for_an_acknowledgement_ends_at_once_when_the_broker_is_gone() -> None:
    broker = Embedded()
    broker.start()

    async def story() -> None:
        carrier = Carrier(broker.address, "here", (), handle=ignore)
        async with running(carrier):
            waiting = [asyncio.create_task(carrier.publish(ORDER, b"x" * 10_000)) for _ in range(500)]
            await until(lambda: carrier.traffic.published.total() > 0, "some are under way")
            broker.kill()
            results = await asyncio.gather(*waiting, return_exceptions=True)
            lost = [result for result in results if isinstance(result, NotConnectedError)]
            assert lost
            assert len(lost) + results.count(None) == len(results)
            assert carrier.traffic.published[Channel.ORDERS] == results.count(None)
            assert not carrier.errors

    try:
        play(story)
    finally:
        broker.stop()


def test_first_messages_that_fail_are_sent_again_on_a_new_connection(broker: EmbeddedBroker) -> None:
    async def story() -> None:
        attempts = 0

        async def greet() -> None:
            nonlocal attempts
            attempts += 1
            if attempts < 3:
                raise RuntimeError("not today")

        carrier = Carrier(broker.address, "here", FILTERS, handle=ignore, on_connect=greet)
        task = asyncio.create_task(carrier.run())
        with pytest.raises(UnreachableError, match="the first messages failed"):
            await carrier.first_attempt()
        await until(lambda: attempts == 3 and carrier.connected, "the third greeting stands")
        assert len(carrier.errors) == 2
        task.cancel()
        await asyncio.wait([task])

    play(story)


def test_a_connection_that_fails_at_its_subscription_is_not_left_behind(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        refused: list[aiomqtt.Client] = []

        async def refuse(client: aiomqtt.Client, _filters: Sequence[str]) -> None:
            assert client._client.is_connected()
            refused.append(client)
            raise aiomqtt.MqttError("the broker went away")

        carrier = Carrier(broker.address, "here", FILTERS, handle=ignore)
        monkeypatch.setattr(carrier, "_subscribe", refuse)
        with pytest.raises(UnreachableError, match="the broker went away"):
            async with running(carrier):
                pass
        assert refused
        assert not any(client._client.is_connected() for client in refused)

    play(story)


def test_an_orderly_end_publishes_the_last_will_too(broker: EmbeddedBroker) -> None:
    async def story() -> None:
        heard: list[bytes] = []

        async def keep(arrival: Arrival) -> None:
            if not arrival.retained:
                heard.append(arrival.payload)

        watcher = Carrier(broker.address, "watcher", [topic_of(STATUS)], handle=keep)
        leaver = Carrier(broker.address, LINK, (), handle=ignore, last_will=lambda: (STATUS, b"offline"))
        async with running(watcher):
            async with running(leaver):
                pass
            await until(lambda: heard == [b"offline"], "the goodbye is heard")

    play(story)


def test_a_cancellation_in_the_instant_of_an_acknowledgement_is_not_lost(
    broker: EmbeddedBroker,
) -> None:
    """bpo-37658: `asyncio.wait_for` of Python 3.11 loses a cancellation that comes with the answer."""

    async def end_after(passes: int) -> bool:
        async def send_on(arrival: Arrival) -> None:
            await carrier.publish(ORDER, arrival.payload)

        carrier = Carrier(broker.address, f"echo-{passes}", FILTERS, handle=send_on)
        task = asyncio.create_task(carrier.run())
        await carrier.first_attempt()
        await carrier.publish(ORDER, b"x")
        for _ in range(passes):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=TIMEOUT_S)
        return bool(done)

    async def story() -> None:
        assert [passes for passes in range(50, 130) if not await end_after(passes)] == []

    play(story)


def test_a_broker_that_stops_answering_is_left_and_its_messages_stay_unconfirmed() -> None:
    broker = Embedded()
    broker.start()

    async def story() -> None:
        carrier = Carrier(broker.address, "here", (), handle=ignore)
        async with running(carrier):
            os.kill(broker.pid, signal.SIGSTOP)
            # Else it may answer once more before it stands still.
            stat = Path(f"/proc/{broker.pid}/stat")
            await until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "it stands still")
            line = f"^broker {broker.address}: no answer$"
            with pytest.raises(NotConnectedError, match=line):
                await carrier.publish(ORDER, b"x")
            assert (carrier.traffic.published.total(), carrier.traffic.unconfirmed.total()) == (0, 1)
            os.kill(broker.pid, signal.SIGCONT)
            await until(lambda: carrier.connected, "it has begun again")

    try:
        play(story)
    finally:
        os.kill(broker.pid, signal.SIGCONT)
        broker.stop()
