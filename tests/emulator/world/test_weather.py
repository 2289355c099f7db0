"""The weather of a link: every fate is seeded, and the extremes are what they say."""

from hypothesis import given
from hypothesis import strategies as st

from emulator.world.weather import Weather, arrivals

seeds = st.integers(0, 2**32)
percents = st.integers(0, 100)
sent = st.lists(st.tuples(st.integers(0, 10_000), st.integers()), max_size=30)


@given(seeds, percents, percents, st.integers(0, 5_000), sent)
def test_nothing_arrives_that_was_not_sent_nor_before_it_nor_later_than_the_delay(
    seed: int, loss: int, double: int, delay_ms: int, documents: list[tuple[int, int]]
) -> None:
    coming = arrivals(Weather(seed, loss, double, delay_ms), documents)
    assert [at_ms for at_ms, _ in coming] == sorted(at_ms for at_ms, _ in coming)
    for at_ms, document in coming:
        assert any(0 <= at_ms - sent_ms <= delay_ms and document == each for sent_ms, each in documents)
    assert len(coming) <= 2 * len(documents)


@given(seeds, sent)
def test_fair_weather_brings_everything_once_and_in_order(
    seed: int, documents: list[tuple[int, int]]
) -> None:
    documents = sorted(documents, key=lambda each: each[0])
    assert arrivals(Weather(seed), documents) == documents
    assert arrivals(Weather(seed, loss_percent=100), documents) == []
    assert len(arrivals(Weather(seed, double_percent=100), documents)) == 2 * len(documents)


@given(seeds, st.integers(0, 10**6))
def test_a_fate_is_the_same_whenever_it_is_asked_for(seed: int, number: int) -> None:
    storm = Weather(seed, 30, 30, 60_000)
    assert storm.delays_ms(number) == Weather(seed, 30, 30, 60_000).delays_ms(number)


def test_a_storm_loses_doubles_and_reorders_about_as_many_as_it_says() -> None:
    storm = Weather(7, loss_percent=20, double_percent=10, delay_ms_max=10_000)
    fates = [storm.delays_ms(number) for number in range(10_000)]
    assert 1_800 < sum(not fate for fate in fates) < 2_200
    assert 700 < sum(len(fate) == 2 for fate in fates) < 900
    coming = arrivals(storm, [(number, number) for number in range(1_000)])
    assert [number for _, number in coming] != sorted(number for _, number in coming)
