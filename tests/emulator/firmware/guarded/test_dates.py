"""Which dates of an order the meter judges, kind by kind: what the row says is what the meter does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from emulator.firmware.events import TicksLost
from emulator.firmware.guarded import intake
from protocols.documents.bodies import CutOrderBody, HoldBody, RebaseBody
from protocols.documents.kind_rule import Dates, Kind, Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, UtcMs
from protocols.reasons import ClockStatus, Refusal, Source
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT, Workbench

BEFORE_MS, AFTER_MS = MONDAY_MS - HOUR_MS, MONDAY_MS + HOUR_MS
# Begin and end of an order beside an interval of two minutes around MONDAY_MS; and what follows, by `Dates`.
INTERVALS_MS = {
    "around all of it": (BEFORE_MS, AFTER_MS),
    "from its middle on": (MONDAY_MS, AFTER_MS),
    "up to its middle": (BEFORE_MS, MONDAY_MS),
    "after it": (AFTER_MS, AFTER_MS + 1),
    "before it": (BEFORE_MS, BEFORE_MS + 1),
}
FOLLOWS = {
    Dates.EVERY_INSTANT: (None, Refusal.NOT_YET, Refusal.EXPIRED, Refusal.NOT_YET, Refusal.EXPIRED),
    Dates.SOME_INSTANT: (None, None, None, Refusal.NOT_YET, Refusal.EXPIRED),
    Dates.NUMBER: (None, None, None, None, Refusal.EXPIRED),
    Dates.END_ONLY: (None, None, Refusal.EXPIRED, None, Refusal.EXPIRED),
    Dates.NONE: (None, None, None, None, None),
}


def order_of(kind: Kind, not_before_ms: int, not_after_ms: int) -> Order:
    """An order of this kind; what it carries is not looked at."""
    order = Workbench().order(Kind.HOLD, "x", HoldBody(MONDAY_MS, AFTER_MS))
    return replace(order, kind=kind, not_before_ms=not_before_ms, not_after_ms=not_after_ms)


@pytest.mark.parametrize("kind", Kind)
def test_a_trusted_clock_judges_the_dates_that_the_row_says(kind: Kind) -> None:
    low_ms, high_ms = MONDAY_MS - MINUTE_MS, MONDAY_MS + MINUTE_MS
    found = [
        intake._refusal_by_time(
            order_of(kind, *interval_ms), ClockStatus.TRUSTED, UtcMs(low_ms), UtcMs(high_ms)
        )
        for interval_ms in INTERVALS_MS.values()
    ]
    rule = KINDS[kind]
    # Protection for a moment that has not come is stored, not refused.
    protects = Dates.NUMBER if rule.role is Role.PROTECT else rule.dates
    assert found == list(FOLLOWS[protects])


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("status", [ClockStatus.DISPUTED, ClockStatus.LOST])
def test_a_doubted_clock_takes_only_what_need_not_be_good_at_every_instant(
    kind: Kind, status: ClockStatus
) -> None:
    order = order_of(kind, BEFORE_MS, AFTER_MS)
    refusal = intake._refusal_by_time(order, status, UtcMs(MONDAY_MS - MINUTE_MS), None)
    demands = KINDS[kind].dates in {Dates.EVERY_INSTANT, Dates.END_ONLY}
    assert refusal is (Refusal.CLOCK_NOT_TRUSTED if demands else None)


@given(
    ahead_ms=st.sampled_from([-3_650 * DAY_MS, -DAY_MS, DAY_MS, 3_650 * DAY_MS]),
    order_ms=st.sampled_from([-7_000 * DAY_MS, -DAY_MS, 0, DAY_MS, 7_000 * DAY_MS]),
    names_it=st.booleans(),
)
def test_a_rebase_is_limited_by_its_nonce_and_by_no_date(
    ahead_ms: int, order_ms: int, names_it: bool
) -> None:
    """Two liars regain a lost clock, also past the root's end, and two honest witnesses dispute it."""
    bench = Workbench()
    bench.do(TicksLost())
    for source in (Source.HEADEND, Source.CARD):
        bench.witness(source, ahead_ms)
    for source in (Source.TIMESERVER, Source.TECHNICIAN):
        bench.witness(source)
    assert bench.clock == "disputed"
    nonce = bench.meter.dispute_nonce if names_it else "another"
    begins_ms = bench.now_ms + order_ms
    order = bench.order(
        Kind.REBASE, "m1", RebaseBody(nonce), not_before_ms=begins_ms, not_after_ms=begins_ms + HOUR_MS
    )
    assert bench.send(order, ("dora",)).reason == "too_few_signers"
    assert bench.send(order).reason == ("stored" if names_it else "unknown_nonce")
    assert bench.clock == ("lost" if names_it else "disputed")


def test_other_harm_is_refused_under_a_root_that_is_over() -> None:
    bench = Workbench(now_ms=ROOT.expires_ms)
    bench.now_ms += HOUR_MS
    assert bench.give(Kind.CUT_ORDER, "c1", CutOrderBody()).reason == "expired"
