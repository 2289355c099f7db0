"""Telegrams, as bytes and as a program that is not ours reads them."""

from dataclasses import replace
from typing import Any

import pytest
from dsmr_parser import telegram_specifications
from dsmr_parser.exceptions import InvalidChecksumError, ParseError
from dsmr_parser.parsers import TelegramParser
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.demand import MonthPeak, Peak
from emulator.faces.p1.crc import crc16
from emulator.faces.p1.faults import TelegramFault, damaged
from emulator.faces.p1.telegram import stamp, telegram_of
from emulator.firmware.credit import Counted
from protocols.cutting.zones import load_zone
from protocols.instants import HOUR_MS, UtcMs, ms_from_iso
from protocols.reasons import Energy, Supply
from tests.emulator.faces.views import SUMMER_MS, installed, view, with_supply

GOLDEN = (
    b"/FLU5\\253821109_A\r\n\r\n"
    b"0-0:96.1.4(50217)\r\n"
    b"0-0:96.1.1(6D31)\r\n"
    b"0-0:96.1.2()\r\n"
    b"0-0:1.0.0(200702230059S)\r\n"
    b"1-0:1.8.1(000000.000*kWh)\r\n"
    b"1-0:1.8.2(000000.000*kWh)\r\n"
    b"1-0:2.8.1(000000.000*kWh)\r\n"
    b"1-0:2.8.2(000000.000*kWh)\r\n"
    b"1-0:1.4.0(00.000*kW)\r\n"
    b"1-0:1.6.0(200701000000S)(00.000*kW)\r\n"
    b"0-0:98.1.0(0)(1-0:1.6.0)(1-0:1.6.0)\r\n"
    b"0-0:96.14.0(0001)\r\n"
    b"1-0:1.7.0(01.000*kW)\r\n"
    b"1-0:2.7.0(00.000*kW)\r\n"
    b"1-0:21.7.0(01.000*kW)\r\n"
    b"1-0:22.7.0(00.000*kW)\r\n"
    b"1-0:32.7.0(230.0*V)\r\n"
    b"1-0:31.7.0(004.34*A)\r\n"
    b"0-0:96.3.10(1)\r\n"
    b"0-0:17.0.0(999.9*kW)\r\n"
    b"1-0:31.4.0(999*A)\r\n"
    b"0-0:96.13.0()\r\n!"
)


def read(telegram: bytes) -> Any:  # noqa: ANN401 # the library has no types
    return TelegramParser(telegram_specifications.BELGIUM_FLUVIUS).parse(telegram.decode("ascii"))


def test_the_telegram_to_the_byte() -> None:
    assert telegram_of(view()) == GOLDEN + b"%04X\r\n" % crc16(GOLDEN)


SUPPLIES = [
    (Supply.OFF, 0, "999.9"),
    (Supply.ON, 1, "999.9"),
    (Supply.LIMITED, 1, "2.3"),
    (Supply.ARMED, 2, "999.9"),
]


@pytest.mark.parametrize(("supply", "breaker", "limit_kw"), SUPPLIES)
def test_a_reader_sees_breaker_and_limiter(supply: Supply, breaker: int, limit_kw: str) -> None:
    found = read(telegram_of(with_supply(view(), supply)))
    assert found.ACTUAL_SWITCH_POSITION.value == breaker
    assert str(found.ACTUAL_TRESHOLD_ELECTRICITY.value) == limit_kw


@pytest.mark.parametrize(("supply", "valve"), [(Supply.OFF, 0), (Supply.ON, 1), (Supply.ARMED, 2)])
def test_a_reader_sees_the_gas_valve_and_the_register_of_the_last_quarter(supply: Supply, valve: int) -> None:
    meter = installed(energy=Energy.GAS)
    meter.advance(UtcMs(SUMMER_MS + 10 * HOUR_MS))
    found = read(telegram_of(with_supply(meter.view(), supply))).MBUS_DEVICES[0]
    assert found.MBUS_DEVICE_TYPE.value == 3
    assert found.MBUS_VALVE_POSITION.value == valve
    # 1 kW for 9 h 59 min 1 s, and 10 kWh are a cubic metre.
    assert str(found.MBUS_METER_READING.value) == "0.998"
    assert found.MBUS_METER_READING.datetime.isoformat() == "2020-07-03T07:00:00+00:00"


