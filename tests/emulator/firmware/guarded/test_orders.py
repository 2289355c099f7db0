"""Orders at the meter: any arrival ends in the same protection; limits are read with the interval."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.firmware.events import Document, TicksLost
from emulator.firmware.guarded.image import decode_image
from protocols.documents.bodies import (
    Body,
    CancelCutBody,
    CutCalendarBody,
    CutOrderBody,
    FlagBody,
    HoldBody,
    HoldFloorBody,
    LiftBody,
    LimiterBody,
    PaymentBody,
    ReleaseBody,
)
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS
from protocols.limits import CUT_ORDERS_MAX, TOMBSTONES_MAX
from protocols.reasons import FlagName, Source
from protocols.spans import Window
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, Workbench, sign

M = MONDAY_MS


def documents(bench: Workbench) -> list[bytes]:
    """A moratorium's life, a flag's, a cut and its cancel, two payments: each signed as it must be."""
    scope = Scope(fleet=True)
    hold, lift, shorten = Kind.HOLD, Kind.LIFT_HOLD, Kind.SHORTEN_HOLD
    return [
        sign(bench.order(hold, "a", HoldBody(M, M + 5 * DAY_MS), rev=1, scope=scope)),
        sign(bench.order(hold, "a", HoldBody(M - DAY_MS, M + 6 * DAY_MS), rev=2, scope=scope)),
        sign(bench.order(shorten, "a", HoldFloorBody(M, M + 2 * DAY_MS), rev=3)),
        sign(bench.order(hold, "a", HoldBody(M, M + 4 * DAY_MS), rev=4, scope=scope)),
        sign(bench.order(lift, "b", LiftBody(), rev=2)),
        sign(bench.order(hold, "b", HoldBody(M, M + DAY_MS), rev=1)),
        sign(bench.order(Kind.SET_FLAG, "medical", FlagBody(FlagName.MEDICAL), rev=1)),
        sign(bench.order(Kind.CLEAR_FLAG, "medical", FlagBody(FlagName.MEDICAL), rev=2)),
        sign(bench.order(Kind.CUT_ORDER, "c", CutOrderBody(), rev=1)),
        sign(bench.order(Kind.CANCEL_CUT, "c", CancelCutBody("cut/c"), rev=2)),
        sign(bench.order(Kind.PAYMENT, "controller", PaymentBody("controller", 1, 5_000_000), rev=1)),
        sign(bench.order(Kind.PAYMENT, "controller", PaymentBody("controller", 2, 9_000_000), rev=2)),
    ]


def state_after(deliveries: list[bytes]) -> tuple[object, ...]:
    bench = Workbench()
    for data in deliveries:
        bench.do(Document(data))
    memory = decode_image(bench.meter.image())
    balance_q = memory.credit.balance_q
    return memory.protections, memory.cut_orders, memory.tombstones, memory.totals, balance_q


@settings(max_examples=150)
@given(st.data())
def test_every_order_and_repetition_ends_in_the_same_protection_and_money(data: st.DataObject) -> None:
    sent = documents(Workbench())
    shuffled = data.draw(st.permutations(sent + data.draw(st.lists(st.sampled_from(sent), max_size=8))))
    assert state_after(shuffled) == state_after(sent)


@given(st.data())
def test_what_was_lost_is_made_good_by_sending_it_again(data: st.DataObject) -> None:
    sent = documents(Workbench())
    arrived = data.draw(st.lists(st.sampled_from(sent), max_size=8))
    assert state_after([*arrived, *sent]) == state_after(sent)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_later_one_person_revision_protects_again_after_a_lift(order: tuple[int, ...]) -> None:
    bench = Workbench()
    sent = [
        bench.order(Kind.HOLD, "a", HoldBody(M, M + DAY_MS), rev=1),
        bench.order(Kind.LIFT_HOLD, "a", LiftBody(), rev=2),
        bench.order(Kind.HOLD, "a", HoldBody(M, M + 3 * DAY_MS), rev=3),
    ]
    for place in order:
        bench.send(sent[place])
    [span] = [span for span in _spans(bench) if span[0] == "hold/a"]
    assert span == ("hold/a", M, M + 3 * DAY_MS)


def _spans(bench: Workbench) -> list[tuple[str, int, int]]:
    return [(s.name, s.from_ms, s.until_ms) for s in bench.meter.known.holds]


# The meter's interval is ±1 s around its true time. kind, not_before, not_after (s from now), verdict.
LIMITS = """
 limiter     -3600   3600  stored
 limiter     -1      3600  stored
 limiter     0       3600  not_yet
 limiter     -3600   2     stored
 limiter     -3600   1     expired
 cut_order   60      3600  stored
 cut_order   -60     2     stored
 cut_order   -60     1     expired
 hold        1       3600  stored
 hold        2       3600  stored
 hold        -3600   0     stored
 hold        -3600   -1    expired
