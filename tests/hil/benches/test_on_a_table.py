"""A bench on a table: an emulated meter behind terminals stands for one of metal."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from emulator.faces.optical.messages import DataSet
from emulator.faces.places import FacePlace, PlaceKind
from emulator.firmware.events import ButtonName
from emulator.onsite.running import FaceChoice
from emulator.population.shipped import shipped_profiles
from hil.bench_spec import BenchSpec
from hil.benches.checking import check_bench
from hil.benches.form import read_bench
from hil.benches.wiring import OWN_WORD, wired
from hil.capabilities import (
    BenchError,
    ClockFault,
    Console,
    CustomerPort,
    JournalReader,
    Load,
    MeterSlot,
    Optical,
    Person,
    Power,
    SupplySensor,
    Timebase,
)
from hil.drivers.console_answers import one
from hil.drivers.optical_head import OpticalHead
from hil.drivers.typed import (
    TypedClockFault,
    TypedConsole,
    TypedJournal,
    TypedLoad,
    TypedPerson,
    TypedPower,
    TypedSupply,
    TypedTime,
)
from protocols.instants import MINUTE_MS
from protocols.link.records import ClockChanged, SupplyChanged
from protocols.reasons import Supply
from tests.emulator.faces.views import installed
from tests.emulator.onsite.at_work import with_faces

TODAY = date(2026, 11, 30)


def nobody(sentence: str) -> None:
    raise AssertionError(f"nobody is asked: {sentence}")


def desk(at: Path, more: str = "") -> BenchSpec:
    text = f"""
        [bench]
        name = "desk-1"
        [console]
        port = "{at}/console"
        does = ["mains", "clock", "buttons", "load", "time", "supply", "journal"]
        [p1]
        port = "{at}/p1"
        {more}
    """
    return read_bench(text, "desk.toml", shipped_profiles(), ())


def at_work(at: Path) -> FaceChoice:
    return FaceChoice(
        console=FacePlace(PlaceKind.PTY, path=str(at / "console")),
        p1=FacePlace(PlaceKind.PTY, path=str(at / "p1")),
        optical=FacePlace(PlaceKind.PTY, path=str(at / "optical")),
    )


def test_a_meter_behind_terminals_does_what_its_bench_asks(tmp_path: Path) -> None:
    def use(_places: Mapping[str, str]) -> None:
        with wired(desk(tmp_path), nobody) as bench:
            console, supply = bench.drivers[Console], bench.drivers[SupplySensor]
            power, time = bench.drivers[Power], bench.drivers[Timebase]
            assert isinstance(console, TypedConsole)
            assert isinstance(supply, TypedSupply)
            assert isinstance(power, TypedPower)
            assert isinstance(time, TypedTime)
            assert one(console.ask("identity"), "firmware") == "guarded"
            assert not supply.is_supplied(), "a bench is opened with its mains off"
            power.switch(on=True)
            assert supply.is_supplied()
            power.switch(on=False)
            assert not supply.is_supplied()
            power.switch(on=True)
            assert supply.is_supplied()

            begun_ms = time.now_ms()
            before = one(console.ask("load"), "energy_wh")
            load = bench.drivers[Load]
            assert isinstance(load, TypedLoad)
            load.draw(6_000)
            time.let_pass(10 * MINUTE_MS)
            assert time.now_ms() - begun_ms >= 10 * MINUTE_MS
            assert int(one(console.ask("load"), "energy_wh")) - int(before) >= 1_000

            clock = bench.drivers[ClockFault]
            assert isinstance(clock, TypedClockFault)
            clock.lose_ticks()
            assert one(console.ask("clock"), "status") == "lost"
            assert supply.is_supplied(), "a lost clock cuts nobody off"
            person = bench.drivers[Person]
            assert isinstance(person, TypedPerson)
            person.press(ButtonName.BLUE)

            journal = bench.drivers[JournalReader]
            assert isinstance(journal, TypedJournal)
            records = [record for _, record in journal.records()]
            assert any(isinstance(each, ClockChanged) for each in records)
            assert not any(isinstance(each, SupplyChanged) and each.after is Supply.OFF for each in records)

            p1 = bench.drivers[CustomerPort]
            assert "0-0:96.1.4(50217)" in p1.telegram()  # type: ignore[attr-defined]
            assert bench.notes == (OWN_WORD,)
            assert [log.name for log in bench.logs] == ["console", "P1"]
            assert "> clock lose" in bench.logs[0].text()

    with_faces(installed(), at_work(tmp_path), use)


def test_the_optical_head_reads_and_writes_in_sessions_of_its_own(tmp_path: Path) -> None:
    spec = read_bench(
        f'[bench]\nname = "d"\n[optical]\nport = "{tmp_path}/optical"\n', "desk.toml", shipped_profiles(), ()
    )

    def use(_places: Mapping[str, str]) -> None:
        with wired(spec, nobody) as bench:
            head = bench.drivers[Optical]
            assert isinstance(head, OpticalHead)
            assert head.read("96.50.0") == DataSet("96.50.0", "20.00", "EUR")
            with pytest.raises(BenchError, match=r"optical port .*: 1\.8\.0: refused"):
                head.write(DataSet("1.8.0", "0"))
            assert "96.50.0(20.00*EUR)" in [str(each) for each in head.read_out()]
            (log,) = bench.logs
            assert (log.name, "> /?!" in log.text(), "96.50.0(20.00*EUR)" in log.text()) == (
                "optical",
                True,
                True,
            )

    with_faces(installed(load_w=0), at_work(tmp_path), use)


def test_each_device_of_a_bench_is_asked_before_it_is_needed(tmp_path: Path) -> None:
    old = '[card]\n[[instruments]]\nname = "clock"\ncalibrated = 2024-05-01\nvalid_until = 2025-05-01\n'

    def use(_places: Mapping[str, str]) -> None:
        found = list(check_bench(desk(tmp_path, old), TODAY))
        assert [(each.device, each.is_ready) for each in found] == [
            ("console", True),
            ("p1", True),
            ("card", True),
            ("clock", False),
        ]
        assert found[0].text == "m1, guarded, wallonia-smart, electricity"
        assert found[3].text == "calibrated 2024-05-01, valid until 2025-05-01: not valid today"

    with_faces(installed(), at_work(tmp_path), use)


def test_a_bench_without_its_devices_says_which_are_not_there(tmp_path: Path) -> None:
    more = f'[optical]\nport = "{tmp_path}/o"\n[relay]\nport = "{tmp_path}/r"\n'
    text = f'[bench]\nname = "d"\n[console]\nport = "{tmp_path}/c"\n[supply]\nport = "{tmp_path}/s"\n{more}'
    spec = read_bench(text, "desk.toml", shipped_profiles(), ())
    found = list(check_bench(spec, TODAY))
    assert [(each.device, each.is_ready) for each in found] == [
        ("console", False),
        ("optical", False),
        ("relay", False),
        ("supply", False),
    ]
    assert all(str(tmp_path) in each.text for each in found)


def test_a_card_is_moved_by_a_person_where_the_bench_says_so() -> None:
    said: list[str] = []
    spec = read_bench('[bench]\nname = "d"\n[card]\n', "desk.toml", shipped_profiles(), ())
    with wired(spec, said.append) as bench:
        slot = bench.drivers[MeterSlot]
        slot.put_in(None)  # type: ignore[attr-defined]
    assert said == ["Put the meter's card into its slot."]
