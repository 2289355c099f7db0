"""How far a household is on any day, whether it was reached, and when a reminder may leave."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from controller.reactivation.rules import (
    NIGHT_FROM_HOUR,
    NIGHT_UNTIL_HOUR,
    Happening,
    HowFar,
    LearnedBy,
    Leaving,
    Means,
    Noted,
    NoticeState,
    ReachedBy,
    Written,
    after_night,
    how_far,
    is_night,
    may_leave,
    next_means,
    reach_of,
)
from protocols.cutting.zones import load_zone, wall_clock
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, ms_from_iso

BRUSSELS = load_zone("Europe/Brussels")
NOON_MS = ms_from_iso("2020-06-10T12:00+02:00")
DEADLINE_MS = ms_from_iso("2020-07-03T23:01+02:00")
DAYS = st.integers(0, 5)


def noted(
    number: int,
    what: str,
    channel: str = "card",
    happened: int = 0,
    learned: int = 0,
    *,
    withdrawn: bool = False,
) -> Noted:
    return Noted(
        number=number,
        what=Happening(what),
        channel=LearnedBy(channel),
        happened_ms=happened,
        learned_ms=learned,
        withdrawn=withdrawn,
    )


NOTED = st.lists(
    st.builds(
        noted,
        number=st.just(0),
        what=st.sampled_from(Happening),
        channel=st.sampled_from(LearnedBy),
        happened=DAYS,
        learned=DAYS,
        withdrawn=st.booleans(),
    ),
    max_size=8,
).map(
    lambda found: [
        noted(n, e.what, e.channel, e.happened_ms, e.learned_ms, withdrawn=e.withdrawn)
        for n, e in enumerate(found, 1)
    ]
)


def naive(found: list[Noted], on: int, known: int) -> HowFar:
    """The same, read from the sentence: each entry stands unless a later one that was known takes it back."""
    stands = []
    for each in found:
        later = [
            other
            for other in found
            if other.withdrawn
            and other.number > each.number
            and other.learned_ms <= known
            and (other.what, other.channel) == (each.what, each.channel)
        ]
        if not each.withdrawn and each.learned_ms <= known and each.happened_ms <= on and not later:
            stands.append(each)
    whats = {each.what for each in stands}
    steps = [Happening.CARD_IN_METER, Happening.AT_TERMINAL, Happening.CARD_BACK]
    done = whats & {Happening.CARD_BACK, Happening.REMOTE}
    word = {LearnedBy.MQTT, LearnedBy.CARD, LearnedBy.TECHNICIAN}
    return HowFar(
        steps=max([0, *(place for place, step in enumerate(steps, 1) if step in whats)]),
        done=bool(done),
        proved=any(each.what in done and each.channel in word for each in stands),
        met=Happening.MET in whats,
        absent=len([each for each in stands if each.what is Happening.ABSENT]),
    )


@given(found=NOTED, on=DAYS, known=DAYS)
def test_how_far_a_household_is_agrees_with_the_sentence(found: list[Noted], on: int, known: int) -> None:
    assert how_far(found, on, known) == naive(found, on, known)


@given(found=NOTED, more=NOTED, on=DAYS, known=DAYS)
def test_what_is_learned_later_never_changes_what_was_known_on_a_day(
    found: list[Noted], more: list[Noted], on: int, known: int
) -> None:
    later = [
        noted(len(found) + n, e.what, e.channel, e.happened_ms, known + 1, withdrawn=e.withdrawn)
        for n, e in enumerate(more, 1)
    ]
    assert how_far([*found, *later], on, known) == how_far(found, on, known)


def test_a_card_that_was_only_at_a_terminal_is_not_done() -> None:
    assert how_far([noted(1, "at_terminal")], 9, 9) == HowFar(steps=2)
    assert how_far([noted(1, "card_back", "call")], 9, 9) == HowFar(steps=3, done=True)
    assert how_far([noted(1, "remote", "mqtt")], 9, 9) == HowFar(done=True, proved=True)


# -- who was reached ------------------------------------------------------------------------------


def written(
    state: str = "sent",
    means: str = "email",
    wave: str = "w1",
    sent: int | None = 2,
    ended: int | None = None,
) -> Written:
    return Written(
        means=Means(means),
        state=NoticeState(state),
        wave=wave,
        address="a",
        sent_ms=sent,
        ended_ms=ended,
        doubtful_ms=3 if state == "sending" else None,
    )


@pytest.mark.parametrize(
    ("far", "notices", "on", "reached"),
    [
        (HowFar(steps=1), [], 9, "acted"),
        (HowFar(done=True), [], 9, "acted"),
        (HowFar(met=True), [written()], 9, "met"),
        (HowFar(absent=3), [], 9, "nobody"),
        (HowFar(), [written()], 2, "written"),
        (HowFar(), [written()], 1, "nobody"),
        (HowFar(), [written("bounced", ended=5)], 4, "written"),
        (HowFar(), [written("bounced", ended=5)], 5, "nobody"),
        (HowFar(), [written("sending", sent=None)], 9, "unknown"),
        (HowFar(), [written("planned", sent=None)], 9, "nobody"),
        (HowFar(), [written("bounced", ended=5), written("sending", sent=None)], 9, "unknown"),
    ],
)
def test_who_is_reached(far: HowFar, notices: list[Written], on: int, reached: str) -> None:
    assert reach_of(far, notices, on) is ReachedBy(reached)


# -- nights ---------------------------------------------------------------------------------------

# A year with both changes of the clocks, by the minute.
INSTANTS = st.integers(0, 366 * 24 * 60).map(lambda m: ms_from_iso("2020-01-01T00:00+01:00") + m * MINUTE_MS)


@given(INSTANTS)
def test_after_a_night_it_is_day_and_by_day_nothing_waits(instant_ms: int) -> None:
    later_ms = after_night(instant_ms, BRUSSELS)
    assert not is_night(later_ms, BRUSSELS)
    if not is_night(instant_ms, BRUSSELS):
        assert later_ms == instant_ms
        return
    assert instant_ms < later_ms <= instant_ms + 13 * HOUR_MS
    assert wall_clock(later_ms, BRUSSELS).hour == NIGHT_UNTIL_HOUR
    assert is_night(later_ms - 1, BRUSSELS), "it is the first instant of the day"


@given(INSTANTS, st.integers(-DAY_MS, DAY_MS))
def test_nothing_leaves_by_night_after_the_deadline_or_after_the_step_is_done(
    now_ms: int, before_ms: int
) -> None:
    def leaving(far: HowFar = HowFar(), *, has_left: bool = False) -> Leaving:  # noqa: B008 # frozen
        return may_leave(
            far,
            has_left=has_left,
            not_before_ms=now_ms - before_ms,
            deadline_ms=DEADLINE_MS,
            now_ms=now_ms,
            zone=BRUSSELS,
        )

    assert leaving(HowFar(done=True)) is Leaving.DONE
    assert leaving(has_left=True) is Leaving.LEFT
    hour = wall_clock(now_ms, BRUSSELS).hour
    by_day = NIGHT_UNTIL_HOUR <= hour < NIGHT_FROM_HOUR
    sends = now_ms < DEADLINE_MS and by_day and before_ms >= 0
    assert (leaving() is Leaving.SEND) == sends
    assert (leaving(HowFar(steps=2)) is Leaving.SEND) == sends, "the third step is still to be done"


# -- never twice ----------------------------------------------------------------------------------

ADDRESSES = st.dictionaries(st.sampled_from(Means), st.sampled_from(["a", "b"]), max_size=3)
WAVES = st.sampled_from(["w1", "w2"])


@given(addresses=ADDRESSES, rounds=st.lists(st.tuples(WAVES, st.booleans()), max_size=12))
def test_a_household_gets_nothing_twice_in_a_wave_and_nothing_where_it_came_back(
    addresses: dict[Means, str], rounds: list[tuple[str, bool]]
) -> None:
    """Plan, send, and let it come back or not, again and again."""
    assume(addresses)
    sent: list[Written] = []
    for wave, comes_back in rounds:
        means = next_means(wave, addresses, sent, tuple(Means))
        if means is None:
            in_wave = [each for each in sent if each.wave == wave]
            alive = [each for each in in_wave if each.state is not NoticeState.BOUNCED]
            dead = {each.means for each in sent if each.state is NoticeState.BOUNCED}
            assert alive or set(addresses) <= dead, "somebody who can be written to is"
            continue
        assert (wave, means) not in {(each.wave, each.means) for each in sent}
        assert not [e for e in sent if e.wave == wave and e.state is not NoticeState.BOUNCED]
        assert means not in {each.means for each in sent if each.state is NoticeState.BOUNCED}
        state = NoticeState.BOUNCED if comes_back else NoticeState.SENT
        sent.append(Written(means=means, state=state, wave=wave, address=addresses[means], sent_ms=1))


def test_what_was_dropped_has_told_nobody_and_is_planned_again() -> None:
    both = {Means.EMAIL: "a", Means.LETTER: "b"}
    dropped = Written(means=Means.EMAIL, state=NoticeState.DROPPED, wave="w1", address="a")
    assert next_means("w1", both, [dropped], tuple(Means)) is Means.EMAIL
    back = Written(means=Means.LETTER, state=NoticeState.BOUNCED, wave="w1", address="b")
    assert next_means("w1", both, [dropped, back], tuple(Means)) is Means.EMAIL
    sent = Written(means=Means.LETTER, state=NoticeState.SENT, wave="w1", address="b")
    assert next_means("w1", both, [dropped, sent], tuple(Means)) is None


BLOCKING = [s for s in NoticeState if s not in {NoticeState.BOUNCED, NoticeState.DROPPED}]


@pytest.mark.parametrize("state", BLOCKING)
def test_only_what_came_back_is_followed_by_another_means(state: NoticeState) -> None:
    both = {Means.EMAIL: "a", Means.LETTER: "b"}
    one = Written(means=Means.EMAIL, state=state, wave="w1", address="a")
    assert next_means("w1", both, [one], tuple(Means)) is None
    back = Written(means=Means.EMAIL, state=NoticeState.BOUNCED, wave="w1", address="a")
    assert next_means("w1", both, [back], tuple(Means)) is Means.LETTER
    assert next_means("w2", {Means.EMAIL: "new"}, [back], tuple(Means)) is Means.EMAIL
    assert next_means("w2", both, [], [Means.SMS]) is None
