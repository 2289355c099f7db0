"""A whole fleet that answers at once never costs us the connection."""

import asyncio

import pytest

from protocols.link import carriage
from protocols.link.carriage import Arrival, NotConnectedError
from protocols.link.topics import Channel, Place, topic_of
from protocols.rim.carrier import Carrier
from tests.brokers.post import Post, play, running, until
from tests.brokers.talking import TalkingBroker

ORDER = Place(Channel.ORDERS, link="link-1", meter="m1")
RECEIPT = topic_of(Place(Channel.RECEIPTS, link="link-1", meter="m1"))


def test_an_answer_behind_a_fleets_receipts_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carriage, "ANSWER_TIMEOUT_S", 0.3)
    broker = TalkingBroker(RECEIPT, before=40, every_s=0.03)

    async def story() -> None:
        async with broker.running() as address:
            carrier = Post(address, "here", [RECEIPT])
            async with running(carrier):
                await carrier.publish(ORDER, b"x")
                assert len(carrier.heard) == 40
                await until(lambda: broker.acknowledged == [*range(1, 41)], "each is acknowledged, in order")
                assert broker.connects == 1

    play(story)


def test_all_who_wait_for_a_broker_that_says_nothing_end_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carriage, "ANSWER_TIMEOUT_S", 0.2)
    broker = TalkingBroker(RECEIPT, before=None, every_s=0)

    async def story() -> None:
        async with broker.running() as address:
            carrier = Post(address, "here")
            async with running(carrier):
                sent = [carrier.publish(ORDER, b"x") for _ in range(20)]
                ends = await asyncio.gather(*sent, return_exceptions=True)
                assert [type(each) for each in ends] == [NotConnectedError] * 20
                await until(lambda: broker.connects > 1, "it has begun again")

    play(story)


def test_a_broker_that_talks_and_never_answers_is_left_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carriage, "ANSWER_TIMEOUT_S", 0.3)
    monkeypatch.setattr(carriage, "ANSWER_S_MAX", 0.6)
    broker = TalkingBroker(RECEIPT, before=500, every_s=0.02)

    async def story() -> None:
        async with broker.running() as address:
            carrier = Post(address, "here", [RECEIPT])
            async with running(carrier):
                with pytest.raises(NotConnectedError, match="no answer"):
                    await carrier.publish(ORDER, b"x")

    play(story)


def test_others_come_to_their_turn_while_a_full_inbox_is_handled() -> None:
    broker = TalkingBroker(RECEIPT, before=1_000, every_s=0)
    turns = 0

    async def story() -> None:
        handled = 0

        async def handle(_arrival: Arrival) -> None:
            nonlocal handled
            if not handled:
                await blocked.wait()
            handled += 1

        async def count() -> None:
            nonlocal turns
            await blocked.wait()
            while handled < 1_000:
                turns += 1
                await asyncio.sleep(0)

        blocked = asyncio.Event()
        async with broker.running() as address:
            carrier = Carrier(address, "here", [RECEIPT], handle=handle)
            async with running(carrier):
                counting = asyncio.create_task(count())
                await carrier.publish(ORDER, b"x")
                blocked.set()
                await counting

    play(story)
    assert turns >= 9
