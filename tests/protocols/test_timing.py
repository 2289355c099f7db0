"""One wrong voice of three never makes a trusted interval without truth; two that agree are enough."""

from collections.abc import Mapping
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, ms_from_iso
from protocols.reasons import Doubt, Voice
from protocols.timing import (
    DIFFERENCE_MS_MAX,
    PPM,
    PROBATION_MS,
    SPREAD_MS,
    Carried,
    Judgement,
    State,
    VoiceHeard,
    begin,
    claim,
    fleet_claim,
    hear,
    judge,
    judgement,
)

START_MS: Final = ms_from_iso("2026-03-02T09:00:00+00:00")
BOOT: Final = "boot-1"
STEP_MS: Final = 10 * SECOND_MS
# A minute, a day, 60 and 400 days either way, and 2099.
WRONG_MS: Final = (
    *(sign * by_ms for by_ms in (MINUTE_MS, DAY_MS, 60 * DAY_MS, 400 * DAY_MS) for sign in (1, -1)),
    ms_from_iso("2099-01-01T00:00:00+00:00") - START_MS,
)


def true_ms(tick: int) -> int:
    return START_MS + tick


def said(offset_ms: int, tick: int, spread_ms: int = SPREAD_MS) -> Carried:
    """What a voice says at a tick whose clock is off by so much."""
    now_ms = true_ms(tick) + offset_ms
    return claim(now_ms - spread_ms, tick, now_ms + spread_ms, tick)


def heard(state: State, tick: int, offsets_ms: Mapping[Voice, int]) -> State:
    """The state after these voices have spoken at a tick, and have been judged."""
    for voice, offset_ms in offsets_ms.items():
        state = hear(state, voice, said(offset_ms, tick))
    return judge(state, tick)


def believed(state: State, tick: int, system_ms: int = 0) -> Judgement:
    return judgement(state, tick, true_ms(tick) + system_ms)


def holds_truth(found: Judgement, at_ms: int) -> bool:
    assert found.earliest_ms is not None
    assert found.latest_ms is not None
    return found.earliest_ms <= at_ms <= found.latest_ms


RIGHT: Final = {Voice.SYSTEM: 0, Voice.TIMESERVER: 0}
OFFSETS = st.sampled_from(WRONG_MS) | st.integers(-500 * DAY_MS, 500 * DAY_MS) | st.integers(-90_000, 90_000)


@st.composite
def stories(draw: st.DrawFn) -> tuple[Voice, list[tuple[int, dict[Voice, int]]]]:
    """One liar, and who says what after how many ticks; the others are off by less than their spread."""
    liar = draw(st.sampled_from(Voice))
    honest = [voice for voice in Voice if voice is not liar]
    turns: list[tuple[int, dict[Voice, int]]] = []
    for _ in range(draw(st.integers(1, 12))):
        after_ms = draw(st.sampled_from((STEP_MS, MINUTE_MS, 50 * MINUTE_MS, 2 * HOUR_MS, 3 * DAY_MS)))
        speak = {voice: draw(st.integers(-SPREAD_MS, SPREAD_MS)) for voice in honest if draw(st.booleans())}
        if draw(st.booleans()):
            speak[liar] = draw(OFFSETS)
        turns.append((after_ms, speak))
    return liar, turns


@given(story=stories(), ppm=st.integers(-PPM, PPM))
def test_one_wrong_voice_never_makes_a_trusted_interval_without_truth(
    story: tuple[Voice, list[tuple[int, dict[Voice, int]]]], ppm: int
) -> None:
    state, tick, now_ms = State(BOOT), 0, int(START_MS)
    for after_ms, speak in story[1]:
        tick += after_ms
        now_ms += after_ms + after_ms * ppm // 1_000_000
        for voice, offset_ms in speak.items():
            at_ms = now_ms + offset_ms
            state = hear(state, voice, claim(at_ms - SPREAD_MS, tick, at_ms + SPREAD_MS, tick))
        state = judge(state, tick)
        found = judgement(state, tick, now_ms)
        if found.trusted:
            assert holds_truth(found, now_ms)
            assert found.earliest_ms is not None
            assert found.latest_ms is not None
            assert found.earliest_ms <= found.estimate_ms <= found.latest_ms


