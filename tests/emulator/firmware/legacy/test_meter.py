"""The card meter of 2020 without a fault: credit, hours, suspension, programmed cut, cards, codes."""

from dataclasses import replace

import pytest

from emulator.firmware.effects import Ask
from emulator.firmware.events import (
    AskTime,
    Button,
    ButtonName,
    Document,
    MainsOff,
    MainsOn,
    Overcurrent,
    SetLoad,
    TicksLost,
    UnsignedDate,
)
from emulator.firmware.legacy.meter import LegacyMeter
from emulator.firmware.profile import Reconnect
from emulator.firmware.ticks import Tick
from protocols.errors import InputError
from protocols.instants import UtcMs
from protocols.reasons import ClockStatus, Refusal, Source, Supply, SupplyReason
from protocols.units import eur_from_quanta
from tests.emulator.firmware.legacy.card_meter import (
    AUTOMATIC,
    GAS,
    KETTLE_W,
    WALLONIA,
    CardMeter,
    local,
)

D = "2020-07-03 23:01"


def balance(meter: CardMeter) -> str:
    return eur_from_quanta(meter.meter.point.credit.balance_q)


def test_a_programmed_cut_opens_at_its_second_in_the_middle_of_friendly_hours() -> None:
    meter = CardMeter("2020-07-01 12:00").program("2020-07-01 13:00", D).until("2020-07-05 12:00")
    assert meter.openings() == ["2020-07-03 23:01 programmed_cut"]
    assert meter.reason is SupplyReason.PROGRAMMED_CUT


def test_a_second_card_pass_cancels_a_programmed_cut_by_its_id() -> None:
    meter = CardMeter("2020-07-01 12:00").program("2020-07-01 13:00", D)
    meter.cancel("2020-07-02 12:00", name="another").cancel("2020-07-02 13:00").until("2020-07-05 12:00")
    assert meter.openings() == []
    assert [order.reason for order in meter.orders()] == [
        "programmed for 2020-07-03 23:01:00",
        "nothing to cancel",
        "cancelled",
    ]


def test_a_later_card_moves_the_programmed_cut() -> None:
    meter = CardMeter("2020-06-01 12:00").program("2020-06-01 13:00", "2020-06-30 09:00")
    meter.program("2020-06-30 08:59", D).until("2020-07-05 12:00")
    assert meter.openings() == ["2020-07-03 23:01 programmed_cut"]


def test_after_a_programmed_cut_only_the_recovery_card_restarts_the_meter() -> None:
    meter = CardMeter("2020-07-03 12:00", balance_eur="-3.00").suspend("2020-07-03 12:00", "2020-03-18", D)
    meter.program("2020-07-03 12:01", D).until("2020-07-03 23:30")
    assert (meter.supply, meter.code) == (Supply.OFF, "")
    meter.at("2020-07-03 23:31", Button(ButtonName.RED)).at("2020-07-03 23:32", Button(ButtonName.BREAKER))
    assert meter.supply is Supply.OFF
    meter.top_up("2020-07-03 23:40", 10).cancel("2020-07-03 23:45")
    assert (meter.supply, meter.code, balance(meter)) == (Supply.OFF, "8", "7.00")
    meter.top_up("2020-07-03 23:50", 10)
    assert (meter.code, balance(meter)) == ("8", "7.00")
    meter.restart("2020-07-04 08:30")
    assert (meter.supply, meter.reason, meter.code) == (Supply.ON, SupplyReason.RELEASE, "9")
    assert meter.until("2020-07-08 12:00").openings() == ["2020-07-03 23:01 programmed_cut"]


def test_money_does_not_restart_a_meter_that_was_cut_for_credit_before_its_date_fired() -> None:
    meter = CardMeter("2020-07-02 12:00", balance_eur="-3.00").program("2020-07-02 12:01", D)
    meter.until("2020-07-03 23:30").top_up("2020-07-03 23:40", 10)
    assert (meter.supply, meter.code, balance(meter)) == (Supply.OFF, "8", "7.00")
    meter.restart("2020-07-04 08:30")
    assert (meter.supply, meter.code) == (Supply.ON, "9")


def test_the_recovery_card_restarts_a_meter_without_credit_on_emergency_credit() -> None:
    meter = CardMeter("2020-07-03 12:00", balance_eur="-3.00", load_w=KETTLE_W)
    meter.suspend("2020-07-03 12:00", "2020-03-18 00:00", "2020-07-04 00:00").program("2020-07-03 12:01", D)
    meter.restart("2020-07-04 08:30")
    assert meter.supply is Supply.ON
    # 12 € at 0.25 € an hour are two days; that they end in friendly hours does not help.
    meter.until("2020-07-07 12:00")
    assert meter.openings() == ["2020-07-03 23:01 programmed_cut", "2020-07-06 08:30 credit"]
    assert meter.code == "triangle"


