"""The strategy reaches its states from anywhere, and says when there was nothing to do."""

from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.firmware.events import ButtonName
from hil.capabilities import BenchError, Orders
from hil.drivers.virtual.bench import VirtualDut
from hil.stories.stage import StoryBench
from hil.stories.strategy import BenchState, reach
from protocols.instants import DAY_MS
from protocols.reasons import Energy
from tests.hil.telling import bench_with, told

Firmware = Literal["guarded", "legacy-2020"]


@settings(max_examples=20)
@given(
    firmware=st.sampled_from(["guarded", "legacy-2020"]),
    energy=st.sampled_from(list(Energy)),
    way=st.lists(
        st.one_of(st.sampled_from(list(BenchState)), st.just("trip"), st.just("red"), st.just("days")),
        max_size=4,
    ),
)
def test_supply_is_reached_from_anywhere(
    firmware: Firmware, energy: Energy, way: list[BenchState | str]
) -> None:
    def run(bench: StoryBench) -> None:
        for each in way:
            match each:
                case BenchState():
                    # A held meter is not cut: then the strategy says so, and supply is reached all the same.
                    with nullcontext() if each is not BenchState.CUT else suppress(BenchError):
                        reach(bench, each)
                case "trip":
                    bench.short_circuit.make()
                case "red":
                    bench.person.press(ButtonName.RED)
                case _:
                    bench.time.let_pass(DAY_MS)
            if energy is Energy.GAS:
                bench.load.draw(0)
        reach(bench, BenchState.SUPPLIED)
        bench.check_supply("on", "reached")
        assert reach(bench, BenchState.SUPPLIED) == ()

    assert told(run, bench=bench_with(VirtualDut(firmware=firmware, energy=energy))).why == ""


@pytest.mark.parametrize("firmware", ["guarded", "legacy-2020"])
def test_each_state_is_what_its_name_says(firmware: Firmware) -> None:
    def run(bench: StoryBench) -> None:
        assert reach(bench, BenchState.CUT) == ("cut ordered",)
        bench.check_supply("off", "cut")
        assert reach(bench, BenchState.CUT) == ()
        assert reach(bench, BenchState.SUPPLIED) == ("released",)
        assert reach(bench, BenchState.OFF) == ("mains off",)
        assert reach(bench, BenchState.OFF) == ()
        assert not bench.sensor.is_supplied()
        assert reach(bench, BenchState.HELD) == ("mains on", "held")
        if firmware == "guarded":
            with pytest.raises(BenchError, match="a cut expected"):
                reach(bench, BenchState.CUT)
        assert reach(bench, BenchState.FRESH) == ("another meter",)
        assert reach(bench, BenchState.SUPPLIED) == ()

    assert told(run, bench=bench_with(VirtualDut(firmware=firmware))).why == ""


def test_without_a_way_it_says_where_the_meter_stands() -> None:
    drivers = dict(bench_with().drivers)

    def run(bench: StoryBench) -> None:
        reach(bench, BenchState.CUT)
        del drivers[Orders]
        reach(bench, BenchState.SUPPLIED)

    why = "strategy: a way back from off (cut_order) expected; found: none on this bench"
    assert told(run, bench=replace(bench_with(), drivers=drivers)).why == why
