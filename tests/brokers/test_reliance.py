"""What we rely on of a broker, whole: run against each one that we name (design §5).

A broker that passes this file can stand behind `--broker`. What is not here is not relied on: its memory
across a restart, many retained messages, queues for clients that are away, exactly-once delivery.
"""

import asyncio
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from protocols.limits import ID_CHARS_MAX, PAYLOAD_BYTES_MAX
from protocols.link.carriage import NotConnectedError
from protocols.link.topics import Channel, Place, controller_filters, link_filters, topic_of
from tests.brokers.post import Post, play, running, until
from tests.brokers.running import RunningBroker

LINK = "link-1"
ORDER = Place(Channel.ORDERS, link=LINK, meter="m1")
EVENT = Place(Channel.EVENTS, link=LINK, meter="m1")
STATUS = Place(Channel.STATUS, link=LINK)


def fleet_order(name: str) -> Place:
    return Place(Channel.FLEET_ORDERS, order=name)


def make_link(broker: RunningBroker, name: str = LINK) -> Post:
    return Post(broker.address, name, link_filters(name))


def make_controller(broker: RunningBroker) -> Post:
    return Post(broker.address, "controller", controller_filters())


@asynccontextmanager
async def bare_client(broker: RunningBroker) -> AsyncIterator[aiomqtt.Client]:
    """The client library itself, for what a carrier does not show."""
    address = broker.address
    version = aiomqtt.ProtocolVersion.V5
    async with aiomqtt.Client(address.host, address.port, identifier="bare", protocol=version) as client:
        yield client


def test_messages_pass_both_ways_and_only_to_those_addressed(broker: RunningBroker) -> None:
    async def story() -> None:
        controller, link, other = make_controller(broker), make_link(broker), make_link(broker, "link-2")
        async with running(controller, link, other):
            await controller.publish(ORDER, b"down")
            await link.publish(EVENT, b"up")
            await controller.publish(fleet_order("hold-1"), b"to all")
            await until(lambda: len(link.heard) == 2 and bool(controller.heard), "both have heard")
            await until(lambda: bool(other.heard), "the other link has heard")
        assert link.heard == [(ORDER, b"down", False), (fleet_order("hold-1"), b"to all", False)]
        assert controller.heard == [(EVENT, b"up", False)]
        assert other.heard == [(fleet_order("hold-1"), b"to all", False)]

    play(story)


def test_what_one_publishes_on_one_topic_stays_in_order(broker: RunningBroker) -> None:
    count = 1_000

    async def story() -> None:
        controller, link = make_controller(broker), make_link(broker)
        async with running(controller, link):
            # All at once: many are on the way to the broker at the same time.
            await asyncio.gather(*(link.publish(EVENT, b"%d" % number) for number in range(count)))
            await until(lambda: len(controller.heard) == count, "all have arrived")
        assert all(int(before) < int(after) for before, after in pairwise(controller.payloads))

    play(story)


def test_the_largest_payload_passes_under_the_longest_topic_both_ways(broker: RunningBroker) -> None:
    name = "n" * ID_CHARS_MAX
    payload = bytes(range(256)) * (PAYLOAD_BYTES_MAX // 256)

    async def story() -> None:
        controller, link = make_controller(broker), make_link(broker, name)
        async with running(controller, link):
            await link.publish(Place(Channel.EVENTS, link=name, meter=name), payload)
            await controller.publish(Place(Channel.TIME_ANSWER, link=name, meter=name), payload)
            await until(lambda: bool(link.heard and controller.heard), "both have heard")
        assert (controller.payloads, link.payloads) == ([payload], [payload])

    play(story)


def test_the_last_will_of_a_link_that_was_killed_is_published_and_retained(broker: RunningBroker) -> None:
    program = textwrap.dedent("""
        import asyncio, sys
        from protocols.rim.carrier import Carrier
        from protocols.link.carriage import read_address
        from protocols.link.topics import Channel, Place

        STATUS = Place(Channel.STATUS, link="link-1")

        async def handle(place, payload, retained): pass
        async def greet(): await carrier.publish(STATUS, b"online")

        async def main():
            global carrier
            carrier = Carrier(read_address(sys.argv[1]), "link-1", (), handle=handle, on_connect=greet,
                              last_will=lambda: (STATUS, b"offline"))
            await carrier.run()

        asyncio.run(main())
    """)

    async def story() -> None:
        controller = make_controller(broker)
        link = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(broker.address))
        try:
            async with running(controller):
                await until(lambda: controller.payloads == [b"online"], "the birth is heard")
                link.kill()
                await link.wait()
                await until(lambda: len(controller.heard) == 2, "the last will is heard")
        finally:
            if link.returncode is None:
                link.kill()
            await link.wait()
        assert controller.heard == [(STATUS, b"online", False), (STATUS, b"offline", False)]

        late = make_controller(broker)
        async with running(late):
            await until(lambda: bool(late.heard), "the retained will is heard")
        assert late.heard == [(STATUS, b"offline", True)]

    play(story)


