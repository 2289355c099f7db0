"""Each fault of the catalogue shows the signature it predicts for D = 3 July 2020 23:01."""

import pytest

from emulator.firmware.events import Button, ButtonName, MainsOn, SetLoad, TicksLost
from emulator.firmware.legacy.defects.catalogue import CATALOGUE, defects_named
from emulator.firmware.legacy.defects.defect import Defect
from emulator.firmware.legacy.rtc import next_day
from emulator.firmware.legacy.zone import legal_zone
from protocols.instants import UtcMs
from protocols.reasons import Supply
from protocols.units import eur_from_quanta
from tests.emulator.firmware.legacy.card_meter import KETTLE_W, CardMeter, seconds_before

D = "2020-07-03 23:01"
DAY_EARLY = ["2020-07-02 23:01 programmed_cut"]
ON_TIME = ["2020-07-03 23:01 programmed_cut"]


def moved_to_d(start: str, *faults: str) -> CardMeter:
    """A household whose cut of 30 June was moved to 3 July on 27 June; nothing else happens."""
    meter = CardMeter(start, *faults)
    meter.program(start, "2020-06-30 09:00")
    return meter.program("2020-06-27 11:00", D)


# Faults, and when the cut programmed for D fires, in a meter that is left alone from June on.
LEFT_ALONE = [
    ("", "2020-07-03 23:01"),
    ("leap_skip", "2020-07-02 23:01"),
    ("doy_table", "2020-07-02 23:01"),
    ("inclusive_end", "2020-07-02 23:01"),
    ("date_only", "2020-07-03 00:00"),
    ("tz_twice", "2020-07-03 21:01"),
    ("date_only tz_twice", "2020-07-02 22:00"),
    ("daymonth_swap", "2020-06-27 11:00"),
    ("year_bytes", "2020-06-02 10:00"),
    ("extension_as_hours", "2020-07-02 22:00"),
    ("utc_as_local", "2020-07-03 21:01"),
    ("dev_zero", "2020-07-03 21:01"),
    ("dev_sign", "2020-07-03 19:01"),
    ("bcd_hex", "2020-06-20 00:00"),  # the date it was first programmed for, 30 June
    # What needs a sync, a power cut, a weekday or another year leaves this meter alone.
    ("backshift_no_day", "2020-07-03 23:01"),
    ("double_midnight", "2020-07-03 23:01"),
    ("dow_encoding", "2020-07-03 23:01"),
    ("dow_overflow", "2020-07-03 23:01"),
    ("std_vs_local", "2020-07-03 23:01"),
    ("slot_edges", "2020-07-03 23:01"),
    ("rtc_reset", "2020-07-03 23:01"),
    ("rtc_future_guard", "2020-07-03 23:01"),
    ("replay_sync", "2020-07-03 23:01"),
    ("reorder_sync", "2020-07-03 23:01"),
    ("stale_card_time", "2020-07-03 23:01"),
    ("dst_flag_inverted", "2020-07-03 23:01"),
    ("y2038_sentinel", "2020-07-03 23:01"),
    ("tid_rollover", "2020-07-03 23:01"),
]


@pytest.mark.parametrize(("faults", "opening"), LEFT_ALONE)
def test_a_meter_left_alone_opens_when_the_fault_predicts(faults: str, opening: str) -> None:
    meter = moved_to_d("2020-06-02 10:00", *faults.split()).until("2020-08-01 00:00")
    assert meter.openings() == [f"{opening} programmed_cut"]
    if opening != D:
        assert meter.faults() == set(faults.split()) - {"bcd_hex"}


def test_the_table_leaves_no_fault_out() -> None:
    assert {fault for faults, _ in LEFT_ALONE for fault in faults.split()} == set(CATALOGUE)


def test_leap_skip_loses_a_day_at_the_end_of_february_and_keeps_its_weekday() -> None:
    meter = CardMeter("2020-02-01 00:00", "leap_skip", balance_eur="0.00")
    assert meter.shows("2020-02-28 23:59:59") == "2020-02-28 23:59:59"
    assert meter.shows("2020-02-29 00:00") == "2020-03-01 00:00"
    assert meter.shows("2020-07-02 23:01") == "2020-07-03 23:01"
    # Friendly on the Saturday and Sunday of everybody else.
    fed = CardMeter("2020-06-06 07:00", "leap_skip", balance_eur="0.00").until("2020-06-30 00:00")
    assert fed.openings() == ["2020-06-08 08:00 credit"]


