"""What a guarded household goes through, as a ledger of days."""

from emulator.firmware.effects import Show
from emulator.firmware.events import Button, ButtonName, MainsOff, MainsOn, Overcurrent, TicksLost
from protocols.documents.bodies import (
    CancelCutBody,
    CutOrderBody,
    EmergencyCreditBody,
    FlagBody,
    LiftBody,
    LimiterBody,
    Named,
    RebaseBody,
    ReleaseBody,
)
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS, HOUR_MS
from protocols.reasons import FlagName, Source
from tests.emulator.firmware.guarded.workbench import GAS, MINUTE_MS, MONDAY_MS, Workbench

TEN = MONDAY_MS + 10 * HOUR_MS
WINDOW = (MONDAY_MS + 8 * HOUR_MS, MONDAY_MS + 15 * HOUR_MS)
NEXT_WINDOW = (WINDOW[0] + DAY_MS, WINDOW[1] + DAY_MS)


def poor() -> Workbench:
    bench = Workbench(balance_q=0)
    bench.permit(WINDOW, NEXT_WINDOW)
    return bench


def test_a_household_without_credit_is_cut_in_the_window_after_a_full_warning() -> None:
    bench = poor().wait_until(WINDOW[0])
    # The interval is one second wide on either side: the cut comes when its early end is in the window.
    assert bench.supply == "on"
    bench.wait(3000)
    assert bench.supply == "off"
    assert bench.supply_changes() == [(8 * 3600 + 3, "off", "credit")]


def test_the_warning_runs_in_full_inside_a_window_too() -> None:
    bench = Workbench(balance_q=3_240_000_000_000, now_ms=TEN)  # 0.30 EUR: an hour of 1 kW
    bench.permit(WINDOW)
    bench.wait(2 * HOUR_MS - 2000)
    assert bench.supply == "on"
    bench.wait(4000)
    assert bench.supply_changes() == [(7200, "off", "credit")]


def test_without_calendar_or_lease_nobody_is_cut() -> None:
    assert Workbench(balance_q=0).wait(30 * DAY_MS).supply == "on"


def test_the_end_of_the_lease_ends_the_permission_but_closes_nothing() -> None:
    bench = Workbench(balance_q=0)
    bench.permit(WINDOW, NEXT_WINDOW, days=1)
    bench.hold("x", WINDOW[0], WINDOW[1])
    assert bench.wait(3 * DAY_MS).supply == "on"
    cut = poor().wait_until(TEN)
    assert cut.wait(40 * DAY_MS).supply == "off"


def test_a_revision_that_the_lease_names_and_the_meter_lacks_forbids_the_cut() -> None:
    bench = Workbench(balance_q=0)
    bench.permit(WINDOW, names=(Named("hold/lost-in-the-post", 0, (1,)),))
    assert bench.wait(2 * DAY_MS).supply == "on"


def test_a_hold_keeps_the_supply_on_and_its_lift_by_two_lets_the_next_window_cut() -> None:
    bench = poor()
    bench.hold("moratorium", MONDAY_MS - DAY_MS, MONDAY_MS + 10 * DAY_MS)
    assert bench.wait_until(TEN).supply == "on"
    lift = bench.order(Kind.LIFT_HOLD, "moratorium", LiftBody())
    assert bench.send(lift, ("dora",)).reason == "too_few_signers"
    assert bench.send(lift, ("anna", "bert")).reason == "too_few_signers"
    assert bench.send(lift).reason == "stored"
    assert bench.wait(2000).supply == "off"


def test_a_hold_that_ends_inside_the_window_ends_for_certain_before_the_cut() -> None:
    bench = poor()
    bench.hold("morning", MONDAY_MS, TEN)
    bench.wait_until(TEN + MINUTE_MS)
    # The interval is 1 s wide, and the crystal's margin over ten hours is 2 s.
    assert bench.supply_changes() == [(10 * 3600 + 3, "off", "credit")]


def test_a_late_hold_gives_back_what_it_would_have_forbidden() -> None:
    bench = poor().wait_until(TEN)
    assert bench.supply == "off"
    bench.hold("later", TEN, TEN + DAY_MS)
    assert bench.supply == "off"
    bench.hold("earlier", MONDAY_MS, TEN + DAY_MS)
    assert bench.supply == "on"
    assert bench.supply_changes()[-1][1:] == ("on", "hold")


