"""The gate against a naive judge that asks about every instant of the interval by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from emulator.firmware.guarded.gate import judge, next_possible_ms
from protocols.link.question import Evidence, Flags, HoldSpan, Interval, Permission, Question
from protocols.reasons import Because, ClockStatus, SupplyReason
from protocols.spans import Window, merge_windows

# A small world of a few dozen instants: every boundary meets every other.
instants = st.integers(0, 30)
spans = st.tuples(instants, instants).map(sorted).filter(lambda s: s[0] < s[1]).map(lambda s: (s[0], s[1]))
windows = st.lists(spans.map(lambda s: Window(*s)), max_size=4).map(merge_windows)
holds = st.lists(spans.map(lambda s: HoldSpan("h", *s)), max_size=3).map(tuple)
intervals = st.builds(
    Interval,
    st.sampled_from(ClockStatus),
    st.integers(0, 30),
    st.one_of(st.none(), st.integers(0, 30)),
).filter(lambda i: i.latest_ms is None or i.earliest_ms <= i.latest_ms)
permissions = st.builds(Permission, windows, st.one_of(st.none(), instants), st.booleans())
evidences = st.builds(Evidence, st.booleans(), st.booleans(), instants, instants, st.booleans())
flags = st.builds(Flags, st.booleans())
questions = st.builds(
    Question, st.sampled_from(SupplyReason), intervals, permissions, holds, evidences, flags
)


def naive(asked: Question) -> bool:
    """Whether it may open at every single instant that may be now."""
    cause, interval, permission, evidence = asked.cause, asked.interval, asked.permission, asked.evidence
    if cause is SupplyReason.SAFETY:
        return True
    if interval.status is not ClockStatus.TRUSTED or interval.latest_ms is None or asked.flags.release_holds:
        return False
    shown = {
        SupplyReason.CREDIT: evidence.nothing_left,
        SupplyReason.LIMITER: evidence.limiter_ordered,
        SupplyReason.CUT_ORDER: not evidence.cancelled,
    }
    if not shown.get(cause, False) or not permission.complete:
        return False
    every = range(interval.earliest_ms, interval.latest_ms + 1)
    return all(
        any(start <= now < end for start, end in permission.windows_ms)
        and permission.lease_ends_ms is not None
        and now < permission.lease_ends_ms
        and not any(hold.from_ms <= now < hold.until_ms for hold in asked.holds)
        and (cause is not SupplyReason.CUT_ORDER or evidence.order_from_ms <= now < evidence.order_until_ms)
        for now in every
    )


@given(questions)
def test_the_gate_says_what_every_single_instant_says(asked: Question) -> None:
    assert judge(asked).open == naive(asked)


@given(permissions, holds, evidences)
def test_at_a_sharp_instant_the_gate_opens_wherever_it_may(
    permission: Permission, held: tuple[HoldSpan, ...], evidence: Evidence
) -> None:
    # Directed at the open side: a wide random interval alone would hardly ever open.
    for now in range(31):
        interval = Interval(ClockStatus.TRUSTED, now, now)
        for cause in (SupplyReason.CREDIT, SupplyReason.CUT_ORDER):
            asked = Question(cause, interval, permission, held, evidence, Flags())
            assert judge(asked).open == naive(asked)


@given(instants, permissions, holds)
def test_the_next_possible_instant_is_the_first_one_permitted(
    now: int, permission: Permission, held: tuple[HoldSpan, ...]
) -> None:
    permitted = [
        at
        for at in range(now, 31)
        if any(start <= at < end for start, end in permission.windows_ms)
        and not any(hold.from_ms <= at < hold.until_ms for hold in held)
    ]
    assert next_possible_ms(now, permission, held) == (permitted[0] if permitted else None)


OPEN = Question(
    SupplyReason.CREDIT,
    Interval(ClockStatus.TRUSTED, 10, 12),
    Permission((Window(5, 20),), 100, complete=True),
    (),
    Evidence(nothing_left=True),
    Flags(),
)


def when(status: ClockStatus, earliest_ms: int, latest_ms: int | None) -> Question:
    return replace(OPEN, interval=Interval(status, earliest_ms, latest_ms))


def permitted(*windows: Window, lease_ends_ms: int | None = 100, complete: bool = True) -> Question:
    return replace(OPEN, permission=Permission(windows, lease_ends_ms, complete))


def held(from_ms: int, until_ms: int) -> Question:
    return replace(OPEN, holds=(HoldSpan("h", from_ms, until_ms),))


# One thing changed at a time, and why the gate is then shut. Boundaries are the half-open ones.
LEDGER = [
    (when(ClockStatus.LOST, 10, None), Because.CLOCK_LOST),
    (when(ClockStatus.LOST, 10, 12), Because.CLOCK_LOST),
    (when(ClockStatus.TRUSTED, 10, None), Because.CLOCK_LOST),
    (when(ClockStatus.DISPUTED, 10, 12), Because.CLOCK_DISPUTED),
    (when(ClockStatus.TRUSTED, 4, 12), Because.NO_WINDOW),
    (when(ClockStatus.TRUSTED, 5, 12), Because.PERMITTED),
    (when(ClockStatus.TRUSTED, 10, 19), Because.PERMITTED),
    (when(ClockStatus.TRUSTED, 10, 20), Because.NO_WINDOW),
    (permitted(Window(5, 11), Window(11, 20)), Because.NO_WINDOW),
    (permitted(*merge_windows([Window(11, 20), Window(5, 11)])), Because.PERMITTED),
    (permitted(Window(5, 20), lease_ends_ms=None), Because.NO_LEASE),
    (permitted(Window(5, 20), lease_ends_ms=12), Because.LEASE_ENDED),
    (permitted(Window(5, 20), lease_ends_ms=13), Because.PERMITTED),
    (permitted(Window(5, 20), complete=False), Because.REVISIONS_MISSING),
    (held(12, 13), Because.HOLD),
    (held(13, 14), Because.PERMITTED),
    (held(0, 10), Because.PERMITTED),
    (held(0, 11), Because.HOLD),
    (replace(OPEN, evidence=Evidence()), Because.NO_EVIDENCE),
    (replace(OPEN, flags=Flags(release_holds=True)), Because.HOLD),
]


@pytest.mark.parametrize(("asked", "reason"), LEDGER)
def test_one_thing_changed_and_why_the_gate_is_shut(asked: Question, reason: Because) -> None:
    verdict = judge(asked)
    assert verdict.reason is reason
    assert verdict.open == (reason is Because.PERMITTED)


# A cut order's interval around the clock's [10, 12].
ORDERS = [
    (10, 13, False, Because.PERMITTED),
    (11, 13, False, Because.NO_EVIDENCE),
    (12, 20, False, Because.NO_EVIDENCE),
    (10, 12, False, Because.NO_EVIDENCE),
    (0, 20, True, Because.NO_EVIDENCE),
]


@pytest.mark.parametrize(("from_ms", "until_ms", "cancelled", "reason"), ORDERS)
def test_a_cut_order_holds_at_every_instant_that_may_be_now(
    from_ms: int, until_ms: int, cancelled: bool, reason: Because
) -> None:
    evidence = Evidence(order_from_ms=from_ms, order_until_ms=until_ms, cancelled=cancelled)
    assert judge(replace(OPEN, cause=SupplyReason.CUT_ORDER, evidence=evidence)).reason is reason


def test_a_safety_cause_passes_whatever_the_clock_and_the_holds_say() -> None:
    lost = Interval(ClockStatus.LOST, 0, None)
    holds_now = (HoldSpan("h", 0, 9),)
    assert judge(Question(SupplyReason.SAFETY, lost, Permission(), holds_now, Evidence(), Flags())).open