"""


@pytest.mark.parametrize("line", LIMITS.strip().splitlines())
def test_harm_holds_at_every_instant_and_protection_at_some(line: str) -> None:
    name, from_s, until_s, wanted = line.split()
    kind = Kind(name)
    bodies: dict[Kind, Body] = {
        Kind.LIMITER: LimiterBody(engaged=True),
        Kind.CUT_ORDER: CutOrderBody(),
        Kind.HOLD: HoldBody(M, M + DAY_MS),
    }
    bench = Workbench()
    order = bench.order(
        kind,
        "x",
        bodies[kind],
        not_before_ms=M + int(from_s) * SECOND_MS,
        not_after_ms=M + int(until_s) * SECOND_MS,
    )
    assert bench.send(order).reason == wanted


def test_a_lease_of_more_than_31_days_is_refused_and_an_older_one_too() -> None:
    bench = Workbench()
    bench.permit((M, M + DAY_MS), days=31)
    assert bench.lease(32).reason == "lease_too_long"
    old = bench.revs["lease/m1"]
    assert bench.lease(7).reason == "stored"
    bench.revs["lease/m1"] = old - 2
    assert bench.lease(7).reason == "stale_rev"


def test_a_lease_for_another_calendar_permits_nothing() -> None:
    bench = Workbench(balance_q=0)
    bench.permit((M, M + 10 * DAY_MS))
    newer = bench.order(Kind.CUT_CALENDAR, "season", CutCalendarBody((Window(M, M + 9 * DAY_MS),)))
    assert bench.send(newer).reason == "stored"
    assert bench.wait(DAY_MS).supply == "on", "the lease names the calendar before"
    bench.calendar = newer
    bench.lease()
    assert bench.wait(2 * HOUR_MS).supply == "off"


def test_protection_for_an_unknown_group_applies_and_harm_does_not() -> None:
    bench = Workbench()
    elsewhere, north = Scope(group="south"), Scope(group="north")
    hold = HoldBody(M, M + DAY_MS)
    assert bench.send(bench.order(Kind.HOLD, "a", hold, scope=elsewhere)).reason == "stored"
    engaged = LimiterBody(engaged=True)
    assert bench.send(bench.order(Kind.LIMITER, "x", engaged, scope=elsewhere)).reason == "not_addressed"
    assert bench.send(bench.order(Kind.LIMITER, "x", engaged, scope=north)).reason == "stored"
    other = Scope(meters=("m2",))
    assert bench.send(bench.order(Kind.HOLD, "b", hold, scope=other)).reason == "not_addressed"
    money = PaymentBody("controller", 1, 1_000_000)
    order = bench.order(Kind.PAYMENT, "controller", money, scope=Scope(fleet=True))
    assert bench.send(order).reason == "not_addressed"


def test_a_leap_in_revisions_cannot_put_a_hold_out_of_reach_of_two_people() -> None:
    bench = Workbench()
    bench.send(bench.order(Kind.HOLD, "a", HoldBody(M, M + DAY_MS), rev=1))
    bench.send(bench.order(Kind.HOLD, "a", HoldBody(M, M + 300 * DAY_MS), rev=2**53 - 1))
    assert _spans(bench) == [("hold/a", M, M + 300 * DAY_MS)]
    bench.send(bench.order(Kind.LIFT_HOLD, "a", LiftBody(), rev=3))
    assert _spans(bench) == []


def test_tombstones_that_make_room_cancel_every_cut_issued_before() -> None:
    bench = Workbench()
    first = bench.order(Kind.CUT_ORDER, "c0", CutOrderBody(), rev=1)
    for number in range(TOMBSTONES_MAX + 1):
        bench.give(Kind.CANCEL_CUT, f"c{number}", CancelCutBody(f"cut/c{number}"))
    assert len(bench.meter.memory.tombstones) == TOMBSTONES_MAX
    assert bench.send(first).reason == "cancelled"


def test_a_cut_order_is_carried_out_once_and_forgotten_when_it_has_ended() -> None:
    bench = Workbench()
    bench.permit((M, M + 10 * DAY_MS))
    orders = [
        bench.order(Kind.CUT_ORDER, f"c{n}", CutOrderBody(), not_after_ms=M + DAY_MS)
        for n in range(CUT_ORDERS_MAX + 1)
    ]
    assert [bench.send(order).reason for order in orders] == ["stored"] * CUT_ORDERS_MAX + ["too_many"]
    bench.wait(2 * HOUR_MS)
    assert bench.supply == "off"
    bench.give(Kind.RELEASE, "m1", ReleaseBody(24))
    assert bench.send(orders[0]).reason == "repeated"
    bench.wait(2 * DAY_MS)
    assert bench.supply == "on", "carried out once, and the others have ended"
    assert bench.send(orders[-1]).reason == "expired"
    newer = bench.order(Kind.CUT_ORDER, "new", CutOrderBody())
    assert bench.send(newer).reason == "stored"
    assert set(bench.meter.memory.cuts_seen) == {"cut/new"}


def test_a_release_by_one_person_is_enough_and_by_nobody_is_not() -> None:
    bench = Workbench()
    order = bench.order(Kind.RELEASE, "m1", ReleaseBody(72))
    assert bench.send(order, ()).reason == "too_few_signers"
    assert bench.send(order, ("dora",)).reason == "too_few_signers", "no role implies another"
    assert bench.send(order, ("anna",)).reason == "released"


def test_an_expired_root_ends_harm_and_leases_but_never_protection() -> None:
    bench = Workbench(now_ms=M)
    bench.permit((M, M + DAY_MS))
    late = bench.meter.root.expires_ms - M
    bench.wait(late)
    for source in (Source.HEADEND, Source.TIMESERVER):
        bench.witness(source)
    assert bench.give(Kind.LIMITER, "x", LimiterBody(engaged=True)).reason == "expired"
    assert bench.lease(7).reason == "expired"
    assert bench.hold("a", bench.now_ms, bench.now_ms + DAY_MS).reason == "stored"


def test_a_time_for_another_meter_or_by_nobody_is_no_claim() -> None:
    bench = Workbench()
    nonce = bench.ask(Source.HEADEND)
    bench.answer(Source.TIMESERVER, nonce, bench.now_ms)
    assert not bench.meter.memory.clock.fresh
    bench.do(TicksLost())
    bench.answer(Source.HEADEND, nonce, bench.now_ms)
    assert not bench.meter.memory.clock.fresh, "asked before the ticks were lost"