def test_one_lying_source_changes_nothing_and_two_keep_the_supply_on() -> None:
    bench = poor()
    bench.witness(Source.HEADEND)
    bench.witness(Source.TIMESERVER)
    bench.witness(Source.HEADEND, DAY_MS)
    assert bench.clock == "trusted"
    bench.witness(Source.TIMESERVER, DAY_MS)
    assert bench.clock == "disputed"
    assert bench.wait_until(TEN).supply == "on"


def test_a_dispute_gives_back_what_was_cut_since_two_witnesses_agreed() -> None:
    bench = poor()
    bench.witness(Source.HEADEND)
    bench.witness(Source.TIMESERVER)
    bench.wait_until(TEN)
    assert bench.supply == "off"
    bench.witness(Source.HEADEND, -DAY_MS)
    bench.witness(Source.TIMESERVER, -DAY_MS)
    assert bench.supply_changes()[-1][1:] == ("on", "clock")


def test_a_dispute_leaves_what_was_cut_before_two_witnesses_agreed_again() -> None:
    bench = poor().wait_until(TEN)
    bench.witness(Source.HEADEND)
    bench.witness(Source.TIMESERVER)
    bench.wait(HOUR_MS)
    bench.witness(Source.HEADEND, -DAY_MS)
    bench.witness(Source.TIMESERVER, -DAY_MS)
    assert bench.clock == "disputed"
    assert bench.supply == "off"


def test_a_rebase_by_two_names_the_dispute_and_two_witnesses_regain_the_clock() -> None:
    bench = poor()
    for source in (Source.HEADEND, Source.TIMESERVER):
        bench.witness(source, DAY_MS)
    nonce = bench.meter.dispute_nonce
    assert bench.give(Kind.REBASE, "m1", RebaseBody("another")).reason == "unknown_nonce"
    assert bench.give(Kind.REBASE, "m1", RebaseBody(nonce)).verdict == "accepted"
    assert bench.clock == "lost"
    bench.witness(Source.HEADEND)
    assert bench.clock == "lost"
    bench.witness(Source.TIMESERVER)
    assert bench.clock == "trusted"
    assert bench.wait_until(TEN).supply == "off"


def test_lost_ticks_stop_every_cut_until_two_witnesses_answer() -> None:
    bench = poor()
    bench.do(TicksLost())
    bench.witness(Source.HEADEND)
    assert bench.wait_until(TEN).supply == "on"
    assert bench.meter.readout(bench.tick).latest_ms is None
    bench.witness(Source.HEADEND)
    bench.witness(Source.TIMESERVER)
    assert bench.wait(5000).supply == "off"


def test_a_release_restores_and_holds_for_its_hours_of_ticks() -> None:
    bench = poor().wait_until(TEN)
    release = bench.order(Kind.RELEASE, "m1", ReleaseBody(24))
    bench.send(release)
    assert bench.supply_changes()[-1][1:] == ("on", "release")
    # Monday 10:00 and 24 h: Tuesday's window is open again at 10:00, not before.
    bench.wait(DAY_MS - 1000)
    assert bench.send(release).reason == "repeated"
    assert bench.supply == "on"
    assert bench.wait(1000).supply == "off"


def test_a_release_outlasts_lost_ticks_until_its_time_has_surely_passed() -> None:
    bench = poor().wait_until(TEN)
    bench.give(Kind.RELEASE, "m1", ReleaseBody(24))
    bench.do(TicksLost())
    bench.wait_until(NEXT_WINDOW[0] + HOUR_MS)
    for source in (Source.HEADEND, Source.TIMESERVER):
        bench.witness(source)
    assert bench.wait(50 * MINUTE_MS).supply == "on"
    # 24 h after 10:00, and the margins of two clocks.
    assert bench.wait(15 * MINUTE_MS).supply == "off"


def test_a_top_up_gives_the_supply_back_and_is_credited_once() -> None:
    bench = poor().wait_until(TEN)
    payment = bench.pay(1, 20_000_000)
    assert payment.reason == "credited"
    assert bench.supply_changes()[-1][1:] == ("on", "top_up")
    balance_q = bench.meter.point.credit.balance_q
    assert bench.pay(1, 20_000_000).reason == "repeated"
    assert bench.meter.point.credit.balance_q == balance_q


