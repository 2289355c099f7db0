"""Two runs with one key on one broker: the later one leads, whatever is lost, repeated or replayed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.service.presence import Presence
from controller.service.rules import RunStanding, hear, is_forsaken
from controller.service.time_program import serve_time
from protocols.documents.envelope import Signer
from protocols.errors import DocumentError
from protocols.link.births import Birth, open_birth, signed_status
from protocols.link.carriage import Arrival
from protocols.link.messages import ControllerStatus, read_message, write_message
from protocols.link.topics import Channel, Place
from protocols.reasons import Source
from protocols.rim.clocks import SystemClock
from tests.brokers.post import until
from tests.brokers.running import Mosquitto
from tests.controller.service_bench import SERVICE_KEYS, SteppedClock

PLACE = Place(Channel.CONTROLLER)
SIGNER = SERVICE_KEYS.service
STRANGER = Signer.from_seed(b"s" * 32)


YIELDS, LEADS, AGAIN = "and yields to this one", "leads on this broker", "has ended; this one leads again"


def drawn(number: int) -> str:
    return f"{number:032x}"


NONCES = st.integers(min_value=0, max_value=3).map(drawn)
BIRTHS = st.builds(
    Birth,
    nonce=NONCES,
    challenge=NONCES,
    started_ms=st.integers(min_value=0, max_value=2),
    online=st.booleans(),
    answers=NONCES | st.just(""),
)
STANDINGS = st.builds(
    RunStanding, nonce=NONCES, started_ms=st.integers(min_value=0, max_value=2), challenge=NONCES
)


@given(birth=BIRTHS)
def test_a_birth_is_what_the_key_has_signed(birth: Birth) -> None:
    status = read_message(write_message(signed_status(birth, 7, SIGNER)), ControllerStatus)
    assert open_birth(status, {SIGNER.keyid: SIGNER.public}) == birth
    assert open_birth(status, {STRANGER.keyid: STRANGER.public}) is None
    turned = ControllerStatus(online=not birth.online, sequence=7, signed=status.signed)
    with pytest.raises(DocumentError, match="says something else"):
        open_birth(turned, {SIGNER.keyid: SIGNER.public})


def test_a_status_without_a_birth_is_that_of_an_older_service() -> None:
    status = read_message(b'{"online":true,"sequence":1,"v":1}', ControllerStatus)
    assert open_birth(status, {SIGNER.keyid: SIGNER.public}) is None


@given(own=STANDINGS, births=st.lists(BIRTHS, max_size=8))
def test_nobody_yields_but_to_a_later_run_that_answers_its_challenge(
    own: RunStanding, births: list[Birth]
) -> None:
    standing = own
    for birth in births:
        standing = hear(standing, birth).standing
        if standing.leader:
            reasons = [each for each in births if each.nonce == standing.leader]
            assert any(
                each.online
                and each.answers == own.challenge
                and (each.started_ms, each.nonce) > (own.started_ms, own.nonce)
                for each in reasons
            )


class Broker:
    """Hands each status to every run, the sender too, and retains what is to be retained."""

    def __init__(self) -> None:
        self.runs: list[Presence] = []
        self.retained = b""
        self.sequences: list[int] = []
        self.posts: list[bytes] = []

    @property
    def connected(self) -> bool:
        return True

    async def publish(
        self, place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
    ) -> None:
        assert (place, expiry_s) == (PLACE, None)
        await asyncio.sleep(0)
        self.posts.append(payload)
        self.sequences.append(read_message(payload, ControllerStatus).sequence)
        if retain:
            self.retained = payload
        for run in self.runs:
            run.hear(Arrival(PLACE, payload))

    async def join(self, run: Presence) -> None:
        run.attach(self)
        before, self.runs = self.retained, [*self.runs, run]
        await run.greet()
        if before:
            run.hear(Arrival(PLACE, before, retained=True))

    async def leave(self, run: Presence) -> None:
        self.runs.remove(run)
        place, farewell = run.last_will()
        await self.publish(place, farewell, retain=True)


def a_run(clock: SteppedClock, numbers: "count[int]") -> Presence:
    return Presence("serve", PLACE, SIGNER, clock, lambda: drawn(next(numbers)))


async def settled(*runs: Presence) -> None:
    """Let each run say what it has to, and let a minute pass without a word where nothing is left."""
    for _ in range(8):
        for run in runs:
            if run._announces or run._answers:
                run._woken.clear()
                await run._publish_safely()


def play(story: Callable[[Broker, SteppedClock, "count[int]"], Awaitable[None]]) -> None:
    asyncio.run(_play(story))


async def _play(story: Callable[[Broker, SteppedClock, "count[int]"], Awaitable[None]]) -> None:
    await story(Broker(), SteppedClock(), count(1))


def test_the_later_run_leads_and_both_say_so_and_the_earlier_leads_again_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(broker: Broker, clock: SteppedClock, numbers: "count[int]") -> None:
        first = a_run(clock, numbers)
        await broker.join(first)
        await clock.step_to(clock.now_ms() + 1_000)
        second = a_run(clock, numbers)
        await broker.join(second)
        await settled(first, second)
        assert (first.leads, second.leads) == (False, True)
        # Links sync at a new sequence number: two runs have come, and no more than two are announced.
        assert len(set(broker.sequences)) == 2
        await broker.leave(second)
        await settled(first)
        assert first.leads
        assert read_message(broker.retained, ControllerStatus).online

    play(story)
    lines = [record.getMessage() for record in caplog.records]
    assert [sum(words in line for line in lines) for words in (YIELDS, LEADS, AGAIN)] == [1, 1, 1]
    assert len(lines) == 3


def test_a_leader_that_vanishes_without_a_word_is_followed_after_two_questions() -> None:
    async def story(broker: Broker, clock: SteppedClock, numbers: "count[int]") -> None:
        first = a_run(clock, numbers)
        await broker.join(first)
        await clock.step_to(clock.now_ms() + 1_000)
        second = a_run(clock, numbers)
        await broker.join(second)
        await settled(first, second)
        first._ask()
        await settled(first, second)
        first._ask()
        await settled(first, second)
        assert not first.leads
        assert not is_forsaken(first._standing)
        broker.runs.remove(second)
        first._ask()
        await settled(first)
        assert not first.leads
        first._ask()
        await settled(first)
        assert first.leads

    play(story)


def test_what_was_said_before_silences_nobody_when_it_is_replayed() -> None:
    async def story(broker: Broker, clock: SteppedClock, numbers: "count[int]") -> None:
        first = a_run(clock, numbers)
        await broker.join(first)
        await clock.step_to(clock.now_ms() + 1_000)
        second = a_run(clock, numbers)
        await broker.join(second)
        await settled(first, second)
        heard = list(broker.posts)
        await broker.leave(second)
        await settled(first)
        await first.greet()
        for payload in heard:
            first.hear(Arrival(PLACE, payload))
            assert first.leads
        await settled(first)
        assert first.leads

    play(story)


def test_nobody_yields_to_another_key_and_a_forged_farewell_is_put_right() -> None:
    async def story(broker: Broker, clock: SteppedClock, numbers: "count[int]") -> None:
        run = a_run(clock, numbers)
        await broker.join(run)
        birth = Birth(
            nonce=drawn(99),
            challenge=drawn(98),
            started_ms=2**50,
            online=True,
            answers=run._standing.challenge,
        )
        forged = write_message(signed_status(birth, 1, STRANGER))
        run.hear(Arrival(PLACE, forged))
        run.hear(Arrival(PLACE, b"no status"))
        assert (run.leads, run.refused) == (True, 2)
        await broker.publish(PLACE, b'{"online":false,"sequence":9,"v":1}', retain=True)
        await settled(run)
        assert read_message(broker.retained, ControllerStatus).online

    play(story)


def test_two_real_timeservers_on_one_broker_know_of_each_other_and_stay_connected(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With one client id for both, a broker ends each one's connection for the other, for ever."""
    broker = Mosquitto(tmp_path)
    broker.start()

    def said(words: str) -> bool:
        return any(words in record.getMessage() for record in caplog.records)

    async def story() -> None:
        runs = []
        for _ in range(2):
            time = serve_time(Source.TIMESERVER, SIGNER, (), broker.address, SystemClock())
            runs.append(asyncio.create_task(time))
        try:
            await until(lambda: said(YIELDS) and said(LEADS), "both say so")
            runs[0].cancel()
            with suppress(asyncio.CancelledError):
                await runs[0]
            third = serve_time(Source.TIMESERVER, SIGNER, (), broker.address, SystemClock())
            runs.append(asyncio.create_task(third))
            await until(lambda: sum(YIELDS in each.getMessage() for each in caplog.records) == 2, "the third")
        finally:
            for run in runs[1:]:
                run.cancel()
                with suppress(asyncio.CancelledError):
                    await run
        assert not said("trying again")

    try:
        asyncio.run(story())
    finally:
        broker.stop()
