"""Sensors that are late, and meters that are dead without mains and boot with them."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.scenario.model import ReleaseSpec
from emulator.scenario.writing import SignedSpec
from hil.binding import BoundBench
from hil.capabilities import (
    BenchError,
    Console,
    Factory,
    Orders,
    Power,
    SupplyRecorder,
    SupplySensor,
    Timebase,
)
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryRecord, StoryVerdict
from hil.stories.stage import StoryBench
from hil.stories.strategy import BenchState, reach
from tests.hil.telling import told

SETTLE_MS = 500
BOOT_MS = 8_000


class Late:
    """A sensor that shows a change so much later, as a lamp, a relay and an optocoupler do."""

    def __init__(self, bench: BoundBench, lag_ms: int) -> None:
        self._sensor: SupplySensor = bench.driver(SupplySensor)
        self._time, self._lag_ms = bench.timebase, lag_ms
        self._shown: bool = self._sensor.is_supplied()
        self._seen, self._since_ms = self._shown, self._time.now_ms()

    def is_supplied(self) -> bool:
        now_ms = self._time.now_ms()
        found = self._sensor.is_supplied()
        if found is not self._seen:
            self._seen, self._since_ms = found, now_ms
        if now_ms - self._since_ms >= self._lag_ms:
            self._shown = self._seen
        return self._shown


class Counted:
    """`Orders` that counts what is brought."""

    def __init__(self, orders: Orders) -> None:
        self.brought: list[SignedSpec] = []
        self._orders = orders

    def bring(self, do: SignedSpec) -> None:
        self.brought.append(do)
        self._orders.bring(do)

    def withdraw(self) -> None:
        self._orders.withdraw()


class Sleeper:
    """`Power` and `Console` of a meter that says nothing without mains, and nothing until it has booted."""

    def __init__(self, bench: BoundBench, boots_ms: int) -> None:
        self._power, self._console, self._time = (bench.driver(each) for each in (Power, Console, Timebase))
        self._boots_ms = boots_ms
        self._awake_ms: int | None = 0
        self.answered: list[str] = []

    def switch(self, *, on: bool) -> None:
        self._power.switch(on=on)
        self._awake_ms = self._time.now_ms() + self._boots_ms if on else None

    @property
    def is_awake(self) -> bool:
        return self._awake_ms is not None and self._time.now_ms() >= self._awake_ms

    def ask(self, line: str) -> Mapping[str, tuple[str, ...]]:
        if not self.is_awake:
            raise BenchError(f"console, {line}: an answer that ends with ok expected; found: nothing")
        self.answered.append(line)
        found: Mapping[str, tuple[str, ...]] = self._console.ask(line)
        return found


def bench_of(bench: BoundBench, *without: type, **drivers: object) -> BoundBench:
    """The bench with these drivers by their interfaces' names, without what no bench of metal has."""
    left_out = {SupplyRecorder, *without}
    bound = {each: drivers.get(each.__name__, driver) for each, driver in bench.drivers.items()}
    kept = {each: driver for each, driver in bound.items() if each not in left_out}
    return replace(bench, drivers=kept, settle_ms=SETTLE_MS, boot_ms=BOOT_MS)


@settings(max_examples=30)
@given(st.integers(0, SETTLE_MS))
def test_a_sensor_that_is_late_locks_no_bench_and_brings_no_order(lag_ms: int) -> None:
    virtual = virtual_bench(VirtualDut())
    orders = Counted(virtual.driver(Orders))
    bench = bench_of(virtual, SupplySensor=Late(virtual, lag_ms), Orders=orders)

    def run(stage: StoryBench) -> None:
        stage.check_supply("on", "reached")
        stage.power.switch(on=False)
        stage.check_supply("on", "in the dark", has_mains=False)
        stage.power.switch(on=True)
        stage.check_supply("on", "mains are back")

    for _ in range(2):
        record = told(run, bench=bench)
        assert (record.verdict, record.why) == (StoryVerdict.PASSED, "")
    assert orders.brought == []


def test_a_sensor_that_is_later_than_its_bench_says_is_an_error_and_no_order_is_brought() -> None:
    virtual = virtual_bench(VirtualDut())
    orders = Counted(virtual.driver(Orders))
    late = Late(virtual, 10 * (SETTLE_MS + BOOT_MS))
    record = told(lambda _stage: None, bench=bench_of(virtual, SupplySensor=late, Orders=orders))
    assert record.verdict is StoryVerdict.ERROR
    assert "no supply expected while the mains are off; found: supplied" in record.why
    assert orders.brought == []