def test_leap_skip_is_healed_by_a_date_and_harmless_in_other_years() -> None:
    meter = moved_to_d("2020-06-02 10:00", "leap_skip")
    meter.dated_card("2020-07-01 12:00", "2020-07-01 12:00").until("2020-08-01 00:00")
    assert meter.openings() == ON_TIME
    assert CardMeter("2021-06-02 10:00", "leap_skip").shows("2021-07-01 00:00") == "2021-07-01 00:00"
    assert CardMeter("2020-02-29 10:00", "leap_skip").shows("2020-02-29 10:00") == "2020-03-01 10:00"


@pytest.mark.parametrize("fault", ["backshift_no_day", "double_midnight"])
def test_a_fast_clock_corrected_just_after_midnight_is_a_day_ahead_for_ever(fault: str) -> None:
    meter = moved_to_d("2020-06-02 10:00", fault)
    meter.set_by_hand("2020-06-29 12:00", "2020-06-29 12:00:20")
    meter.dated_card("2020-06-29 23:59:50", "2020-06-29 23:59:50")
    assert meter.shows("2020-06-29 23:59:50") == "2020-06-30 23:59:50"
    assert meter.until("2020-08-01 00:00").openings() == DAY_EARLY
    assert meter.faults() == {fault}


def test_double_midnight_adds_a_day_with_each_sync_over_midnight_in_either_direction() -> None:
    meter = moved_to_d("2020-06-02 10:00", "double_midnight")
    meter.set_by_hand("2020-06-29 12:00", "2020-06-29 11:59:40")
    meter.dated_card("2020-06-30 00:00:10", "2020-06-30 00:00:10")
    assert meter.shows("2020-06-30 00:00:10") == "2020-07-01 00:00:10"
    assert meter.until("2020-08-01 00:00").openings() == DAY_EARLY


def test_corrections_away_from_midnight_do_no_harm() -> None:
    for fault in ("backshift_no_day", "double_midnight"):
        meter = moved_to_d("2020-06-02 10:00", fault)
        meter.set_by_hand("2020-06-29 12:00", "2020-06-29 11:59:40")
        meter.dated_card("2020-06-29 12:01", "2020-06-29 12:01").set_by_hand(
            "2020-06-29 13:00", "2020-06-25 13:00"
        )
        meter.dated_card("2020-06-29 13:01", "2020-06-29 13:01").until("2020-08-01 00:00")
        assert meter.openings() == ON_TIME


def test_backshift_no_day_minds_neither_a_shift_forward_nor_one_beyond_a_quarter_of_an_hour() -> None:
    for shown, right in (
        ("2020-06-29 23:59:50", "2020-06-30 00:00:10"),
        ("2020-06-30 00:10", "2020-06-29 23:40"),
    ):
        meter = CardMeter("2020-06-29 12:00", "backshift_no_day").set_by_hand("2020-06-29 12:00", shown)
        assert meter.set_by_hand("2020-06-29 12:00", right).shows("2020-06-29 12:00") == right


def test_day_of_year_and_days_ahead_are_right_in_january_and_in_other_years() -> None:
    for cut in ("2021-07-03 23:01", "2021-01-10 12:00"):
        meter = CardMeter("2021-01-02 10:00", "doy_table").program("2021-01-02 10:00", cut)
        assert meter.until("2021-08-01 00:00").openings() == [f"{cut} programmed_cut"]


def test_a_clock_set_twice_over_in_winter_is_an_hour_fast_in_summer() -> None:
    meter = CardMeter("2020-03-18 10:00", "tz_twice", "date_only").program("2020-03-18 10:00", D)
    assert meter.until("2020-08-01 00:00").openings() == ["2020-07-02 23:00 programmed_cut"]


def test_a_day_above_twelve_cannot_be_swapped() -> None:
    meter = CardMeter("2020-06-02 10:00", "daymonth_swap").program("2020-06-02 10:00", "2020-06-30 09:00")
    assert meter.until("2020-08-01 00:00").openings() == ["2020-06-30 09:00 programmed_cut"]


def test_the_twelfth_can_be_swapped() -> None:
    meter = CardMeter("2020-06-02 10:00", "daymonth_swap").program("2020-06-02 10:00", "2020-07-12 09:00")
    assert meter.until("2021-01-01 00:00").openings() == ["2020-12-07 09:00 programmed_cut"]


