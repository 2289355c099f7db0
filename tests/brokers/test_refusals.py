"""A broker that refuses one topic: that message is named, all others travel, and nobody reconnects."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.fleet.running import RunningLink
from protocols.errors import RefusedError
from protocols.instants import MINUTE_MS
from protocols.link.carriage import (
    Arrival,
    BrokerRefusedError,
    NotConnectedError,
    Refusals,
    ask_again_ms,
)
from protocols.link.topics import Channel, Place, topic_of
from protocols.rim.carrier import Carrier
from tests.brokers.post import Post, play, running, until
from tests.brokers.refusing import RefusingBroker
from tests.brokers.running import Mosquitto
from tests.controller.service_bench import SteppedClock, make_link

DENIED = Place(Channel.ORDERS, link="link-1", meter="m1")
GRANTED = Place(Channel.ORDERS, link="link-1", meter="m2")
# MQTT 5 §3.4.2.1 and §3.9.3: every reason code of a PUBACK and of a SUBACK that is a failure.
PUBACK_FAILURES = [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]
SUBACK_FAILURES = [0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2]


async def ignore(_arrival: Arrival) -> None:
    """A handler that does nothing."""


@pytest.mark.parametrize("code", [0x00, 0x10, *PUBACK_FAILURES])
def test_a_puback_that_refuses_concerns_one_message_and_keeps_the_connection(code: int) -> None:
    async def story() -> None:
        broker = RefusingBroker(lambda topic: code if topic == topic_of(DENIED) else 0, lambda _filter: 1)
        async with broker.running() as address:
            carrier = Carrier(address, "here", (), handle=ignore)
            async with running(carrier):
                outcomes = await asyncio.gather(
                    carrier.publish(DENIED, b"x"),
                    carrier.publish(GRANTED, b"x"),
                    carrier.publish(DENIED, b"y"),
                    return_exceptions=True,
                )
                assert carrier.connected
            assert broker.connects == 1
        refused = code >= 0x80
        assert [isinstance(each, BrokerRefusedError) for each in outcomes] == [refused, False, refused]
        assert carrier.traffic.published.total() == (1 if refused else 3)
        assert carrier.traffic.refused.total() == (2 if refused else 0)
        if refused:
            assert f"(0x{code:02x})" in str(outcomes[0])

    play(story)


@pytest.mark.parametrize("code", SUBACK_FAILURES)
def test_a_suback_that_refuses_one_filter_leaves_the_others_and_is_logged(
    code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        broker = RefusingBroker(lambda _topic: 0, lambda each: code if each == "denied" else 1)
        async with broker.running() as address:
            carrier = Carrier(address, "here", ("denied", "granted"), handle=ignore)
            async with running(carrier):
                await carrier.publish(GRANTED, b"x")
            assert (broker.connects, broker.filters) == (1, ["denied", "granted"])

    with caplog.at_level(logging.WARNING):
        play(story)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "refuses to send us denied: " in line
    assert f"(0x{code:02x})" in line


def test_a_filter_that_was_refused_is_asked_for_again_until_it_is_granted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter([0x87, 0x87, 1])
    monkeypatch.setattr("protocols.rim.carrier.ask_again_ms", lambda _refusals: 1)

    async def story() -> None:
        broker = RefusingBroker(lambda _topic: 0, lambda _filter: next(answers))
        async with broker.running() as address, running(Carrier(address, "here", ("x",), handle=ignore)):
            await until(lambda: len(broker.filters) == 3, "it is asked for three times")
        assert broker.connects == 1

    play(story)


@given(refusals=st.integers(min_value=0, max_value=10_000))
@settings(max_examples=30)
def test_the_wait_doubles_from_a_minute_to_five(refusals: int) -> None:
    wait_ms = ask_again_ms(refusals)
    assert MINUTE_MS <= wait_ms <= 5 * MINUTE_MS
    assert ask_again_ms(refusals + 1) == min(2 * wait_ms, 5 * MINUTE_MS)


@given(
    steps=st.lists(st.tuples(st.sampled_from("ab"), st.integers(min_value=0, max_value=5_000)), max_size=30)
)
def test_a_refused_topic_is_tried_again_only_when_its_wait_is_over(steps: list[tuple[str, int]]) -> None:
    refusals, now_s = Refusals(), 0.0
    until_s, counts = {"a": 0.0, "b": 0.0}, {"a": 0, "b": 0}
    for topic, later_s in steps:
        now_s += later_s
        error = BrokerRefusedError(topic, 0x87, "Not authorized")
        assert (refusals.standing(topic, now_s) is None) == (now_s >= until_s[topic])
        if now_s >= until_s[topic]:
            refusals.note(topic, error, now_s)
            until_s[topic] = now_s + ask_again_ms(counts[topic]) / 1_000
            counts[topic] += 1
    refusals.forget("a")
    assert refusals.standing("a", now_s) is None


def refuse_publishing(denied: Callable[[str], bool]) -> RefusingBroker:
    return RefusingBroker(lambda topic: 0x87 if denied(topic) else 0, lambda _filter: 1)


def test_a_link_whose_birth_is_refused_stays_and_publishes_the_rest() -> None:
    async def story() -> None:
        broker = refuse_publishing(lambda topic: topic.endswith("link-1/status"))
        async with broker.running() as address:
            link = make_link("link-1", ("m1", "m2"))
            # Their own time: by this machine's they would live through years first.
            runs = RunningLink(link, address, SteppedClock())
            task = asyncio.create_task(runs.run())
            await until(lambda: any("/reported" in topic for topic in broker.topics), "its meters report")
            # The broker has answered both by now; its answers may still be on their way.
            await until(lambda: runs.carrier.traffic.refused[Channel.STATUS] == 1, "its birth is refused")
            assert link.online
            assert broker.connects == 1
            task.cancel()
            await asyncio.wait([task])

    play(story)


def test_one_denied_topic_of_a_real_broker_ends_no_second_connection(tmp_path: Path) -> None:
    """Mosquitto 2.0 answers 0x87 and ends the connection: the topic must not be tried at the next one."""
    broker = Mosquitto(tmp_path, access_list=f"topic deny {topic_of(DENIED)}\ntopic readwrite #\n")
    broker.start()
    line = r"m1/orders: refused by the broker: Not authorized \(0x87\)"

    async def story() -> None:
        connects = 0

        async def greet() -> None:
            nonlocal connects
            connects += 1
            with suppress(RefusedError):
                await carrier.publish(DENIED, b"again")

        hears = Post(broker.address, "hears", [topic_of(GRANTED)])
        carrier = Carrier(broker.address, "here", (), handle=ignore, on_connect=greet)
        async with running(hears, carrier):
            await until(lambda: carrier.traffic.refused.total() == 1, "it is refused")
            for _ in range(50):
                with suppress(NotConnectedError):
                    await carrier.publish(GRANTED, b"y")
                    with pytest.raises(RefusedError, match=line):
                        await carrier.publish(DENIED, b"x")
                    break
                await asyncio.sleep(0.1)
            await until(lambda: hears.payloads == [b"y"], "the granted one arrives")
            assert carrier.connected
        assert connects <= 2
        assert carrier.traffic.refused.total() == 1

    try:
        play(story)
    finally:
        broker.stop()
