"""What a meter says of its witnesses: who spoke last, when and how far off, in instants and not in ticks."""

from dataclasses import dataclass
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.firmware.guarded import clock as clocks
from emulator.firmware.guarded.clock import Clock
from emulator.firmware.guarded.interval import margin_ms
from emulator.firmware.guarded.witnesses import witnesses
from emulator.firmware.ticks import Tick
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, UtcMs
from protocols.limits import CLAIM_AGE_MS_MAX
from protocols.link.messages import WITNESSES_MAX, Witness
from protocols.reasons import Source

PPM = 50
START_MS = UtcMs(1_593_640_000_000)
SPREAD_MS = 1_000
SOURCES = list(Source)


@dataclass(frozen=True)
class Word:
    """A source says the time: after `pause_ms`, on its way for `delay_ms`, wrong by `error_ms`."""

    source: Source
    fresh: bool
    pause_ms: int
    delay_ms: int
    error_ms: int


WORDS = st.builds(
    Word,
    source=st.sampled_from(SOURCES),
    fresh=st.booleans(),
    pause_ms=st.sampled_from([0, 1, MINUTE_MS, 6 * HOUR_MS, 10 * DAY_MS, 39 * DAY_MS]),
    delay_ms=st.sampled_from([0, 1, 700, MINUTE_MS, 5 * HOUR_MS]),
    error_ms=st.integers(-SPREAD_MS, SPREAD_MS),
)
LIES_MS = st.sampled_from([0, 1_500, HOUR_MS, -HOUR_MS, DAY_MS, -DAY_MS, 400 * DAY_MS])


