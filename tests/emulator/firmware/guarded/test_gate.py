"""The gate against a naive judge that asks about every instant of the interval by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.guarded.gate import join_touching, may_open, next_possible_ms
from protocols.link.question import Evidence, Flags, HoldSpan, Interval, Permission
from protocols.reasons import Because, ClockStatus, SupplyReason

# A small world of a few dozen instants: every boundary meets every other.
instants = st.integers(0, 30)
spans = st.tuples(instants, instants).map(sorted).filter(lambda s: s[0] < s[1]).map(lambda s: (s[0], s[1]))
windows = st.lists(spans, max_size=4).map(join_touching)
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
causes = st.sampled_from(SupplyReason)


def naive(
    cause: SupplyReason,
    interval: Interval,
    permission: Permission,
    held: tuple[HoldSpan, ...],
    evidence: Evidence,
    flag: Flags,
) -> bool:
    """Whether it may open at every single instant that may be now."""
    if cause is SupplyReason.SAFETY:
        return True
    if interval.status is not ClockStatus.TRUSTED or interval.latest_ms is None or flag.release_holds:
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
        and not any(hold.from_ms <= now < hold.until_ms for hold in held)
        and (cause is not SupplyReason.CUT_ORDER or evidence.order_from_ms <= now < evidence.order_until_ms)
        for now in every
    )


@given(causes, intervals, permissions, holds, evidences, flags)
def test_the_gate_says_what_every_single_instant_says(
    cause: SupplyReason,
    interval: Interval,
    permission: Permission,
    held: tuple[HoldSpan, ...],
    evidence: Evidence,
    flag: Flags,
) -> None:
    verdict = may_open(cause, interval, permission, held, evidence, flag)
    assert verdict.open == naive(cause, interval, permission, held, evidence, flag)


@given(permissions, holds, evidences)
def test_at_a_sharp_instant_the_gate_opens_wherever_it_may(
    permission: Permission, held: tuple[HoldSpan, ...], evidence: Evidence
) -> None:
    # Directed at the open side: a wide random interval alone would hardly ever open.
    for now in range(31):
        interval = Interval(ClockStatus.TRUSTED, now, now)
        for cause in (SupplyReason.CREDIT, SupplyReason.CUT_ORDER):
            question = (cause, interval, permission, held, evidence, Flags())
            assert may_open(*question).open == naive(*question)


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


OPEN = (
    Interval(ClockStatus.TRUSTED, 10, 12),
    Permission(((5, 20),), 100, complete=True),
    (),
    Evidence(nothing_left=True),
    Flags(),
)
# One thing changed at a time, and why the gate is then shut. Boundaries are the half-open ones.
LEDGER = [
    (0, Interval(ClockStatus.LOST, 10, None), Because.CLOCK_LOST),
    (0, Interval(ClockStatus.LOST, 10, 12), Because.CLOCK_LOST),
    (0, Interval(ClockStatus.TRUSTED, 10, None), Because.CLOCK_LOST),
    (0, Interval(ClockStatus.DISPUTED, 10, 12), Because.CLOCK_DISPUTED),
    (0, Interval(ClockStatus.TRUSTED, 4, 12), Because.NO_WINDOW),
    (0, Interval(ClockStatus.TRUSTED, 5, 12), Because.PERMITTED),
    (0, Interval(ClockStatus.TRUSTED, 10, 19), Because.PERMITTED),
    (0, Interval(ClockStatus.TRUSTED, 10, 20), Because.NO_WINDOW),
    (1, Permission(((5, 11), (11, 20)), 100, complete=True), Because.NO_WINDOW),
    (1, Permission(join_touching([(11, 20), (5, 11)]), 100, complete=True), Because.PERMITTED),
    (1, Permission(((5, 20),), None, complete=True), Because.NO_LEASE),
    (1, Permission(((5, 20),), 12, complete=True), Because.LEASE_ENDED),
    (1, Permission(((5, 20),), 13, complete=True), Because.PERMITTED),
    (1, Permission(((5, 20),), 100, complete=False), Because.REVISIONS_MISSING),
    (2, (HoldSpan("h", 12, 13),), Because.HOLD),
    (2, (HoldSpan("h", 13, 14),), Because.PERMITTED),
    (2, (HoldSpan("h", 0, 10),), Because.PERMITTED),
    (2, (HoldSpan("h", 0, 11),), Because.HOLD),
    (3, Evidence(), Because.NO_EVIDENCE),
    (4, Flags(release_holds=True), Because.HOLD),
]


@pytest.mark.parametrize(("place", "changed", "reason"), LEDGER)
def test_one_thing_changed_and_why_the_gate_is_shut(place: int, changed: object, reason: Because) -> None:
    asked = list(OPEN)
    asked[place] = changed
    verdict = may_open(SupplyReason.CREDIT, *asked)  # type: ignore[arg-type]  # as above
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
    interval, permission, held, _, flag = OPEN
    verdict = may_open(SupplyReason.CUT_ORDER, interval, permission, held, evidence, flag)
    assert verdict.reason is reason


def test_a_safety_cause_passes_whatever_the_clock_and_the_holds_say() -> None:
    asked = (Interval(ClockStatus.LOST, 0, None), Permission(), (HoldSpan("h", 0, 9),), Evidence(), Flags())
    assert may_open(SupplyReason.SAFETY, *asked).open
