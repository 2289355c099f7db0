"""How long a release took: percentiles of the times until the meters reported supply."""

import math

from hypothesis import given
from hypothesis import strategies as st

from controller.releases.views import percentile


@given(values=st.lists(st.integers(0, 10_000), min_size=1), percent=st.integers(1, 100))
def test_a_percentile_is_the_least_that_so_many_do_not_exceed(values: list[int], percent: int) -> None:
    ascending = sorted(values)
    found = percentile(ascending, percent)
    assert found in values
    needed = math.ceil(len(values) * percent / 100)
    assert sum(value <= found for value in values) >= needed
    assert all(sum(other <= value for other in values) < needed for value in values if value < found)


def test_an_empty_list_has_no_percentile() -> None:
    assert percentile([], 99) is None