def test_setting_the_clock_over_the_date_fires_and_setting_it_back_undoes_nothing() -> None:
    meter = CardMeter("2020-07-02 12:00").program("2020-07-02 13:00", D)
    meter.dated_card("2020-07-02 22:59", "2020-07-03 22:59")
    meter.until("2020-07-02 23:30").set_by_hand("2020-07-02 23:30", "2020-07-02 23:30")
    meter.until("2020-07-05 12:00")
    assert meter.openings() == ["2020-07-02 23:01 programmed_cut"]
    assert [(claim.source, claim.verdict, claim.offset_ms) for claim in meter.claims()] == [
        ("card", "obeyed", 86_400_000),
        ("unsigned", "obeyed", -86_400_000),
    ]


def test_a_date_set_past_the_cut_fires_it_in_that_second() -> None:
    meter = CardMeter("2020-07-02 12:00").program("2020-07-02 13:00", D)
    meter.set_by_hand("2020-07-02 22:59:30", "2020-07-05 00:00").until("2020-07-02 23:00")
    assert meter.openings() == ["2020-07-02 22:59:30 programmed_cut"]


# Start, balance, and when it opens for credit at 0.25 € an hour. 2 July 2020 was a Thursday.
CREDIT = [
    ("2020-07-02 09:00", "1.00", "2020-07-02 13:00 credit"),
    ("2020-07-02 14:00", "0.50", "2020-07-03 08:00 credit"),  # at 16:00:00 the evening protects
    ("2020-07-02 13:59:59", "0.50", "2020-07-02 15:59:59 credit"),
    ("2020-07-02 20:00", "0.00", "2020-07-03 08:00 credit"),
    ("2020-07-03 15:00", "0.50", "2020-07-06 08:00 credit"),  # the whole weekend
    ("2020-07-21 09:00", "0.25", "2020-07-21 10:00 credit"),  # a public holiday protects nobody
    ("2020-03-28 12:00", "0.00", "2020-03-30 08:00 credit"),  # over the night with 23 hours
    ("2020-10-24 12:00", "0.00", "2020-10-26 08:00 credit"),  # and the one with 25
]


@pytest.mark.parametrize(("start", "balance_eur", "opening"), CREDIT)
def test_credit_that_is_gone_opens_outside_friendly_hours(start: str, balance_eur: str, opening: str) -> None:
    meter = CardMeter(start, balance_eur=balance_eur, load_w=KETTLE_W).until("2020-12-01 00:00")
    assert meter.openings() == [opening]
    assert meter.code == "triangle"


def test_a_suspension_holds_back_the_credit_check_and_not_the_programmed_cut() -> None:
    meter = CardMeter("2020-06-29 10:00", balance_eur="-5.00", load_w=KETTLE_W)
    meter.suspend("2020-06-29 10:00", "2020-03-18 00:00", "2020-07-01 00:00").until("2020-06-30 15:00")
    assert meter.openings() == []
    assert meter.until("2020-07-02 00:00").openings() == ["2020-07-01 08:00 credit"]


def test_a_suspension_begins_in_its_first_second() -> None:
    meter = CardMeter("2020-06-29 07:00", balance_eur="-5.00")
    meter.suspend("2020-06-29 07:01", "2020-06-29 08:00", "2020-06-29 10:00").until("2020-06-29 11:00")
    assert meter.openings() == ["2020-06-29 10:00 credit"]


def test_an_empty_interval_ends_a_suspension() -> None:
    meter = CardMeter("2020-06-29 10:00", balance_eur="-5.00")
    meter.suspend("2020-06-29 10:00", "2020-03-18 00:00", "2020-07-01 00:00")
    meter.suspend("2020-06-29 11:00", "2020-06-29 11:00", "2020-06-29 11:00").until("2020-06-29 12:00")
    assert meter.openings() == ["2020-06-29 11:00 credit"]


def test_red_button_and_breaker_end_a_cut_for_credit_and_cost_the_friendly_hours() -> None:
    meter = CardMeter("2020-07-02 09:00", balance_eur="0.00", load_w=KETTLE_W)
    meter.at("2020-07-02 18:00", Button(ButtonName.RED))
    assert (meter.supply, meter.reason) == (Supply.ARMED, SupplyReason.EMERGENCY_CREDIT)
    meter.at("2020-07-02 18:01", Button(ButtonName.BREAKER))
    assert meter.supply is Supply.ON
    meter.until("2020-07-05 12:00")
    assert meter.openings() == ["2020-07-02 09:00 credit", "2020-07-04 18:01 credit"]


