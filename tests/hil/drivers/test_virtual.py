"""The virtual bench: every interface shows the one meter, and the sensor believes no screen."""

import pytest

from emulator.faces.optical.messages import DataSet
from emulator.firmware.events import ButtonName
from emulator.scenario.model import ReleaseSpec, WitnessSpec
from emulator.world.contactor import Contactor
from hil.capabilities import (
    BenchError,
    CardReader,
    CustomerPort,
    JournalReader,
    MeterSlot,
    Optical,
    SupplySensor,
)
from hil.drivers.virtual.bench import START_MS, VirtualDut
from hil.record.model import StoryVerdict
from hil.stories.stage import StoryBench
from hil.stories.strategy import BenchState, reach
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS
from protocols.link.records import SupplyChanged
from protocols.reasons import Energy, Source
from tests.hil.telling import bench_with, told


def test_optical_port_console_and_customer_port_show_the_same_balance_and_breaker() -> None:
    def run(bench: StoryBench) -> None:
        bench.time.let_pass(3 * DAY_MS + HOUR_MS)
        read = {each.address: each.value for each in bench.optical.read_out()}
        assert read["96.50.0"] == bench.word("balance", "balance_eur") != "20.00"
        assert read["96.3.10"] == "1"
        assert "0-0:96.3.10(1)" in bench.customer_port.telegram()
        assert bench.optical.read("96.50.2").value == bench.word("clock", "status")

    record = told(run, Optical, CustomerPort)
    assert (record.verdict, record.why) == (StoryVerdict.PASSED, "")
    logs = {each.name: each.text for each in record.attachments}
    assert "> /?!" in logs["optical.log"]
    assert "< balance_eur" in logs["console.log"]
    assert record.began_ms == START_MS
    assert record.ended_ms == START_MS + 3 * DAY_MS + HOUR_MS


def test_a_date_written_over_the_optical_port_reaches_the_meter_and_an_unknown_address_does_not() -> None:
    def run(bench: StoryBench) -> None:
        before = bench.word("clock", "earliest")
        bench.optical.write(DataSet("0.9.4", "200703230100"))
        assert bench.word("clock", "earliest") == before
        assert any("claim" in str(type(record)).lower() for _, record in bench.journal.records())
        with pytest.raises(BenchError, match="optical port: 1\\.2\\.3"):
            bench.optical.read("1.2.3")

    assert told(run, Optical, JournalReader).why == ""


def test_without_mains_the_household_is_dark_the_ports_are_dead_and_the_console_answers() -> None:
    def dark(bench: StoryBench) -> None:
        bench.power.switch(on=False)
        assert not bench.sensor.is_supplied()
        assert bench.word("mains", "mains") == "off"
        with pytest.raises(BenchError, match="P1: a telegram expected"):
            bench.customer_port.telegram()
        with pytest.raises(BenchError, match="no identification"):
            bench.optical.read_out()

    assert told(dark).why == ""


def test_a_contactor_that_sticks_is_seen_by_the_sensor_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(bench: StoryBench) -> None:
        reach(bench, BenchState.SUPPLIED)
        with pytest.raises(BenchError, match="a cut expected within four hours"):
            reach(bench, BenchState.CUT)
        bench.check_supply("off", "after the cut")

    monkeypatch.setattr(Contactor, "drive", lambda _self, _to, _true_ms: None)
    record = told(run, SupplySensor)
    assert record.verdict is StoryVerdict.FAILED
    assert record.why == "after the cut: household, by the sensor: not supplied expected; found: supplied"


def test_a_card_that_is_put_in_before_any_time_has_passed_is_read_and_its_trace_is_attached() -> None:
    def run(bench: StoryBench) -> None:
        assert bench.card_reader.read() is None
        bench.slot.put_in(None)
        bench.time.let_pass(10 * SECOND_MS)
        state = bench.card_reader.read()
        assert state is not None
        assert (state.meter, state.supply) == ("dut", "on")

    record = told(run, MeterSlot, CardReader)
    assert (record.verdict, record.why) == (StoryVerdict.PASSED, "")
    logs = {each.name: each.text for each in record.attachments}
    assert logs["APDU.log"].startswith("> 00 A4 04 0C")


def test_gas_comes_back_by_a_person_and_a_leak_test() -> None:
    def run(bench: StoryBench) -> None:
        bench.load.draw(0)
        reach(bench, BenchState.CUT)
        bench.orders.bring(ReleaseSpec(24))
        bench.check_supply("armed", "released")
        bench.person.press(ButtonName.BLUE)
        waited_ms = bench.wait_for_supply(is_on=True, within_ms=HOUR_MS)
        assert waited_ms == 720 * SECOND_MS

    assert told(run, bench=bench_with(VirtualDut(energy=Energy.GAS))).why == ""


def test_what_no_time_and_no_document_can_be_is_an_error_of_the_bench() -> None:
    def run(bench: StoryBench) -> None:
        with pytest.raises(BenchError, match="time: an instant to come expected"):
            bench.wait_until(bench.now_ms - 1)
        with pytest.raises(BenchError, match="ok expected; found: error"):
            bench.console.ask("balanse")
        with pytest.raises(BenchError, match="time: from 0 ms"):
            bench.time.let_pass(10**15)

    assert told(run).why == ""


def test_the_journal_holds_what_the_bench_brought() -> None:
    def run(bench: StoryBench) -> None:
        for source in (Source.HEADEND, Source.TIMESERVER):
            bench.authorities.tell(WitnessSpec(source, DAY_MS, None, fresh=True, spread_ms=SECOND_MS))
        kinds = [type(record).__name__ for _, record in bench.journal.records()]
        assert kinds.count("ClaimHeard") == 2
        assert SupplyChanged.__name__ not in kinds

    record = told(run)
    assert record.why == ""
    assert [moment.text for moment in record.timeline if moment.lane == "orders"] == [
        f"witness, source {source}, offset {DAY_MS} ms, fresh, spread 1000 ms"
        for source in ("headend", "timeserver")
    ]