def test_red_and_breaker_start_the_emergency_credit() -> None:
    bench = poor().wait_until(TEN)
    bench.do(Button(ButtonName.BREAKER))
    assert bench.supply == "off"
    bench.do(Button(ButtonName.RED))
    assert bench.supply == "armed"
    bench.do(Button(ButtonName.BREAKER))
    assert bench.supply == "on"
    # 12 EUR at 1 kW and 0.30 EUR/kWh last 40 hours; then only the next window may cut.
    assert bench.wait(14 * HOUR_MS).supply == "on"


def test_emergency_credit_that_runs_out_at_night_waits_for_the_window() -> None:
    bench = Workbench(balance_q=0, load_w=12_000)
    bench.permit(WINDOW)
    bench.do(Button(ButtonName.RED))
    assert bench.wait_until(WINDOW[0]).supply == "on"
    assert bench.meter.point.credit.emergency_left_q == 0
    assert bench.wait(3000).supply == "off"


def test_emergency_credit_by_order_restores() -> None:
    bench = poor().wait_until(TEN)
    bench.give(Kind.EMERGENCY_CREDIT, "m1", EmergencyCreditBody())
    assert bench.supply_changes()[-1][1:] == ("on", "emergency_credit")


def test_a_protected_household_gets_the_limiter_in_place_of_darkness() -> None:
    bench = poor()
    bench.give(Kind.SET_FLAG, "protected", FlagBody(FlagName.PROTECTED))
    bench.wait_until(TEN)
    assert bench.supply_changes() == [(8 * 3600 + 3, "limited", "limiter")]
    bench.pay(1, 50_000_000)
    assert bench.supply_changes()[-1][1:] == ("on", "top_up")


def test_a_medical_flag_holds_and_clearing_it_takes_two() -> None:
    bench = poor()
    bench.give(Kind.SET_FLAG, "medical", FlagBody(FlagName.MEDICAL))
    assert bench.wait_until(TEN).supply == "on"
    assert bench.give(Kind.CLEAR_FLAG, "medical", FlagBody(FlagName.MEDICAL)).reason == "stored"
    assert bench.wait(2000).supply == "off"


def test_a_cut_order_acts_inside_its_interval_and_the_window_only() -> None:
    bench = Workbench()
    bench.permit(WINDOW, NEXT_WINDOW)
    order = bench.order(
        Kind.CUT_ORDER, "c1", CutOrderBody(), not_before_ms=TEN, not_after_ms=TEN + 2 * HOUR_MS
    )
    assert bench.send(order).reason == "stored"
    assert bench.wait_until(TEN).supply == "on"
    assert bench.wait(3000).supply == "off"
    assert bench.supply_changes()[-1][2] == "cut_order"
    bench.give(Kind.RELEASE, "m1", ReleaseBody(24))
    assert bench.wait(2 * DAY_MS).supply == "on", "an order that was carried out is over"


def test_a_cancel_wins_whichever_comes_first() -> None:
    for cancel_first in (True, False):
        bench = Workbench()
        bench.permit(WINDOW)
        cut = bench.order(Kind.CUT_ORDER, "c1", CutOrderBody(), rev=1, not_after_ms=WINDOW[1])
        cancel = bench.order(Kind.CANCEL_CUT, "c1", CancelCutBody("cut/c1"), rev=2)
        for order in (cancel, cut) if cancel_first else (cut, cancel):
            bench.send(order)
        assert bench.wait_until(TEN).supply == "on"


def test_a_late_cancel_gives_the_supply_back() -> None:
    bench = Workbench()
    bench.permit(WINDOW)
    bench.send(bench.order(Kind.CUT_ORDER, "c1", CutOrderBody(), not_after_ms=WINDOW[1]))
    assert bench.wait_until(TEN).supply == "off"
    bench.give(Kind.CANCEL_CUT, "c1", CancelCutBody("cut/c1"))
    assert bench.supply_changes()[-1][1:] == ("on", "cut_order")


def test_the_warning_begins_anew_when_the_mains_come_back() -> None:
    bench = poor().wait_until(WINDOW[0] - 10 * MINUTE_MS)
    bench.do(MainsOff())
    bench.wait_until(TEN)
    assert bench.supply == "on"
    bench.do(MainsOn())
    assert bench.wait(HOUR_MS - 1000).supply == "on"
    assert bench.wait(2000).supply == "off"


def test_a_dip_of_the_mains_within_one_second_restarts_the_warning_too() -> None:
    bench = poor().wait_until(WINDOW[0] - 10 * MINUTE_MS + 200)
    bench.do(MainsOff())
    bench.do(MainsOn())
    assert bench.wait(HOUR_MS - 1000).supply == "on"
    assert bench.wait(3000).supply == "off"