def test_a_payment_repays_the_emergency_credit_first_and_then_brings_the_hours_back() -> None:
    meter = CardMeter("2020-07-02 09:00", balance_eur="0.00")
    meter.at("2020-07-02 10:00", Button(ButtonName.RED)).at("2020-07-02 10:01", Button(ButtonName.BREAKER))
    meter.at("2020-07-02 10:02", SetLoad(4 * KETTLE_W)).until("2020-07-02 22:02")
    meter.top_up("2020-07-02 22:10", 10)
    assert (meter.supply, meter.code, balance(meter)) == (Supply.OFF, "9", "0.00")
    meter.top_up("2020-07-02 22:20", 5, payment="p2")
    assert (meter.supply, meter.reason, balance(meter)) == (Supply.ON, SupplyReason.TOP_UP, "3.00")
    meter.until("2020-07-03 09:00")
    assert meter.openings() == [
        "2020-07-02 09:00 credit",
        "2020-07-02 22:02 credit",
        "2020-07-03 08:00 credit",
    ]


def test_emergency_credit_that_starts_by_itself_is_used_up_and_then_the_night_protects_nobody() -> None:
    meter = CardMeter("2020-07-02 12:00", balance_eur="1.00", load_w=KETTLE_W, profile=AUTOMATIC)
    meter.until("2020-07-06 12:00")
    assert meter.openings() == ["2020-07-04 16:00 credit"]


def test_emergency_credit_waits_while_the_check_is_suspended() -> None:
    meter = CardMeter("2020-06-29 10:00", balance_eur="0.00", load_w=KETTLE_W, profile=AUTOMATIC)
    meter.suspend("2020-06-29 10:00", "2020-03-18 00:00", "2020-07-01 00:00").until("2020-07-05 12:00")
    assert meter.openings() == ["2020-07-03 00:00 credit"]


def test_a_payment_is_credited_once_whatever_the_channel() -> None:
    meter = CardMeter("2020-07-02 12:00", balance_eur="1.00")
    meter.top_up("2020-07-02 13:00", 20).top_up("2020-07-02 14:00", 20)
    assert balance(meter) == "21.00"
    meter.top_up("2020-07-02 15:00", 5, payment="p2")
    assert (balance(meter), meter.code) == ("26.00", "9")


def test_a_gas_meter_is_armed_and_waits_for_the_leak_test() -> None:
    meter = CardMeter("2020-07-02 12:00", balance_eur="0.00", profile=GAS).until("2020-07-02 12:01")
    meter.top_up("2020-07-02 13:00", 20)
    assert (meter.supply, meter.reason) == (Supply.ARMED, SupplyReason.TOP_UP)
    meter.at("2020-07-02 13:05", Button(ButtonName.BLUE)).until("2020-07-02 13:16:59")
    assert meter.supply is Supply.ARMED
    assert meter.until("2020-07-02 13:17").supply is Supply.ON


def test_a_profile_that_arms_waits_for_the_breaker() -> None:
    arming = replace(WALLONIA, reconnect=Reconnect.ARM)
    meter = CardMeter("2020-07-02 12:00", balance_eur="0.00", profile=arming).until("2020-07-02 12:01")
    meter.top_up("2020-07-02 13:00", 20)
    assert meter.supply is Supply.ARMED
    assert meter.at("2020-07-02 13:05", Button(ButtonName.BREAKER)).supply is Supply.ON


def test_a_gas_meter_cut_by_its_programme_arms_for_the_recovery_card() -> None:
    meter = CardMeter("2020-07-03 12:00", profile=GAS).program("2020-07-03 12:01", D)
    meter.at("2020-07-04 00:00", Button(ButtonName.BLUE))
    assert meter.supply is Supply.OFF
    assert meter.restart("2020-07-04 08:00").supply is Supply.ARMED


def test_a_recovery_card_does_not_override_a_safety_cause() -> None:
    meter = CardMeter("2020-07-03 12:00").program("2020-07-03 12:01", D)
    meter.at("2020-07-03 22:00", Overcurrent()).restart("2020-07-04 08:00")
    assert (meter.supply, meter.reason, meter.code) == (Supply.OFF, SupplyReason.SAFETY, "9")
    assert meter.at("2020-07-04 08:05", Button(ButtonName.BREAKER)).supply is Supply.ON


def test_a_breaker_does_not_close_over_a_fired_cut() -> None:
    meter = CardMeter("2020-07-03 12:00").program("2020-07-03 12:01", D)
    meter.at("2020-07-03 22:00", Overcurrent()).at("2020-07-04 08:05", Button(ButtonName.BREAKER))
    assert meter.supply is Supply.OFF


