"""True time at a rate: reckoned from a counter, never from the system's date."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from emulator.fleet.pacing import PacedTime, steady_ns
from tests.emulator.firmware.guarded.workbench import MONDAY_MS


@given(st.integers(1, 100_000_000), st.integers(0, 10**15))
def test_time_passes_at_the_rate_and_not_a_millisecond_is_lost(rate_permille: int, elapsed_ns: int) -> None:
    counter = [5]
    paced = PacedTime(MONDAY_MS, rate_permille, lambda: counter[0])
    assert paced.now_ms() == MONDAY_MS
    counter[0] += elapsed_ns
    assert paced.now_ms() == MONDAY_MS + elapsed_ns * rate_permille // 10**9


def test_sleeping_ends_when_the_instant_has_come_and_at_once_for_the_past() -> None:
    async def sleep() -> int:
        paced = PacedTime(MONDAY_MS, 100_000_000)
        await paced.sleep_until(MONDAY_MS - 1)
        await paced.sleep_until(MONDAY_MS + 1_000)
        return paced.now_ms()

    assert asyncio.run(sleep()) >= MONDAY_MS + 1_000


def test_the_counter_runs_forward() -> None:
    assert steady_ns() <= steady_ns()