@pytest.mark.parametrize("liar", Voice)
@pytest.mark.parametrize("off_ms", WRONG_MS)
def test_two_right_voices_are_trusted_whatever_the_third_says_from_the_start(
    liar: Voice, off_ms: int
) -> None:
    state = heard(State(BOOT), STEP_MS, dict.fromkeys(Voice, 0) | {liar: off_ms})
    found = believed(state, STEP_MS)
    assert found.trusted
    assert holds_truth(found, true_ms(STEP_MS))
    assert [each.voice for each in found.heard if not each.agrees] == (
        [liar] if abs(off_ms) > DIFFERENCE_MS_MAX + SPREAD_MS else []
    )


@pytest.mark.parametrize("liar", [Voice.SYSTEM, Voice.TIMESERVER])
@pytest.mark.parametrize("off_ms", [each for each in WRONG_MS if abs(each) > MINUTE_MS])
def test_one_of_two_that_is_wrong_from_the_start_leaves_the_clock_doubtful(liar: Voice, off_ms: int) -> None:
    state = State(BOOT)
    for tick in range(STEP_MS, HOUR_MS, 5 * MINUTE_MS):
        state = heard(state, tick, RIGHT | {liar: off_ms})
        found = believed(state, tick)
        assert (found.trusted, found.doubt, found.over_ms) == (False, Doubt.APART, None)


@pytest.mark.parametrize("liar", [Voice.SYSTEM, Voice.TIMESERVER])
@pytest.mark.parametrize("off_ms", WRONG_MS)
def test_a_step_of_one_clock_changes_nothing_that_the_crystal_carries(liar: Voice, off_ms: int) -> None:
    state = heard(State(BOOT), STEP_MS, RIGHT)
    for tick in (2 * STEP_MS, 3 * STEP_MS):
        state = heard(state, tick, RIGHT | {liar: off_ms})
        found = believed(state, tick, off_ms if liar is Voice.SYSTEM else 0)
        assert found.trusted
        assert holds_truth(found, true_ms(tick))
        assert abs(found.estimate_ms - true_ms(tick)) <= 2 * SPREAD_MS
    state = heard(state, 4 * STEP_MS, RIGHT)
    assert believed(state, 4 * STEP_MS).trusted


def test_system_clock_and_timeserver_suffice_to_start_and_one_of_them_does_not() -> None:
    alone = heard(State(BOOT), STEP_MS, {Voice.SYSTEM: 0})
    assert believed(alone, STEP_MS).doubt is Doubt.ALONE
    assert believed(alone, STEP_MS).silent == (Voice.TIMESERVER, Voice.FLEET)
    both = heard(alone, 2 * STEP_MS, RIGHT)
    found = believed(both, 2 * STEP_MS)
    assert found.trusted
    assert found.over_ms == found.earliest_ms


def test_a_dispute_ends_at_once_when_two_voices_agree_with_the_crystal_again() -> None:
    wrong = dict.fromkeys(RIGHT, 60 * DAY_MS)
    state = heard(heard(State(BOOT), STEP_MS, RIGHT), 2 * STEP_MS, wrong)
    found = believed(state, 2 * STEP_MS, 60 * DAY_MS)
    assert (found.trusted, found.doubt) == (False, Doubt.CRYSTAL)
    state = heard(state, 3 * STEP_MS, RIGHT)
    assert believed(state, 3 * STEP_MS).trusted


