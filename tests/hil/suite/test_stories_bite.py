"""Stories that once passed with a defect of what they ask: each is red with it now."""

from dataclasses import replace

import pytest

import emulator.faces.p1.telegram as telegram_of_p1
from emulator.firmware.guarded import gate
from emulator.scenario.model import ProgrammedCutSpec, ReleaseSpec
from emulator.scenario.writing import SignedSpec
from hil.capabilities import Load, Orders
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryRecord, StoryVerdict
from hil.stories.interlock import Interlock
from hil.stories.playing import play_story
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory
from hil.stories.strategy import BenchState, reach
from hil.suite.dates import a_planned_cut_happens_once
from hil.suite.ladder import who_is_protected_gets_the_limiter
from hil.suite.telling import (
    a_cut_is_on_record,
    the_black_box_is_replayed,
    the_customer_port_tells_the_breaker,
    the_customer_port_tells_the_load,
)
from protocols.instants import HOUR_MS
from tests.hil.telling import bench_with, told


def played(story: BenchStory, **drivers: object) -> StoryRecord:
    bench = bench_with(None, **drivers)
    return play_story(story, bench, Interlock(bench))


class NoLoad:
    """A household that draws nothing, whatever it is asked for."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def draw(self, _load_w: int) -> None:
        self._load.draw(0)


def test_without_a_load_no_limiter_trips() -> None:
    bench = virtual_bench(VirtualDut())
    bench = replace(bench, drivers={**bench.drivers, Load: NoLoad(bench.driver(Load))})
    record = play_story(who_is_protected_gets_the_limiter, bench, Interlock(bench))
    assert record.verdict is StoryVerdict.FAILED
    assert record.why.startswith("tripped by 6 kW: not supplied within 300 s of ")


@pytest.mark.parametrize("story", [the_customer_port_tells_the_breaker, the_customer_port_tells_the_load])
def test_a_telegram_with_a_wrong_checksum_is_none(story: BenchStory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telegram_of_p1, "crc16", lambda _body: 0)
    record = played(story)
    assert record.verdict is StoryVerdict.ERROR
    assert "P1: a whole telegram expected; found: one with a wrong checksum" in record.why


def test_a_defect_of_the_gate_does_not_judge_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its rule of holds it would come to the same verdict once more."""
    monkeypatch.setattr(gate, "_intersects", lambda *_: False)
    record = played(the_black_box_is_replayed)
    assert record.verdict is StoryVerdict.FAILED
    assert "open, against hold" in record.why


def test_a_cut_is_found_on_a_meter_that_has_had_others() -> None:
    def run(bench: StoryBench) -> None:
        reach(bench, BenchState.CUT)
        reach(bench, BenchState.SUPPLIED)
        bench.time.let_pass(25 * HOUR_MS)
        a_cut_is_on_record.run(bench)

    assert told(run).why == ""


class CutAgain:
    """Orders to a meter that keeps a cut which it has carried out, and carries it out once more."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._cuts: list[ProgrammedCutSpec] = []

    def bring(self, do: SignedSpec) -> None:
        self._orders.bring(do)
        if isinstance(do, ProgrammedCutSpec):
            self._cuts.append(do)
        elif isinstance(do, ReleaseSpec):
            for each in self._cuts:
                self._orders.bring(replace(each, id="again"))

    def withdraw(self) -> None:
        self._orders.withdraw()


def test_a_cut_that_is_carried_out_twice_is_seen() -> None:
    """A card meter that keeps its date is dark when the date comes again."""
    bench = virtual_bench(VirtualDut("legacy-2020"))
    bench = replace(bench, drivers={**bench.drivers, Orders: CutAgain(bench.driver(Orders))})
    record = play_story(a_planned_cut_happens_once, bench, Interlock(bench))
    assert record.verdict is StoryVerdict.FAILED, record.why
    assert "its date has come again" in record.why
