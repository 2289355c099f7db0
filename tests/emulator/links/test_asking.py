"""Who is asked for the time when: a silent authority is asked again, ever more rarely, each in its turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.ticks import Tick
from emulator.links.asking import ASKED, Asking
from emulator.links.link import ASK_EVERY_MS
from emulator.links.reporting import Outgoing
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, UtcMs
from protocols.link.messages import TimeAsk, read_message
from protocols.link.topics import Channel
from protocols.reasons import Source
from tests.emulator.firmware.guarded.workbench import MONDAY_MS
from tests.emulator.links.link_bench import Headend, household, link_of

WAITS_MIN = [1, 2, 4, 8, 16, 32, 60, 60, 60]
METERS = [f"m{number:05}" for number in range(1, 201)]
NAMES = st.sampled_from(METERS)


def ask_until(
    asking: Asking, meter: str, until_ms: int, *answering: Source
) -> list[tuple[int, tuple[Source, ...]]]:
    """When this meter asks whom, while only those named answer, at once."""
    asking.hear(meter, lambda source, _since: source in answering)
    asks = []
    while (due_ms := asking.next_due_ms()) is not None and due_ms <= until_ms:
        assert asking.pop_due(due_ms) == meter
        asks.append((int(due_ms), asking.ask_again(meter, due_ms, Tick(due_ms - MONDAY_MS))))
        asking.hear(meter, lambda source, _since: source in answering)
    return asks


def begun(meter: str) -> Asking:
    asking = Asking(100_000 * DAY_MS, 1)
    assert asking.begin(meter, UtcMs(MONDAY_MS), Tick(0)) == ASKED
    return asking


@given(meter=NAMES)
def test_a_silent_authority_is_asked_after_1_2_4_minutes_up_to_an_hour_and_then_hourly(meter: str) -> None:
    asks = ask_until(begun(meter), meter, MONDAY_MS + 8 * HOUR_MS)
    assert {sources for _, sources in asks} == {ASKED}
    instants_ms = [MONDAY_MS, *(at_ms for at_ms, _ in asks)]
    found = [after - before for before, after in pairwise(instants_ms)]
    for waited_ms, wait_min in zip(found, WAITS_MIN, strict=False):
        assert wait_min * MINUTE_MS <= waited_ms < wait_min * MINUTE_MS * 5 / 4
    assert len(found) >= len(WAITS_MIN)
    assert max(found) < HOUR_MS * 5 / 4


def test_each_meter_asks_again_in_a_turn_of_its_own() -> None:
    first_ms = {ask_until(begun(meter), meter, MONDAY_MS + 2 * MINUTE_MS)[0][0] for meter in METERS}
    assert len(first_ms) > len(METERS) * 9 // 10
    seconds = {at_ms // SECOND_MS for at_ms in first_ms}
    assert len(seconds) == 15


@given(meter=NAMES, answers_min=st.integers(0, 200))
def test_whoever_answers_is_asked_no_more_and_the_other_still_is(meter: str, answers_min: int) -> None:
    asking = begun(meter)
    ask_until(asking, meter, MONDAY_MS + answers_min * MINUTE_MS)
    later = ask_until(asking, meter, MONDAY_MS + DAY_MS, Source.HEADEND)
    assert {sources for _, sources in later} == {(Source.TIMESERVER,)}


@given(meter=NAMES)
def test_a_round_asks_all_and_goes_on_waiting_for_the_silent_one(meter: str) -> None:
    asking = Asking(ASK_EVERY_MS, 1)
    asking.begin(meter, UtcMs(MONDAY_MS), Tick(0))
    asks = ask_until(asking, meter, MONDAY_MS + DAY_MS, Source.HEADEND)
    rounds = [at_ms for at_ms, sources in asks if sources == ASKED]
    assert all(later - before == ASK_EVERY_MS for before, later in pairwise(rounds))
    assert len(rounds) == 4


def test_nobody_asks_after_the_end_of_the_connection() -> None:
    asking = begun("m1")
    asking.end()
    assert asking.next_due_ms() is None


@dataclass(slots=True)
class LateTimeserver(Headend):
    """A timeserver that hears nothing before it starts; the head-end answers from the first ask on."""

    starts_ms: int = MONDAY_MS
    asked: list[tuple[int, Source]] = field(default_factory=list)

    def hear(self, said: Sequence[Outgoing]) -> None:
        heard = []
        for each in said:
            if each.place.channel is Channel.TIME_ASK:
                source = read_message(each.payload, TimeAsk).source
                self.asked.append((self.now_ms, source))
                if source is Source.TIMESERVER and self.now_ms < self.starts_ms:
                    continue
            heard.append(each)
        Headend.hear(self, heard)


def test_a_timeserver_that_starts_after_its_fleet_is_known_to_all_within_minutes() -> None:
    link = link_of(*(household(name) for name in METERS))
    headend = LateTimeserver(link, starts_ms=MONDAY_MS + 20 * SECOND_MS)
    headend.connect()
    headend.wait_until(MONDAY_MS + 2 * MINUTE_MS)
    for meter in link.meters.values():
        known = {each.source for each in meter.household.meter.witnesses(Tick(2 * MINUTE_MS))}
        assert known == {Source.HEADEND, Source.TIMESERVER}
    asked = len(headend.asked)
    assert asked == 3 * len(METERS), "the head-end had answered, and is not asked again"
    headend.wait_until(MONDAY_MS + 2 * MINUTE_MS + ASK_EVERY_MS)
    assert abs(len(headend.asked) - asked - 2 * len(METERS)) <= 4


def test_lost_ticks_forget_an_answer_and_the_ask_is_repeated() -> None:
    link = link_of(household())
    assert not link.meters["m1"].household.meter.has_heard(Source.HEADEND, Tick(0))
    headend = Headend(link)
    headend.connect()
    assert link.meters["m1"].household.meter.has_heard(Source.HEADEND, Tick(0))
    assert not link.meters["m1"].household.meter.has_heard(Source.HEADEND, Tick(1))