def test_two_voices_that_contradict_the_crystal_are_believed_when_it_has_borne_them_out() -> None:
    """A machine whose crystal stood still, unnoticed: what it carried is wrong, and the voices are right."""
    state = heard(State(BOOT), STEP_MS, RIGHT)
    late = dict.fromkeys(RIGHT, HOUR_MS)
    for tick in range(2 * STEP_MS, 2 * STEP_MS + PROBATION_MS, MINUTE_MS):
        state = heard(state, tick, late)
        assert believed(state, tick).doubt is Doubt.CRYSTAL
    end = 2 * STEP_MS + PROBATION_MS
    state = heard(state, end, late)
    found = believed(state, end, HOUR_MS)
    assert found.trusted
    assert holds_truth(found, true_ms(end) + HOUR_MS)


def test_a_trial_begins_again_when_the_voices_step_within_it() -> None:
    state = heard(State(BOOT), STEP_MS, RIGHT)
    for tick in range(2 * STEP_MS, 2 * STEP_MS + 2 * PROBATION_MS, 10 * MINUTE_MS):
        state = heard(state, tick, dict.fromkeys(RIGHT, HOUR_MS + tick // 2))
        assert believed(state, tick).doubt is Doubt.CRYSTAL


def test_a_crystal_that_misses_by_seconds_is_widened_and_not_for_ever() -> None:
    state = heard(State(BOOT), STEP_MS, RIGHT)
    trusted: list[bool] = []
    for turn in range(1, 8):
        tick = STEP_MS + turn * MINUTE_MS
        state = heard(state, tick, dict.fromkeys(RIGHT, turn * 15 * SECOND_MS))
        trusted.append(believed(state, tick, turn * 15 * SECOND_MS).trusted)
    assert trusted[0]
    assert not trusted[-1]


def test_suspend_is_no_dispute_and_a_new_boot_is_lost_ticks() -> None:
    state = heard(State(BOOT), STEP_MS, RIGHT)
    # Ticks count on in suspend: twelve hours later both clocks and the crystal agree.
    night = 12 * HOUR_MS
    state = heard(state, night, RIGHT)
    assert believed(state, night).trusted
    assert begin(state, BOOT) == state
    assert begin(state, "boot-2") == State("boot-2")


def test_with_no_voice_the_interval_widens_until_it_is_no_ground_any_more() -> None:
    state = heard(State(BOOT), STEP_MS, RIGHT)
    assert judgement(judge(state, HOUR_MS // 2), HOUR_MS // 2, true_ms(HOUR_MS // 2)).trusted
    later = 30 * DAY_MS
    silent = judge(state, later)
    assert believed(silent, later).doubt is Doubt.UNSUPPORTED
    assert holds_truth(believed(silent, later), true_ms(later))
    assert believed(heard(silent, later, {Voice.SYSTEM: 0}), later).doubt is Doubt.WIDE
    assert believed(heard(silent, later, RIGHT), later).trusted


@given(
    offsets_ms=st.lists(st.integers(-SPREAD_MS, SPREAD_MS), min_size=2, max_size=20),
    wrong_ms=OFFSETS,
)
def test_the_fleet_is_one_voice_that_a_single_meter_does_not_move(
    offsets_ms: list[int], wrong_ms: int
) -> None:
    reports = [said(each, 0, 2 * SPREAD_MS) for each in (*offsets_ms, 0)]
    voice = fleet_claim([*reports, said(wrong_ms, 0)], 0)
    assert voice is not None
    assert voice.lower_ms <= true_ms(0) <= voice.upper_ms
    assert fleet_claim([], 0) is None


def test_a_voice_that_agrees_is_told_as_one_however_wide_it_is() -> None:
    """The fleet's reports may have been ten minutes on their way: their middle lies minutes ahead."""
    wide = VoiceHeard(voice=Voice.FLEET, earliest_ms=0, latest_ms=600_000, offset_ms=297_000, agrees=True)
    assert wide.apart_ms == 0
    assert replace(wide, agrees=False).apart_ms == 297_000