def test_dow_encoding_cuts_on_the_sunday_of_a_sync_between_eight_and_four() -> None:
    meter = CardMeter("2020-07-04 12:00", "dow_encoding", balance_eur="0.00")
    meter.dated_card("2020-07-05 00:30", "2020-07-05 00:30").until("2020-07-20 00:00")
    assert meter.openings() == ["2020-07-05 08:00 credit"]
    assert meter.faults() == {"dow_encoding"}
    late = CardMeter("2020-07-04 12:00", "dow_encoding", balance_eur="0.00")
    late.dated_card("2020-07-05 16:00", "2020-07-05 16:00").until("2020-07-20 00:00")
    assert late.openings() == ["2020-07-06 08:00 credit"]


def test_dow_overflow_cuts_on_saturdays_from_13_august_on() -> None:
    before = CardMeter("2020-08-07 20:00", "dow_overflow", balance_eur="0.00").until("2020-08-09 23:00")
    assert before.openings() == []
    meter = CardMeter("2020-08-14 20:00", "dow_overflow", balance_eur="0.00").until("2020-08-20 00:00")
    assert meter.openings() == ["2020-08-15 08:00 credit"]
    assert meter.faults() == {"dow_overflow"}


def test_dow_overflow_is_wrong_on_141_days_of_2020_and_first_on_13_august() -> None:
    [defect] = defects_named(["dow_overflow"], legal_zone("Europe/Brussels"), 0)
    clock = legal_zone("Europe/Brussels").registers_at(UtcMs(1_577_880_000_000))
    wrong = []
    for _ in range(366):
        if defect.after_midnight(clock).weekday != clock.weekday:
            wrong.append(str(clock)[:10])
        clock = next_day(clock)
    assert (len(wrong), wrong[0]) == (141, "2020-08-13")


# Credit runs out at this second; when the meter with this fault opens.
HOURS = [
    ("std_vs_local", "2020-07-02 16:30:00", "2020-07-02 16:30 credit"),
    ("std_vs_local", "2020-07-02 17:00:00", "2020-07-03 09:00 credit"),
    ("std_vs_local", "2020-12-02 16:30:00", "2020-12-03 08:00 credit"),
    ("std_vs_local", "2020-07-04 00:30:00", "2020-07-06 09:00 credit"),
    ("slot_edges", "2020-07-02 16:00:00", "2020-07-02 16:00 credit"),
    ("slot_edges", "2020-07-02 16:00:59", "2020-07-02 16:00:59 credit"),
    ("slot_edges", "2020-07-02 16:01:00", "2020-07-03 08:00 credit"),
    ("slot_edges", "2020-07-04 00:00:30", "2020-07-06 08:00 credit"),
]


@pytest.mark.parametrize(("fault", "zero_at", "opening"), HOURS)
def test_friendly_hours_begin_and_end_when_the_fault_says(fault: str, zero_at: str, opening: str) -> None:
    # 3.6 kW at 0.25 €/kWh burn 0.25 € in 1,000 s.
    meter = CardMeter(zero_at[:10] + " 00:00", fault, balance_eur="0.25")
    meter.at(seconds_before(zero_at, 1_000), SetLoad(3_600)).until("2020-12-31 00:00")
    assert meter.openings() == [opening]
    early = opening < zero_at[:10] + " 17:00 credit" and "12-0" not in opening and "07-04" not in zero_at
    assert meter.faults() == ({fault} if early else set())


def test_a_power_dip_takes_the_clock_to_2015_and_the_suspension_with_it() -> None:
    meter = CardMeter("2020-06-24 12:00", "rtc_reset", balance_eur="-2.00")
    meter.suspend("2020-06-24 12:00", "2020-03-18 00:00", "2020-07-01 00:00").program("2020-06-24 12:01", D)
    meter.mains_dip("2020-06-24 14:00", "2020-06-24 14:01")
    assert meter.shows("2020-06-24 14:01") == "2015-01-16 06:25"
    assert meter.until("2020-08-01 00:00").openings() == ["2020-06-24 15:36 credit"]


def test_a_power_dip_into_2042_fires_the_cut_and_no_sync_repairs_it() -> None:
    meter = moved_to_d("2020-06-02 10:00", "rtc_future_guard")
    meter.mains_dip("2020-07-01 14:00", "2020-07-01 14:01").until("2020-07-01 14:01")
    assert meter.openings() == ["2020-07-01 14:01 programmed_cut"]
    meter.dated_card("2020-07-01 15:00", "2020-07-01 15:00")
    assert [claim.verdict for claim in meter.claims()] == ["refused"]
    assert meter.shows("2020-07-01 15:01") == "2042-01-01 01:00"
    assert meter.faults() == {"rtc_future_guard"}


