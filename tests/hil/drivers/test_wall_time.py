"""A bench's clock is read once: who sets this machine's clock moves no measurement."""

from hypothesis import given
from hypothesis import strategies as st

from hil.drivers.wall_time import SteadyClock
from protocols.instants import UtcMs

START_MS = UtcMs(1_600_000_000_000)


@given(st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 10**12))))
def test_a_clock_that_is_set_moves_nothing(steps: list[tuple[int, int]]) -> None:
    wall_ms, count_ns = int(START_MS), 7
    clock = SteadyClock(lambda: UtcMs(wall_ms), lambda: count_ns)
    for set_by_ms, passed_ns in steps:
        wall_ms += set_by_ms
        count_ns += passed_ns
        assert clock.now_ms() == START_MS + (count_ns - 7) // 1_000_000