def test_a_handful_of_retained_messages_reaches_later_subscribers_until_cleared(
    broker: RunningBroker,
) -> None:
    names = [f"hold-{number}" for number in range(20)]

    async def story() -> None:
        controller = make_controller(broker)
        async with running(controller):
            for name in names:
                await controller.publish(fleet_order(name), name.encode())
                await controller.publish(fleet_order(name), name.upper().encode())  # the later one stays

            link = make_link(broker)
            async with running(link):
                await until(lambda: len(link.heard) == len(names), "all are heard")
            assert sorted(link.payloads) == sorted(name.upper().encode() for name in names)
            assert all(each.retained for each in link.heard)

            for name in names[1:]:
                await controller.publish(fleet_order(name), b"")
            late = make_link(broker)
            async with running(late):
                await controller.publish(ORDER, b"last")
                await until(lambda: b"last" in late.payloads, "what was sent last is heard")
            assert sorted(late.payloads) == sorted([names[0].upper().encode(), b"last"])

    play(story)


def test_a_message_carries_the_rest_of_its_expiry(broker: RunningBroker) -> None:
    async def story() -> None:
        controller = make_controller(broker)
        async with running(controller), bare_client(broker) as client:
            await client.subscribe(topic_of(ORDER), qos=1)
            await controller.publish(ORDER, b"harm", expiry_s=60)
            message = await asyncio.wait_for(anext(client.messages), 20)
            assert message.qos == 1
            assert message.properties is not None
            assert 50 < getattr(message.properties, "MessageExpiryInterval", 0) <= 60

    play(story)


def test_a_message_that_has_expired_is_not_delivered(broker: RunningBroker) -> None:
    async def story() -> None:
        controller = make_controller(broker)
        async with running(controller), bare_client(broker) as client:
            for name, expiry_s in (("short", 1), ("long", 60)):
                properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho leaves it bare
                properties.MessageExpiryInterval = expiry_s
                topic = topic_of(fleet_order(name))
                await client.publish(topic, name, qos=1, retain=True, properties=properties)
            # Brokers count whole seconds.
            await asyncio.sleep(2.1)
            late = make_link(broker)
            async with running(late):
                await controller.publish(ORDER, b"last")
                await until(lambda: b"last" in late.payloads, "what was sent last is heard")
        assert sorted(late.payloads) == [b"last", b"long"]

    play(story)


def test_a_link_that_was_offline_finds_no_order_in_a_queue(broker: RunningBroker) -> None:
    async def story() -> None:
        controller = make_controller(broker)
        async with running(controller):
            async with running(make_link(broker)):
                pass
            await controller.publish(ORDER, b"while away")
            link = make_link(broker)
            async with running(link):
                await controller.publish(ORDER, b"now")
                await until(lambda: bool(link.heard), "the new one is heard")
        assert link.payloads == [b"now"]

    play(story)


def test_after_a_kill_of_the_broker_both_ends_come_back_by_themselves_and_say_so(
    broker: RunningBroker, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        births = 0

        async def greet() -> None:
            nonlocal births
            births += 1
            await link.publish(STATUS, b"birth %d" % births)

        controller = make_controller(broker)
        link = Post(broker.address, LINK, link_filters(LINK), on_connect=greet)
        async with running(controller, link):
            broker.kill()
            await until(lambda: not (link.connected or controller.connected), "both notice")
            with pytest.raises(NotConnectedError, match=str(broker.address)):
                await link.publish(EVENT, b"lost")
            broker.start()
            await until(lambda: link.connected and controller.connected, "both are back")
            assert births >= 2
            await link.publish(EVENT, b"up")
            await controller.publish(ORDER, b"down")
            await until(lambda: b"up" in controller.payloads and b"down" in link.payloads, "both have heard")

    play(story)
    said = [each.getMessage() for each in caplog.records if each.name == "protocols.rim.carrier"]
    assert sum("connected again after" in line for line in said) == 2