@pytest.mark.parametrize("fault", ["rtc_reset", "rtc_future_guard"])
def test_mains_that_were_never_off_wake_nothing(fault: str) -> None:
    meter = CardMeter("2020-07-01 12:00", fault).at("2020-07-01 13:00", MainsOn())
    assert meter.shows("2020-07-01 13:00") == "2020-07-01 13:00"
    assert meter.at("2020-07-01 14:00", TicksLost()).shows("2020-07-01 14:00") in (
        "2015-01-16 06:25",
        "2042-01-01 00:00",
    )


def test_the_guard_against_earlier_dates_takes_the_same_date_and_later_ones() -> None:
    meter = CardMeter("2020-07-01 12:00", "rtc_future_guard")
    for date in ("2020-07-01 12:00", "2020-07-01 12:01", "2020-07-01 12:00:59"):
        meter.set_by_hand("2020-07-01 12:00", date)
    assert [claim.verdict for claim in meter.claims()] == ["obeyed", "obeyed", "refused"]


def test_a_card_from_a_pocket_sets_the_clock_five_days_back_and_weekends_to_workdays() -> None:
    meter = moved_to_d("2020-06-02 10:00", "stale_card_time")
    meter.dated_card("2020-07-01 12:00", "2020-07-01 12:00").until("2020-08-01 00:00")
    assert meter.openings() == ["2020-07-08 23:01 programmed_cut"]
    weekend = CardMeter("2020-07-03 20:00", "stale_card_time", balance_eur="0.00")
    weekend.dated_card("2020-07-03 20:30", "2020-07-03 20:30").until("2020-07-12 00:00")
    # Monday 29 June by its clock, Saturday 4 July by everybody's.
    assert weekend.openings() == ["2020-07-04 08:00 credit"]


def test_the_days_in_the_pocket_are_the_seeds() -> None:
    days = set()
    for seed in range(20):
        meter = CardMeter("2020-07-20 10:00", "stale_card_time", seed=seed)
        meter.dated_card("2020-07-20 12:00", "2020-07-20 12:00")
        days.add(meter.shows("2020-07-20 12:00"))
    assert len(days) == 9
    assert min(days) == "2020-07-11 12:00"
    assert max(days) == "2020-07-19 12:00"


def test_a_replayed_sync_sets_the_clock_back_with_every_card() -> None:
    meter = moved_to_d("2020-06-02 10:00", "replay_sync")
    meter.dated_card("2020-07-01 12:00", "2020-07-01 12:00").top_up("2020-07-03 12:00", 10)
    assert meter.shows("2020-07-03 12:00") == "2020-07-01 12:00"
    assert meter.until("2020-08-01 00:00").openings() == ["2020-07-05 23:01 programmed_cut"]


def test_reordered_syncs_end_with_the_older_date() -> None:
    meter = moved_to_d("2020-06-02 10:00", "reorder_sync")
    meter.dated_card("2020-07-01 12:00", "2020-07-01 12:00").dated_card(
        "2020-07-03 12:00", "2020-07-03 12:00"
    )
    assert [claim.offset_ms for claim in meter.claims()] == [0, 0, -2 * 86_400_000]
    assert meter.until("2020-08-01 00:00").openings() == ["2020-07-05 23:01 programmed_cut"]


# What the clock reads as hexadecimal digits: when a cut programmed for this instant fires.
HEXADECIMAL = [
    ("2020-07-03 23:01", "2020-07-03 23:01"),
    ("2020-07-09 12:00", "2020-07-09 12:00"),
    ("2020-07-13 12:00", "2020-07-10 00:00"),
    ("2020-07-16 12:00", "2020-07-10 12:00"),
    ("2020-06-30 09:00", "2020-06-20 00:00"),
]


@pytest.mark.parametrize(("cut", "opening"), HEXADECIMAL)
def test_days_from_the_tenth_on_are_read_as_hexadecimal(cut: str, opening: str) -> None:
    meter = CardMeter("2020-06-02 10:00", "bcd_hex").program("2020-06-02 10:00", cut)
    assert meter.until("2020-08-01 00:00").openings() == [f"{opening} programmed_cut"]