class Dark:
    """A sensor whose lamp has burnt out."""

    def is_supplied(self) -> bool:
        return False


def test_where_the_sensor_and_the_meters_word_differ_no_order_is_brought() -> None:
    virtual = virtual_bench(VirtualDut())
    orders = Counted(virtual.driver(Orders))
    record = told(lambda _stage: None, bench=bench_of(virtual, SupplySensor=Dark(), Orders=orders))
    assert (record.verdict, record.why) == (
        StoryVerdict.ERROR,
        "sensor: supply expected, which the meter says is on; found: none",
    )
    assert orders.brought == []


class Monostable:
    """A sensor behind a contactor that falls with the mains and closes once the meter has booted."""

    def __init__(self, bench: BoundBench, sleeper: Sleeper) -> None:
        self._sensor: SupplySensor = bench.driver(SupplySensor)
        self._sleeper = sleeper

    def is_supplied(self) -> bool:
        return self._sleeper.is_awake and self._sensor.is_supplied()


def told_to_a_sleeper(boots_ms: int, *, is_cut: bool = False) -> tuple[StoryRecord, Sleeper]:
    virtual = virtual_bench(VirtualDut())
    sleeper = Sleeper(virtual, boots_ms)
    sensor = Monostable(virtual, sleeper)
    bench = bench_of(virtual, Factory, Power=sleeper, Console=sleeper, SupplySensor=sensor)

    def run(stage: StoryBench) -> None:
        if is_cut:
            reach(stage, BenchState.CUT)
            reach(stage, BenchState.OFF)
            assert reach(stage, BenchState.SUPPLIED) == ("mains on", "released")
        stage.power.switch(on=False)
        stage.power.switch(on=True)
        stage.check_supply("on", "mains are back")

    return told(run, Power, Console, bench=bench), sleeper


@settings(max_examples=20)
@given(st.integers(0, BOOT_MS), st.booleans())
def test_a_meter_that_is_dead_without_mains_is_told_its_story(
    boots_ms: int, is_cut: bool
) -> None:  # as hypothesis hands it
    record, _ = told_to_a_sleeper(boots_ms, is_cut=is_cut)
    assert (record.verdict, record.why) == (StoryVerdict.PASSED, "")


def test_a_meter_that_does_not_wake_is_an_error_with_what_was_asked() -> None:
    record, sleeper = told_to_a_sleeper(2 * BOOT_MS)
    assert record.verdict is StoryVerdict.ERROR
    assert record.why == "console, supply: an answer that ends with ok expected; found: nothing"
    assert sleeper.answered == []


@pytest.mark.parametrize("boots_ms", [0, BOOT_MS])
def test_no_line_but_the_harmless_one_is_typed_twice_at_a_meter_that_boots(boots_ms: int) -> None:
    virtual = virtual_bench(VirtualDut())
    sleeper = Sleeper(virtual, boots_ms)
    typed: list[str] = []
    ask = sleeper.ask

    def heard(line: str) -> Mapping[str, tuple[str, ...]]:
        typed.append(line)
        return ask(line)

    sleeper.ask = heard  # type: ignore[method-assign]
    bench = bench_of(virtual, Factory, Power=sleeper, Console=sleeper)

    def run(stage: StoryBench) -> None:
        stage.console.ask("load 300")

    record = told(run, Power, Console, bench=bench)
    assert record.why == ""
    assert set(typed) == {"identity", "load 300"}
    assert typed.count("load 300") == 1


def test_a_release_is_brought_to_a_meter_that_is_cut() -> None:
    virtual = virtual_bench(VirtualDut())
    orders = Counted(virtual.driver(Orders))
    bench = bench_of(virtual, SupplySensor=Late(virtual, SETTLE_MS), Orders=orders)

    def run(stage: StoryBench) -> None:
        reach(stage, BenchState.CUT)
        assert reach(stage, BenchState.SUPPLIED) == ("released",)

    assert told(run, bench=bench).why == ""
    assert sum(isinstance(each, ReleaseSpec) for each in orders.brought) == 1