def test_a_recovery_card_ends_a_cut_for_credit_as_well() -> None:
    meter = CardMeter("2020-07-02 09:00", balance_eur="0.00", load_w=KETTLE_W).until("2020-07-02 10:00")
    meter.restart("2020-07-02 10:00").until("2020-07-05 00:00")
    assert meter.switchings() == [
        "2020-07-02 09:00 off credit",
        "2020-07-02 10:00 on release",
        "2020-07-04 10:00 off credit",
    ]


def test_that_the_credit_has_run_out_is_told_each_time() -> None:
    meter = CardMeter("2020-07-02 17:00", balance_eur="0.25", load_w=KETTLE_W)
    meter.top_up("2020-07-02 19:00", 1).until("2020-07-03 07:00")
    assert meter.credit_causes() == ["zero", "top_up", "zero"]


def test_a_recovery_card_in_a_meter_that_is_on_changes_nothing() -> None:
    meter = CardMeter("2020-07-02 12:00").program("2020-07-02 12:01", D).restart("2020-07-02 13:00")
    assert (meter.supply, meter.code) == (Supply.ON, "9")
    assert meter.until("2020-07-04 00:00").openings() == ["2020-07-03 23:01 programmed_cut"]


def test_lost_ticks_bring_the_factory_date_and_end_a_suspension() -> None:
    meter = CardMeter("2020-06-22 12:00", balance_eur="-1.00")
    meter.suspend("2020-06-22 12:00", "2020-03-18 00:00", "2020-07-01 00:00")
    meter.at("2020-06-22 13:00", TicksLost())
    assert meter.shows("2020-06-22 13:00") == "2000-01-01 00:00"
    # The first of January 2000 was a Saturday: two days of grace, and until Monday 08:00.
    assert meter.until("2020-06-30 00:00").openings() == ["2020-06-24 21:00 credit"]


def test_the_cell_keeps_the_clock_while_the_mains_are_off() -> None:
    meter = CardMeter("2020-07-02 12:00").program("2020-07-02 12:01", D)
    meter.at("2020-07-02 20:00", MainsOff()).at("2020-07-03 02:00", MainsOn())
    assert meter.shows("2020-07-03 02:00") == "2020-07-03 02:00"
    assert meter.until("2020-07-05 00:00").openings() == ["2020-07-03 23:01 programmed_cut"]


def test_it_has_no_remote_channel() -> None:
    meter = CardMeter("2020-07-02 12:00").at("2020-07-02 13:00", Document(b"{}"))
    assert [(order.verdict, order.reason) for order in meter.orders()] == [("refused", Refusal.UNSUPPORTED)]
    meter.at("2020-07-02 13:01", AskTime(Source.HEADEND))
    assert not [effect for effect in meter.effects if isinstance(effect, Ask)]


def test_it_believes_its_clock_whole() -> None:
    meter = CardMeter("2020-07-02 12:00").dated_card("2020-07-02 13:00", "2020-07-07 13:00")
    view = meter.meter.readout(Tick(local("2020-07-02 14:00") - meter.start_ms))
    assert view.glance.clock is ClockStatus.TRUSTED
    assert view.earliest_ms == view.latest_ms == view.estimate_ms == local("2020-07-07 14:00")


def test_a_date_is_obeyed_to_the_millisecond() -> None:
    meter = CardMeter("2020-07-02 12:00").program("2020-07-02 12:00", "2020-07-02 12:10")
    meter.at("2020-07-02 12:01", UnsignedDate(UtcMs(local("2020-07-02 12:09:59") + 400)))
    tick = local("2020-07-02 12:01") - meter.start_ms
    assert meter.meter.readout(Tick(tick)).estimate_ms == local("2020-07-02 12:09:59") + 400
    assert meter.meter.readout(Tick(tick + 599)).estimate_ms == local("2020-07-02 12:09:59") + 999
    # 12:10:00 by its clock is 600 ms away; the main loop sees it in the next whole second.
    assert meter.until("2020-07-02 12:05").openings() == ["2020-07-02 12:01:01 programmed_cut"]


def test_a_meter_without_friendly_hours_is_cut_at_any_hour() -> None:
    meter = CardMeter("2020-07-02 22:00", balance_eur="0.00", profile=replace(WALLONIA, friendly=""))
    assert meter.until("2020-07-03 00:00").openings() == ["2020-07-02 22:00 credit"]


def test_a_fault_that_is_not_in_the_catalogue_is_refused_with_all_that_are() -> None:
    with pytest.raises(InputError, match=r'faults: "leap_skp"; allowed: backshift_no_day, bcd_hex, '):
        LegacyMeter(WALLONIA, balance_q=0, load_w=0, set_ms=UtcMs(0), faults=("leap_skip", "leap_skp"))