def test_a_sentinel_in_2040_has_long_been() -> None:
    meter = CardMeter("2020-06-02 10:00", "y2038_sentinel").program("2020-06-02 10:00", "2040-01-01 00:00")
    assert meter.until("2020-06-02 11:00").openings() == ["2020-06-02 10:00 programmed_cut"]
    held = CardMeter("2020-06-02 10:00", "y2038_sentinel", balance_eur="-1.00")
    held.suspend("2020-06-02 10:00", "2020-03-18 00:00", "2040-01-01 00:00").until("2020-06-02 11:00")
    assert held.openings() == ["2020-06-02 10:00 credit"]
    last = CardMeter("2038-01-01 10:00", "y2038_sentinel").program("2038-01-01 10:00", "2038-01-19 04:14:07")
    assert last.until("2038-02-01 00:00").openings() == ["2038-01-19 04:14:07 programmed_cut"]


def test_after_the_rollover_no_payment_is_credited_and_the_household_cuts_itself() -> None:
    meter = CardMeter("2024-11-24 12:00", "tid_rollover", balance_eur="5.00", load_w=KETTLE_W)
    meter.top_up("2024-11-24 20:15:59", 1, "last").top_up("2024-11-24 20:16", 20, "first").top_up(
        "2024-11-25 09:00", 20
    )
    assert eur_from_quanta(meter.meter.point.credit.balance_q) == "0.75"
    assert (meter.code, meter.faults()) == ("", {"tid_rollover"})
    assert meter.until("2024-12-01 00:00").openings() == ["2024-11-25 12:00 credit"]
    assert meter.at("2024-11-25 12:30", Button(ButtonName.RED)).supply is Supply.ARMED


def test_an_inverted_flag_puts_a_synced_clock_an_hour_on_in_summer_and_back_in_winter() -> None:
    meter = moved_to_d("2020-06-02 10:00", "dst_flag_inverted")
    meter.dated_card("2020-07-01 12:00", "2020-07-01 12:00").until("2020-08-01 00:00")
    assert meter.openings() == ["2020-07-03 22:01 programmed_cut"]
    winter = CardMeter("2020-12-02 10:00", "dst_flag_inverted").dated_card(
        "2020-12-02 12:00", "2020-12-02 12:00"
    )
    assert winter.shows("2020-12-02 12:00") == "2020-12-02 11:00"


def test_a_clock_and_a_cut_without_their_deviation_agree_again() -> None:
    meter = moved_to_d("2020-06-02 10:00", "dev_zero")
    meter.dated_card("2020-07-01 12:00", "2020-07-01 12:00").until("2020-08-01 00:00")
    assert meter.openings() == ON_TIME


def test_winter_offsets_are_an_hour() -> None:
    for fault, opening in (("dev_sign", "21:00"), ("utc_as_local", "22:00"), ("dev_zero", "22:00")):
        meter = CardMeter("2020-12-02 10:00", fault).program("2020-12-02 10:00", "2020-12-03 23:00")
        assert meter.until("2020-12-05 00:00").openings() == [f"2020-12-03 {opening} programmed_cut"]


def test_only_a_cut_that_is_moved_to_a_later_day_is_kept_in_hours() -> None:
    meter = CardMeter("2020-06-02 10:00", "extension_as_hours").program(
        "2020-06-02 10:00", "2020-06-30 09:00"
    )
    meter.program("2020-06-29 10:00", "2020-06-30 12:00").until("2020-08-01 00:00")
    assert meter.openings() == ["2020-06-30 12:00 programmed_cut"]


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=list(CATALOGUE))
def test_every_fault_says_what_it_is(kind: type[Defect]) -> None:
    assert kind.bugs
    assert all(bug[0] == "B" and 1 <= int(bug[1:]) <= 60 for bug in kind.bugs)
    assert all(number[0] == "H" and 1 <= int(number[1:]) <= 10 for number in kind.hypotheses)
    assert kind.does
    assert kind.predicts
    assert len(kind.does) <= 110 >= len(kind.predicts)


def test_the_catalogue_covers_the_hypotheses_and_the_table_of_what_comes_first() -> None:
    told = {number for kind in CATALOGUE.values() for number in kind.hypotheses}
    assert told == {f"H{number}" for number in range(1, 11)}
    bugs = {bug for kind in CATALOGUE.values() for bug in kind.bugs}
    first = "B01 B06 B08 B09 B15 B05 B17 B18 B34 B22 B11 B12 B40 B10 B44 B45 B50 B51 B19"
    assert bugs >= set(first.split())
