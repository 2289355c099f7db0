"""Which numbers are there: spans and gaps are exactly those of the sets that they stand for."""

from hypothesis import given
from hypothesis import strategies as st

from protocols.link.numbers import SPANS_MAX, Numbers, joined, without_below

SPANS = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), max_size=12)


def numbers_in(spans: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in spans for number in range(first, last + 1)}


@given(SPANS, SPANS)
def test_spans_join_in_any_order_and_gaps_are_what_is_left(
    one: list[tuple[int, int]], two: list[tuple[int, int]]
) -> None:
    held = joined(joined(Numbers(), one), two)
    assert held == joined(Numbers(), [*two, *one]) == joined(held, one)
    there = numbers_in([*one, *two])
    assert {number for number in range(1, 62) if number in held} == there
    assert numbers_in(list(held.gaps(61))) == set(range(1, 62)) - there
    assert held.highest == max(there, default=0)


@given(SPANS, st.integers(0, 62))
def test_what_is_given_up_is_named_and_counts_as_there(spans: list[tuple[int, int]], first: int) -> None:
    held = joined(Numbers(), spans)
    there, lost = without_below(held, first)
    assert numbers_in(list(lost)) == set(range(1, first)) - numbers_in(spans)
    assert numbers_in(list(there.gaps(61))) == set(range(max(first, 1), 62)) - numbers_in(spans)


def test_of_too_many_spans_the_lowest_are_kept() -> None:
    held = joined(Numbers(), [(2 * number, 2 * number) for number in range(1, 100)])
    assert (len(held.beyond), held.beyond[0], held.highest) == (SPANS_MAX, (2, 2), 2 * SPANS_MAX)