class Told:
    """A clock with true time beside it, and of each source what it last said and when that was heard."""

    def __init__(self, rate_ppm: int) -> None:
        self.rate_ppm = rate_ppm
        self.true_ms: int = START_MS
        self.clock = clocks.set_at_commissioning(START_MS, SPREAD_MS, Tick(0), PPM)
        self.last: dict[Source, tuple[int, Word]] = {}

    @property
    def tick(self) -> Tick:
        return Tick((self.true_ms - START_MS) * (1_000_000 + self.rate_ppm) // 1_000_000)

    def hear(self, number: int, word: Word, lie_ms: int) -> None:
        self.true_ms += word.pause_ms
        nonce = f"n{number}"
        clocks.ask(self.clock, word.source, nonce, self.tick)
        if word.fresh:
            # Answered in the middle of its way: half the delay there, half back.
            self.true_ms += word.delay_ms // 2
        told_ms = self.true_ms + word.error_ms + lie_ms
        self.true_ms += word.delay_ms - word.delay_ms // 2 if word.fresh else word.delay_ms
        if word.fresh:
            clocks.hear_fresh(self.clock, word.source, nonce, UtcMs(told_ms), SPREAD_MS, self.tick, "d")
        else:
            clocks.hear_one_way(self.clock, word.source, number, UtcMs(told_ms), SPREAD_MS, self.tick, "d")
        before = self.last.get(word.source)
        if before is not None and before[1].fresh and not word.fresh and _tick(self, before[0]) == self.tick:
            # Of two words in one tick the fresh answer is named: it bounds true time on both sides.
            return
        self.last[word.source] = (self.true_ms, word)

    def slack_ms(self, since_ms: int) -> int:
        """What estimate and crystal may be off by, for an instant of before."""
        low, high = (
            clocks.earliest_ms(self.clock, self.tick),
            clocks.latest_ms(self.clock, self.tick),
        )
        assert high is not None
        return (high - low) // 2 + margin_ms(self.true_ms - since_ms, 2 * PPM) + 2


@given(
    words=st.lists(WORDS, max_size=12),
    liar=st.sampled_from(SOURCES),
    lie_ms=LIES_MS,
    rate_ppm=st.sampled_from([-PPM, 0, PPM]),
    rest_ms=st.sampled_from([0, 1, HOUR_MS, 39 * DAY_MS, 41 * DAY_MS]),
)
@example(
    words=[Word(Source.HEADEND, fresh, 0, 0, 0) for fresh in (True, False)],
    liar=Source.HEADEND,
    lie_ms=0,
    rate_ppm=0,
    rest_ms=0,
)
def test_each_source_is_named_once_with_what_it_said_last_and_only_the_liar_disagrees(
    words: list[Word], liar: Source, lie_ms: int, rate_ppm: int, rest_ms: int
) -> None:
    told = Told(rate_ppm)
    for number, word in enumerate(words, start=1):
        told.hear(number, word, lie_ms if word.source is liar else 0)
    told.true_ms += rest_ms
    found = witnesses(told.clock, told.tick)
    oldest = told.tick - CLAIM_AGE_MS_MAX
    kept = {source for source, (heard_ms, _) in told.last.items() if _tick(told, heard_ms) >= oldest}
    assert {each.source for each in found} == kept
    assert len(found) == len(kept) <= WITNESSES_MAX
    assert [each.heard_ms for each in found] == sorted((each.heard_ms for each in found), reverse=True)
    for each in found:
        heard_ms, word = told.last[each.source]
        slack_ms = told.slack_ms(heard_ms)
        assert each.fresh == word.fresh
        assert abs(each.heard_ms - heard_ms) <= slack_ms
        wrong_ms = word.error_ms + (lie_ms if each.source is liar else 0)
        late_ms = 0 if word.fresh else word.delay_ms + SPREAD_MS
        assert abs(each.offset_ms - wrong_ms + late_ms) <= slack_ms + 1
        assert each.agrees or each.source is liar


def _tick(told: Told, true_ms: int) -> int:
    return (true_ms - START_MS) * (1_000_000 + told.rate_ppm) // 1_000_000


@given(words=st.lists(WORDS, max_size=8), rest_ms=st.integers(0, 50 * DAY_MS))
def test_to_look_at_the_witnesses_changes_nothing(words: list[Word], rest_ms: int) -> None:
    told, quiet = Told(0), Told(0)
    for number, word in enumerate(words, start=1):
        for each in (told, quiet):
            each.hear(number, word, 0)
        witnesses(told.clock, told.tick)
    told.true_ms += rest_ms
    witnesses(told.clock, told.tick)
    assert told.clock == quiet.clock


# -- a ledger -------------------------------------------------------------------------------------

# Who spoke, how, with which error in s; what is read an hour later: source, way, age, offset, finding.
LEDGER: Final = """
 headend fresh 0                         | headend fresh 1:00 0 agrees
 headend fresh 86400                     | headend fresh 1:00 86400 disagrees
 headend fresh -86400                    | headend fresh 1:00 -86400 disagrees
 headend one_way 86400                   | headend one_way 1:00 86399 disagrees
 headend one_way -86400                  | headend one_way 1:00 -86401 agrees
 headend fresh 86400; timeserver fresh 0 | timeserver fresh 1:00 0 agrees; headend fresh 1:01 86400 disagrees
 headend fresh 86400; headend fresh 0    | headend fresh 1:00 0 agrees
 card one_way 0; card fresh 0            | card fresh 1:00 0 agrees
 card fresh 0; card one_way 0            | card one_way 1:00 -1 agrees
"""


@pytest.mark.parametrize("line", LEDGER.strip().splitlines())
def test_what_sources_said_and_what_is_read_an_hour_later(line: str) -> None:
    said, wanted = (part.strip().split("; ") for part in line.split("|"))
    clock = clocks.set_at_commissioning(START_MS, SPREAD_MS, Tick(0), PPM)
    tick = -MINUTE_MS
    for number, words in enumerate(said, start=1):
        source, way, error_s = words.split()
        tick += MINUTE_MS
        _say(clock, Source(source), way, number, int(error_s) * 1_000, tick)
    tick += HOUR_MS
    assert [
        _words(each, clocks.estimate_ms(clock, Tick(tick))) for each in witnesses(clock, Tick(tick))
    ] == wanted


def _say(clock: Clock, source: Source, way: str, number: int, error_ms: int, tick: int) -> None:
    time_ms = START_MS + tick + error_ms
    if way == "fresh":
        clocks.ask(clock, source, str(number), Tick(tick))
        clocks.hear_fresh(clock, source, str(number), UtcMs(time_ms), SPREAD_MS, Tick(tick), "d")
    else:
        clocks.hear_one_way(clock, source, number, UtcMs(time_ms), SPREAD_MS, Tick(tick), "d")


def _words(witness: Witness, now_ms: int) -> str:
    minutes = (now_ms - witness.heard_ms) // MINUTE_MS
    way = "fresh" if witness.fresh else "one_way"
    finding = "agrees" if witness.agrees else "disagrees"
    offset_s = round(witness.offset_ms / 1_000)
    return f"{witness.source} {way} {minutes // 60}:{minutes % 60:02} {offset_s} {finding}"


def test_what_was_heard_before_lost_ticks_vouches_for_nothing() -> None:
    clock = clocks.set_at_commissioning(START_MS, SPREAD_MS, Tick(0), PPM)
    for number, source in enumerate(SOURCES):
        _say(clock, source, "fresh", number, 0, 0)
    assert len(witnesses(clock, Tick(0))) == WITNESSES_MAX
    clocks.begin_epoch(clock, Tick(HOUR_MS))
    assert witnesses(clock, Tick(HOUR_MS)) == ()
    _say(clock, Source.HEADEND, "fresh", 9, 0, HOUR_MS)
    (only,) = witnesses(clock, Tick(HOUR_MS))
    assert (only.source, only.agrees) == (Source.HEADEND, True), (
        "it contradicts nothing while nothing is known"
    )


def test_in_a_dispute_both_who_made_it_are_named() -> None:
    clock = clocks.set_at_commissioning(START_MS, SPREAD_MS, Tick(0), PPM)
    for number, source in enumerate((Source.HEADEND, Source.TIMESERVER)):
        _say(clock, source, "fresh", number, DAY_MS, 0)
    assert [(each.source, each.offset_ms, each.agrees) for each in witnesses(clock, Tick(0))] == [
        (Source.HEADEND, DAY_MS, False),
        (Source.TIMESERVER, DAY_MS, False),
    ]
