"""The firmware and a second meter, written from the design alone, change the supply in the same seconds.

`python -m tests.emulator.second.compare 0-1000` compares more of them.
"""

import pytest

from tests.emulator.second.compare import difference

_SEEDS_AT_ONCE = 10


@pytest.mark.parametrize("first", range(0, 150, _SEEDS_AT_ONCE))
def test_both_meters_do_the_same(first: int) -> None:
    for seed in range(first, first + _SEEDS_AT_ONCE):
        assert difference(seed) is None, f"seed {seed}"
