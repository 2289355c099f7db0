"""The conductor: time never goes back, no sleeper wakes early, and the order of the parts changes nothing."""

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from controller.demo.conductor import Acts, Conductor
from protocols.instants import SECOND_MS

START_MS = 1_593_381_600_000
DUES = st.lists(st.integers(0, 20 * SECOND_MS), max_size=8)


class Ledger:
    """A part that records when it was advanced, and for which due instant."""

    def __init__(self, conductor: Conductor, dues_ms: Sequence[int]) -> None:
        self._conductor = conductor
        self._dues_ms = sorted(START_MS + due_ms for due_ms in dues_ms)
        self.done: list[tuple[int, int]] = []

    def next_due_ms(self) -> int | None:
        return self._dues_ms[0] if self._dues_ms else None

    async def advance(self) -> None:
        while self._dues_ms and self._dues_ms[0] <= self._conductor.now_ms():
            self.done.append((self._dues_ms.pop(0), self._conductor.now_ms()))


async def nothing_to_wait_for() -> None:
    """`until_quiet` of a post without messages."""
    await asyncio.sleep(0)


async def conducted(
    parts: Sequence[Sequence[int]], until_ms: int
) -> tuple[list[list[tuple[int, int]]], list[int]]:
    conductor = Conductor(START_MS, nothing_to_wait_for)
    ledgers = [Ledger(conductor, dues_ms) for dues_ms in parts]
    for ledger in ledgers:
        conductor.add(ledger)
    seen: list[int] = [conductor.now_ms()]
    while await conductor.step(until_ms):
        seen.append(conductor.now_ms())
    seen.append(conductor.now_ms())
    return [ledger.done for ledger in ledgers], seen


@given(st.lists(DUES, min_size=1, max_size=4))
def test_time_never_goes_back_and_ends_at_the_given_instant(parts: list[list[int]]) -> None:
    until_ms = START_MS + 30 * SECOND_MS
    _, seen = asyncio.run(conducted(parts, until_ms))
    assert seen == sorted(seen)
    assert seen[-1] == until_ms


@given(st.lists(DUES, min_size=1, max_size=4))
def test_each_part_is_moved_within_the_second_of_its_due_instant_and_never_before(
    parts: list[list[int]],
) -> None:
    done, _ = asyncio.run(conducted(parts, START_MS + 30 * SECOND_MS))
    assert [len(each) for each in done] == [len(dues_ms) for dues_ms in parts]
    assert all(0 <= moved_ms - due_ms < SECOND_MS for each in done for due_ms, moved_ms in each)


@given(st.lists(DUES, min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_parts_in_another_order_are_moved_at_the_same_instants(
    parts: list[list[int]], chance: object
) -> None:
    until_ms = START_MS + 30 * SECOND_MS
    indices = list(range(len(parts)))
    chance.shuffle(indices)  # type: ignore[attr-defined] # hypothesis gives a random.Random
    done, seen = asyncio.run(conducted(parts, until_ms))
    shuffled, seen_too = asyncio.run(conducted([parts[index] for index in indices], until_ms))
    assert seen == seen_too
    assert [done[index] for index in indices] == shuffled


@given(st.lists(st.integers(-SECOND_MS, 20 * SECOND_MS), min_size=1, max_size=8))
def test_sleepers_wake_in_the_order_of_their_instants_and_not_early(sleeps_ms: list[int]) -> None:
    async def run() -> list[tuple[int, int]]:
        conductor = Conductor(START_MS, nothing_to_wait_for)
        woken: list[tuple[int, int]] = []

        async def sleep(instant_ms: int) -> None:
            await conductor.sleep_until(instant_ms)
            woken.append((instant_ms, conductor.now_ms()))

        tasks = [asyncio.create_task(sleep(START_MS + sleep_ms)) for sleep_ms in sleeps_ms]
        await asyncio.sleep(0)
        while await conductor.step(START_MS + 30 * SECOND_MS):
            pass
        await asyncio.gather(*tasks)
        return woken

    woken = asyncio.run(run())
    to_come = [instant_ms for instant_ms, _ in woken if instant_ms > START_MS]
    assert to_come == sorted(to_come)
    assert all(now_ms >= instant_ms for instant_ms, now_ms in woken)


def test_acts_of_one_instant_happen_in_the_order_of_their_list_and_stir_the_post() -> None:
    async def run() -> tuple[list[str], int]:
        conductor = Conductor(START_MS, nothing_to_wait_for)
        done: list[str] = []
        stirred: list[int] = []

        def act(word: str) -> tuple[int, object]:
            async def do() -> None:
                done.append(word)

            return START_MS + SECOND_MS, do

        script = [act("first"), act("second"), act("third")]
        conductor.add(Acts(conductor, script, lambda: stirred.append(1)))  # type: ignore[arg-type]
        while await conductor.step(START_MS + 3 * SECOND_MS):
            pass
        return done, len(stirred)

    assert asyncio.run(run()) == (["first", "second", "third"], 3)


def test_after_a_run_in_real_time_stepped_time_continues_from_there() -> None:
    async def run() -> tuple[int, int]:
        conductor = Conductor(START_MS, nothing_to_wait_for)
        looks = 0

        async def done() -> bool:
            nonlocal looks
            looks += 1
            await asyncio.sleep(0.01)
            return looks > 5

        assert await conductor.run_at_rate_one(done, patience_s=5)
        after_ms = conductor.now_ms()
        await conductor.step(START_MS)
        return after_ms, conductor.now_ms()

    after_ms, stepped_ms = asyncio.run(run())
    assert after_ms >= START_MS + 50
    assert stepped_ms == after_ms