def test_a_reader_sees_the_peaks_of_the_months() -> None:
    shown = view()
    months = (
        MonthPeak(ms_from_iso("2020-06-01T00:00:00+02:00"), None),
        MonthPeak(
            ms_from_iso("2020-07-01T00:00:00+02:00"), Peak(2_345, ms_from_iso("2020-06-10T18:15:00+02:00"))
        ),
    )
    peak = Peak(4_321, ms_from_iso("2020-07-01T18:30:00+02:00"))
    found = read(telegram_of(replace(shown, demand=replace(shown.demand, peak=peak, months=months))))
    assert str(found.BELGIUM_MAXIMUM_DEMAND_MONTH.value) == "4.321"
    assert found.BELGIUM_MAXIMUM_DEMAND_MONTH.datetime.isoformat() == "2020-07-01T16:30:00+00:00"
    history = found.BELGIUM_MAXIMUM_DEMAND_13_MONTHS
    assert [(str(each.value), each.datetime.isoformat()) for each in history] == [
        ("0.000", "2020-05-31T22:00:00+00:00"),
        ("2.345", "2020-06-30T22:00:00+00:00"),
    ]
    assert history[1].occurred.isoformat() == "2020-06-10T16:15:00+00:00"


def test_night_and_day_are_two_registers_that_make_the_whole() -> None:
    shown = view()
    purse = shown.readout.purse
    settled = replace(purse.settled, counted={"1-0:1.8.2": Counted(3_600_000 * 1_500)}, register="1-0:1.8.2")
    purse = replace(purse, energy_mj=3_600_000 * 4_000, settled=replace(settled, priced_mj=settled.energy_mj))
    found = read(telegram_of(replace(shown, readout=replace(shown.readout, purse=purse))))
    assert str(found.ELECTRICITY_USED_TARIFF_1.value) == "2.500"
    assert str(found.ELECTRICITY_USED_TARIFF_2.value) == "1.500"
    assert found.ELECTRICITY_ACTIVE_TARIFF.value == "0002"


STAMPS = [
    ("2020-03-29T00:59:59Z", "200329015959W"),
    ("2020-03-29T01:00:00Z", "200329030000S"),
    ("2020-10-25T00:59:59Z", "201025025959S"),
    ("2020-10-25T01:00:00Z", "201025020000W"),
]


@pytest.mark.parametrize(("instant", "text"), STAMPS)
def test_the_flag_says_winter_or_summer(instant: str, text: str) -> None:
    assert stamp(ms_from_iso(instant), load_zone("Europe/Brussels")) == text


@given(
    st.integers(0, 2**52),
    st.integers(0, 200_000),
    st.datetimes().map(lambda moment: ms_from_iso(f"{moment.isoformat()}+00:00")),
    st.sampled_from(list(Energy)),
    st.booleans(),
)
def test_any_meter_is_a_telegram_that_a_reader_reads(
    energy_mj: int, drawn_w: int, estimate_ms: UtcMs, energy: Energy, with_amounts: bool
) -> None:
    shown = view(energy=energy)
    purse = replace(shown.readout.purse, energy_mj=energy_mj, drawn_w=drawn_w)
    shown = replace(shown, readout=replace(shown.readout, purse=purse, estimate_ms=estimate_ms))
    telegram = telegram_of(shown, with_amounts=with_amounts)
    assert len(telegram) < 4_000
    assert max(map(len, telegram.split(b"\r\n"))) <= 1_024
    assert read(telegram).BELGIUM_VERSION_INFORMATION.value == "50217"


@given(st.sampled_from(list(TelegramFault)), st.integers(0, 10**6))
def test_a_reader_refuses_each_fault(fault: TelegramFault, number: int) -> None:
    telegram = damaged(telegram_of(view()), fault, number)
    assert damaged(telegram_of(view()), fault, number) == telegram
    with pytest.raises((InvalidChecksumError, ParseError)):
        TelegramParser(telegram_specifications.BELGIUM_FLUVIUS).parse(telegram.decode("latin-1"))