def test_the_warning_begins_anew_with_every_new_epoch() -> None:
    bench = poor().wait_until(WINDOW[0] - HOUR_MS)
    bench.do(TicksLost())
    bench.wait(30 * MINUTE_MS)
    bench.do(TicksLost())
    for source in (Source.HEADEND, Source.TIMESERVER):
        bench.witness(source)
    assert bench.wait_until(WINDOW[0] + 30 * MINUTE_MS - 1_000).supply == "on"
    assert bench.wait(10_000).supply == "off"


def test_credit_that_runs_out_between_two_windows_waits_for_the_next() -> None:
    # 20 hours of 1 kW at 0.30 EUR/kWh: used up at 20:00.
    bench = Workbench(balance_q=20 * 3600 * 3 * 1000 * 300_000)
    bench.permit(WINDOW, NEXT_WINDOW)
    bench.wait_until(NEXT_WINDOW[0] + MINUTE_MS)
    [(at_s, to, reason)] = bench.supply_changes()
    assert (to, reason) == ("off", "credit")
    assert 32 * 3600 <= at_s <= 32 * 3600 + 10


def test_gas_is_never_opened_from_afar_and_asks_for_a_leak_test() -> None:
    bench = Workbench(profile=GAS, balance_q=0, load_w=0)
    bench.permit(WINDOW)
    bench.wait_until(TEN)
    assert bench.supply == "off"
    bench.give(Kind.RELEASE, "m1", ReleaseBody())
    assert bench.supply == "armed"
    bench.do(Button(ButtonName.BLUE))
    assert bench.wait(719_000).supply == "armed"
    assert bench.meter.recorder.text == "leak test: 720 s"
    bench.effects.clear()
    assert bench.wait(1000).supply == "on"
    assert bench.supply_changes()[-1][2] == "leak_test"
    assert [each.text for each in bench.effects if isinstance(each, Show)] == ["", "supply may stop: credit"]


def test_an_overcurrent_passes_every_hold_and_the_breaker_is_the_way_back() -> None:
    bench = Workbench()
    bench.hold("x", MONDAY_MS, MONDAY_MS + DAY_MS)
    bench.do(Overcurrent())
    assert bench.supply_changes()[-1][1:] == ("off", "safety")
    bench.give(Kind.RELEASE, "m1", ReleaseBody())
    assert bench.supply == "off", "no order from afar closes on a fault"
    bench.do(Button(ButtonName.BREAKER))
    assert bench.supply == "on"


def test_a_limiter_order_limits_inside_the_window_and_its_end_gives_back() -> None:
    bench = Workbench()
    bench.permit(WINDOW)
    bench.give(Kind.LIMITER, "m1", LimiterBody(engaged=True))
    assert bench.wait_until(TEN).supply == "limited"
    bench.give(Kind.LIMITER, "m1", LimiterBody(engaged=False))
    assert bench.supply == "on"


def test_a_doubted_clock_takes_no_harmful_order() -> None:
    for doubt in ("lost", "disputed"):
        bench = Workbench()
        if doubt == "lost":
            bench.do(TicksLost())
        else:
            bench.witness(Source.HEADEND, DAY_MS)
            bench.witness(Source.TIMESERVER, DAY_MS)
        assert bench.clock == doubt
        order = bench.order(Kind.LIMITER, "m1", LimiterBody(engaged=True))
        assert bench.send(order).reason == "clock_not_trusted"
        _still_takes_protection(bench)


def _still_takes_protection(bench: Workbench) -> None:
    assert bench.hold("x", MONDAY_MS, MONDAY_MS + DAY_MS).verdict == "accepted"


def test_what_is_armed_is_not_taken_back_and_the_warning_waits_for_the_light() -> None:
    """A person has pressed once and may press again: to cut what is dark would only undo their step."""
    bench = poor().wait_until(TEN)
    bench.do(Button(ButtonName.RED))
    assert bench.supply == "armed"
    bench.give(Kind.CUT_ORDER, "c1", CutOrderBody())
    assert bench.wait(2 * HOUR_MS).supply == "armed"
    bench.do(Button(ButtonName.BREAKER))
    assert bench.wait(HOUR_MS - 1_000).supply == "on"
    assert bench.wait(4_000).supply == "off"
    assert bench.supply_changes()[-1][1:] == ("off", "cut_order")
