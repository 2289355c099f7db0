"""Stories on a bench that is on a table: told to a meter behind terminals, and to one that falls silent."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from emulator.faces.places import FacePlace, PlaceKind
from emulator.onsite.running import FaceChoice
from hil.benches import files
from hil.benches.files import bench_of
from hil.benches.opening import open_bench
from hil.benches.wiring import OWN_WORD
from hil.capabilities import BenchError, Console, Load, MeterSlot, Power, SupplySensor
from hil.drivers import typed
from hil.record.model import Dut, StoryVerdict
from hil.stories.running import StoryRun
from hil.stories.stage import StoryBench
from hil.stories.story import story
from protocols.errors import InputError
from protocols.instants import HOUR_MS, MINUTE_MS
from tests.emulator.faces.views import installed
from tests.emulator.onsite.at_work import with_faces
from tests.hil.cli.desk import FakeMeter, relay_desk
from tests.hil.drivers.terminal import device


@story(requirements=("I1",), needs=(Console, SupplySensor, Power), real_duration="1 h")
def dark_and_back(bench: StoryBench) -> None:
    """A meter that was dark for an hour supplies again."""
    bench.power.switch(on=False)
    bench.time.let_pass(HOUR_MS)
    bench.check("household in the dark", expected=False, found=bench.sensor.is_supplied())
    bench.power.switch(on=True)
    bench.check_supply("on", "mains are back")


@story(requirements=("I1",), needs=(Console, Load), real_duration="10 min")
def counts_what_is_drawn(bench: StoryBench) -> None:
    """6 kW for ten minutes are a kilowatt hour."""
    before = int(bench.word("load", "energy_wh"))
    bench.load.draw(6_000)
    bench.time.let_pass(10 * MINUTE_MS)
    bench.measure("energy", int(bench.word("load", "energy_wh")) - before, "Wh", 1_000, 1_010)


@story(requirements=("I1",), needs=(Console, MeterSlot), real_duration="1 min")
def wants_a_slot(bench: StoryBench) -> None:
    """A card is put in."""
    bench.slot.put_in(None)


def desk(at: Path, console: str, does: str) -> Path:
    file = at / "desk.toml"
    file.write_text(
        f'[bench]\nname = "desk-1"\n[dut]\nserial = "M-0042"\n[console]\nport = "{console}"\ndoes = {does}\n'
        '[[instruments]]\nname = "clock"\ncalibrated = 2026-05-01\nvalid_until = 2027-05-01\n'
    )
    return file


def yes(_sentence: str) -> bool:
    return True


def test_a_meter_behind_a_terminal_is_told_the_same_stories(tmp_path: Path) -> None:
    places = FaceChoice(console=FacePlace(PlaceKind.PTY, path=str(tmp_path / "console")))
    does = '["mains", "load", "time", "supply"]'

    def use(_places: Mapping[str, str]) -> None:
        spec, content = bench_of(str(desk(tmp_path, str(tmp_path / "console"), does)))
        with open_bench(spec, content, yes) as bench:
            run = StoryRun(bench)
            for each in (dark_and_back, counts_what_is_drawn, wants_a_slot):
                run.play(each)
        record = run.record()
        assert [(each.verdict, each.why) for each in record.stories] == [
            (StoryVerdict.PASSED, ""),
            (StoryVerdict.PASSED, ""),
            (StoryVerdict.NOT_RUN, "needs MeterSlot: not on this bench"),
        ]
        assert record.dut == Dut("m1", "M-0042", "guarded", "wallonia-smart", "electricity")
        assert (record.bench, record.notes) == ("desk-1", (OWN_WORD,))
        assert [each.instrument for each in record.calibrations] == ["clock"]
        logs = [attached.text for each in record.stories for attached in each.attachments]
        assert any("> mains off\n< ok" in text and "> load 6000" not in text for text in logs)

    with_faces(installed(), places, use)


def test_a_meter_that_falls_silent_fails_its_story_with_what_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed, "ANSWER_MS_MAX", 100)
    heard: list[bytes] = []

    def meter(data: bytes) -> bytes:
        heard.append(data)
        if data.startswith(b"identity"):
            return b"meter m\r\nfirmware x\r\nprofile p\r\nenergy electricity\r\nok\r\n"
        return b"supply o" if len(heard) > 3 else b"ok\r\n"

    with device(meter) as console:
        spec, content = bench_of(str(desk(tmp_path, console, '["mains", "supply"]')))
        # Nor does it obey at the end: that the mains are off nobody can say then.
        with pytest.raises(BenchError, match="mains off"), open_bench(spec, content, yes) as bench:
            record = StoryRun(bench).play(dark_and_back)
    assert record.verdict is StoryVerdict.ERROR
    assert "an answer that ends with ok within" in record.why
    assert "found: b'supply o" in record.why
    assert heard[-2:] != [], "the bench tried to be safe"
    assert any(each.name == "console.log" and "< supply o" in each.text for each in record.attachments)


def test_a_console_cable_that_is_pulled_out_leaves_the_relay_off(tmp_path: Path) -> None:
    """The console and the relay are two adapters, as on a real bench."""
    meter = FakeMeter(1_000)
    with relay_desk(tmp_path, meter, '["load", "supply"]') as file:
        spec, content = bench_of(str(file))

        @story(requirements=("I1",), needs=(Console, Power, Load), real_duration="1 s")
        def unplugged(bench: StoryBench) -> None:
            """The cable is pulled out while the mains are on."""
            bench.power.switch(on=True)
            meter.is_unplugged_next = True
            bench.word("supply", "supply")

        with open_bench(spec, content, yes) as bench:
            run = StoryRun(bench)
            record = run.play(unplugged)
    assert record.verdict is StoryVerdict.ERROR
    assert "an open port expected; found: Input/output error Not safe: " in record.why
    assert [frame.hex() for frame in meter.frames[-3:]] == ["a00101a2", "a00100a1", "a00100a1"]


def test_a_bench_whose_meter_does_not_say_who_it_is_is_not_opened(tmp_path: Path) -> None:
    with device(lambda _heard: b"meter m\r\nok\r\n") as console:
        spec, content = bench_of(str(desk(tmp_path, console, "[]")))
        with (
            pytest.raises(BenchError, match="one line firmware VALUE expected"),
            open_bench(spec, content, yes),
        ):
            pass


def test_a_virtual_bench_of_a_file_is_the_meter_that_it_names(tmp_path: Path) -> None:
    file = tmp_path / "v.toml"
    file.write_text(
        '[bench]\nname = "old"\n[virtual]\nfirmware = "legacy-2020"\nenergy = "gas"\nfaults = ["leap_skip"]\n'
    )
    spec, content = bench_of(str(file))
    with open_bench(spec, content, yes) as bench:
        assert bench.name == "old"
        assert bench.dut.firmware == "legacy-2020 with leap_skip"
        assert bench.dut.energy == "gas"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing.toml", "cannot be read: No such file"),
        (".", "cannot be read"),
        ("a\0b", "no name of a file"),
    ],
)
def test_a_bench_file_that_cannot_be_read_is_told(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        bench_of(name if "\0" in name else str(tmp_path / name))


def test_a_bench_file_of_any_size_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "big.toml"
    file.write_bytes(b"#" * (files.BENCH_BYTES_MAX + 1))
    with pytest.raises(InputError, match="more than 65536 bytes"):
        bench_of(str(file))
