"""A story that fails, errs or is interrupted leaves a safe bench and a record that says what was expected."""

import signal
import termios
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hil.capabilities import BenchError, Console, Factory, Load, MeterSlot, Power, SupplySensor
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.interrupts import SIGNALS
from hil.record.codec import encode_record
from hil.record.model import Lane, StoryRecord, StoryVerdict
from hil.stories.interlock import Interlock
from hil.stories.playing import InterruptedStory, play_story, why_not
from hil.stories.running import StoryRun
from hil.stories.stage import StoryBench
from hil.stories.story import story
from hil.stories.wishes import MeterWish
from tests.hil.telling import a_story, bench_with, told


class _Deaf:
    """A meter that stops answering, or whose line is noise."""

    def __init__(self, console: Console, answers: int, noise: str) -> None:
        self._console = console
        self._answers = answers
        self._noise = noise

    def ask(self, line: str) -> Mapping[str, tuple[str, ...]]:
        self._answers -= 1
        if self._answers < 0:
            raise BenchError(f"console, {line}: an answer that ends with ok expected; found: {self._noise}")
        return self._console.ask(line)


def is_safe(record: StoryRecord) -> bool:
    """Whether the last thing that was done with the mains was to take them away."""
    mains = [moment.text for moment in record.timeline if moment.text.startswith("mains ")]
    return mains[-1] == "mains off"


@pytest.mark.parametrize("noise", ["nothing", "b'\\xff\\x00\\x80'"])
@pytest.mark.parametrize("answers", [0, 1, 3])
def test_a_meter_that_stops_answering_fails_the_story_and_the_bench_is_safe(answers: int, noise: str) -> None:
    console = virtual_bench(VirtualDut()).drivers[Console]
    bench = bench_with(Console=_Deaf(console, answers, noise))  # type: ignore[arg-type]

    def run(stage: StoryBench) -> None:
        for _ in range(5):
            stage.word("balance", "balance_eur")

    record = told(run, Console, bench=bench)
    assert record.verdict is StoryVerdict.ERROR
    assert f"an answer that ends with ok expected; found: {noise}" in record.why
    assert is_safe(record)


def test_an_expectation_that_does_not_hold_fails_and_says_both_sides() -> None:
    def run(stage: StoryBench) -> None:
        stage.measure("delay", 5, "s", 0, 10, 1)
        stage.check("clock", "lost", stage.word("clock", "status"))

    record = told(run)
    assert (record.verdict, record.why) == (StoryVerdict.FAILED, "clock: lost expected; found: trusted")
    assert [each.name for each in record.measurements] == ["delay"]
    assert is_safe(record)


@pytest.mark.parametrize(
    ("value", "verdict", "why"),
    [
        (5, StoryVerdict.PASSED, ""),
        (9, StoryVerdict.MARGINAL, "near to a limit: delay"),
        (10, StoryVerdict.MARGINAL, "near to a limit: delay"),
        (11, StoryVerdict.FAILED, "delay: 0 to 10 s expected; found: 11 s"),
        (-1, StoryVerdict.FAILED, "delay: 0 to 10 s expected; found: -1 s"),
    ],
)
def test_a_measurement_passes_is_near_or_fails(value: int, verdict: StoryVerdict, why: str) -> None:
    record = told(lambda stage: stage.measure("delay", value, "s", 0, 10, 2))
    assert (record.verdict, record.why) == (verdict, why)


def test_a_mistake_in_a_story_is_an_error_with_its_trace_and_the_bench_is_safe() -> None:
    record = told(lambda stage: stage.measure("delay", "5", "s", 0, 10))  # type: ignore[arg-type]
    assert record.verdict is StoryVerdict.ERROR
    assert record.why.startswith("TypeError: ")
    assert any(each.name == "traceback.txt" for each in record.attachments)
    assert is_safe(record)


def test_what_a_story_needs_and_the_bench_has_not_is_not_run_and_never_green() -> None:
    def run(_stage: StoryBench) -> None:
        raise AssertionError("must not run")

    record = told(run, Load, SupplySensor, bench=bench_with(Load=None))
    assert (record.verdict, record.why) == (StoryVerdict.NOT_RUN, "needs Load: not on this bench")


def test_a_story_of_another_firmware_or_start_is_not_run() -> None:
    def run(_stage: StoryBench) -> None:
        raise AssertionError("must not run")

    def why(*, firmware: str | None = None, meter: MeterWish | None = None, **drivers: object) -> str:
        bench = bench_with(None, **drivers)
        wanted = story(
            name="told", title="Told", requirements=("I1",), needs=(), real_duration="1 s", firmware=firmware,
            meter=meter,
        )(run)  # fmt: skip
        return play_story(wanted, bench, Interlock(bench)).why

    assert why(firmware="legacy-2020") == "for legacy-2020 meters; this one is guarded"
    start = "2020-07-02T22:00:00+02:00"
    assert why(meter=MeterWish(start), Factory=None) == (
        f"needs a meter as of {start}: no Factory on this bench"
    )


def test_ctrl_c_leaves_a_safe_bench_and_a_record_of_what_there_was() -> None:
    def run(stage: StoryBench) -> None:
        stage.load.draw(500)
        raise KeyboardInterrupt

    run_of = StoryRun(bench_with())
    with pytest.raises(InterruptedStory):
        run_of.play(a_story(run))
    (record,) = run_of.record().stories
    assert (record.verdict, record.why) == (StoryVerdict.NOT_RUN, "interrupted by the tester")
    assert is_safe(record)
    assert any(moment.text == "load 500 W" for moment in record.timeline)
    assert "interrupted" in run_of.record().notes[-1]


class _Stuck:
    """A sensor that always sees supply, or a relay that does not switch any more, whatever it raises."""

    def __init__(self, raised: Exception) -> None:
        self._raised = raised

    def is_supplied(self) -> bool:
        return True

    def switch(self, *, on: bool) -> None:
        assert not on, "nothing is switched on before it is off"
        raise self._raised


class _Unplugged:
    """A load whose cable is pulled out while the story runs: what is raised is no error of ours."""

    def __init__(self, raised: Exception) -> None:
        self._raised = raised
        self._calls = 0

    def draw(self, load_w: int) -> None:
        assert load_w == 0
        self._calls += 1
        if self._calls > 1:
            raise self._raised


FAULTS = [BenchError("relay: off expected; found: no answer"), termios.error(5, "I/O"), TypeError("None")]


@pytest.mark.parametrize("raised", FAULTS, ids=repr)
@pytest.mark.parametrize("interface", [SupplySensor, Power])
def test_a_bench_that_cannot_be_made_safe_runs_no_story_more(interface: type, raised: Exception) -> None:
    bench = bench_with(None, **{interface.__name__: _Stuck(raised)})
    run = StoryRun(bench)
    for _ in range(2):
        run.play(a_story(lambda _stage: None))
    first, second = run.record().stories
    assert first.verdict is StoryVerdict.ERROR
    assert "Not safe: " in first.why
    assert (second.verdict, second.why.partition(":")[0]) == (StoryVerdict.NOT_RUN, "the bench is not safe")


@pytest.mark.parametrize("raised", FAULTS, ids=repr)
def test_a_cable_that_is_pulled_out_keeps_no_mains_on(raised: Exception) -> None:
    bench = bench_with(Load=_Unplugged(raised))
    run = StoryRun(bench)
    record = run.play(a_story(lambda stage: stage.power.switch(on=True), Power, Load))
    assert record.verdict is StoryVerdict.ERROR
    assert "Not safe: " in record.why
    assert is_safe(record)
    assert not bench.drivers[Factory].view().readout.mains_on  # type: ignore[attr-defined]
    assert run.play(a_story(lambda _stage: None)).verdict is StoryVerdict.NOT_RUN


class _Signals:
    """A switch, a load or a slot in whose midst people press Ctrl-C, or a service manager sends SIGTERM."""

    def __init__(self, driver: object, number: signal.Signals, presses: int) -> None:
        self._driver = driver
        self._number = number
        self.presses_left = presses
        self.is_armed = False

    def _press(self) -> None:
        if self.is_armed and self.presses_left:
            self.presses_left -= 1
            signal.raise_signal(self._number)

    def put_in(self, card: Path | None, pull_after_ms: int | None = None) -> None:
        self._driver.put_in(card, pull_after_ms)  # type: ignore[attr-defined]

    def switch(self, *, on: bool) -> None:
        self._press()
        self._driver.switch(on=on)  # type: ignore[attr-defined]

    def draw(self, load_w: int) -> None:
        self._press()
        self._driver.draw(load_w)  # type: ignore[attr-defined]

    def take_out(self) -> None:
        self._press()
        self._driver.take_out()  # type: ignore[attr-defined]


@pytest.mark.parametrize("presses", [1, 2, 3])
@pytest.mark.parametrize("interface", [Power, Load, MeterSlot])
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("in_story", [False, True])
def test_a_signal_on_the_way_to_safety_skips_no_step_and_loses_no_record(
    interface: type,
    number: signal.Signals,
    presses: int,
    in_story: bool,  # a column of the table
) -> None:
    virtual = virtual_bench(VirtualDut())
    pressed = _Signals(virtual.drivers[interface], number, presses)
    bench = replace(virtual, drivers={**virtual.drivers, interface: pressed})

    def run(stage: StoryBench) -> None:
        stage.power.switch(on=True)
        stage.load.draw(500)
        stage.slot.put_in(None)
        pressed.is_armed = True
        if in_story:
            signal.raise_signal(number)

    run_of = StoryRun(bench)
    with pytest.raises(KeyboardInterrupt):
        run_of.play(a_story(run, Power, Load, MeterSlot))
    (record,) = run_of.record().stories
    done = [each.text for each in record.timeline if each.lane is not Lane.SUPPLY][-3:]
    assert done == ["mains off", "load 0 W", "card taken out"]
    assert pressed.presses_left == presses - 1
    assert record.verdict is (StoryVerdict.NOT_RUN if in_story else StoryVerdict.PASSED)
    assert run_of.is_interrupted


class _LeftPrompt:
    """A slot whose operator breaks off the prompt to take the card out."""

    def __init__(self) -> None:
        self._is_in = self._is_left = False

    def put_in(self, card: Path | None, pull_after_ms: int | None = None) -> None:
        assert (card, pull_after_ms) == (None, None)
        self._is_in = True

    def take_out(self) -> None:
        assert not self._is_left, "asked again"
        if self._is_in:
            self._is_left = True
            raise KeyboardInterrupt


class _Interrupted:
    """A relay in whose driver somebody's interruption is raised, signals held back or not."""

    def __init__(self, power: Power, times: int) -> None:
        self._power = power
        self._times = times
        self.is_armed = False

    def switch(self, *, on: bool) -> None:
        if self.is_armed and self._times:
            self._times -= 1
            raise KeyboardInterrupt
        self._power.switch(on=on)


@pytest.mark.parametrize(("times", "is_off"), [(1, True), (2, True), (3, False)])
def test_an_interruption_inside_a_step_skips_it_only_at_its_third(
    times: int,
    is_off: bool,  # a column of the table
) -> None:
    virtual = virtual_bench(VirtualDut())
    power = _Interrupted(virtual.driver(Power), times)
    run_of = StoryRun(replace(virtual, drivers={**virtual.drivers, Power: power}))

    def run(stage: StoryBench) -> None:
        stage.power.switch(on=True)
        power.is_armed = True

    with pytest.raises(InterruptedStory):
        run_of.play(a_story(run, Power))
    (record,) = run_of.record().stories
    assert is_safe(record) is is_off
    assert ("mains off: done expected; found: broken off" in record.why) is not is_off
    assert (record.verdict is StoryVerdict.ERROR) is not is_off


def test_ctrl_c_at_the_prompt_for_the_card_ends_the_run_with_the_mains_off() -> None:
    run_of = StoryRun(bench_with(MeterSlot=_LeftPrompt()))
    with pytest.raises(InterruptedStory):
        run_of.play(a_story(lambda stage: stage.slot.put_in(None), MeterSlot))
    (record,) = run_of.record().stories
    assert is_safe(record)
    assert run_of.is_interrupted
    assert record.why == "Not safe: card out: done expected; found: broken off"
    # Once: whoever has left it is not asked again.
    assert run_of.play(a_story(lambda _stage: None)).verdict is StoryVerdict.NOT_RUN


def test_ctrl_c_at_the_question_before_current_flows_is_on_record() -> None:
    def broken_off() -> bool:
        raise KeyboardInterrupt

    run_of = StoryRun(replace(bench_with(), is_released=broken_off))
    with pytest.raises(InterruptedStory):
        run_of.play(a_story(lambda _stage: None))
    assert [each.why for each in run_of.record().stories] == ["interrupted by the tester"]


def test_current_flows_only_when_the_operator_has_released_it() -> None:
    def told_with(*, released: bool, **drivers: object) -> StoryRecord:
        return told(
            lambda _stage: None, bench=replace(bench_with(None, **drivers), is_released=lambda: released)
        )

    refused = told_with(released=False)
    assert (refused.verdict, refused.why) == (
        StoryVerdict.NOT_RUN,
        "the operator has not released the current",
    )
    assert told_with(released=False, Power=None).why == refused.why, "a load draws current as well"
    assert told_with(released=False, Power=None, Load=None).verdict is StoryVerdict.PASSED
    assert told_with(released=True).verdict is StoryVerdict.PASSED


def test_a_value_that_no_record_can_have_costs_its_own_story_alone() -> None:
    run_of = StoryRun(bench_with())
    run_of.play(a_story(lambda stage: stage.measure("energy", 2**63, "Wh", None, None)))
    (record,) = run_of.record().stories
    assert record.verdict is StoryVerdict.ERROR
    assert "Not recorded: measurements[0].value: 9223372036854775808" in record.why
    assert encode_record(run_of.record())


def test_an_empty_word_for_the_firmware_is_another_firmware() -> None:
    bench = bench_with()
    bench = replace(bench, dut=replace(bench.dut, firmware=""))
    wanted = story(
        name="told", title="Told", requirements=("I1",), needs=(), real_duration="1 s", firmware="guarded"
    )(lambda _stage: None)
    assert why_not(wanted, bench) == "for guarded meters; this one is "


def test_the_timeline_shows_when_supply_came_and_went() -> None:
    def run(stage: StoryBench) -> None:
        stage.power.switch(on=False)
        stage.sensor.is_supplied()
        stage.time.let_pass(1_000)
        stage.power.switch(on=True)
        stage.time.let_pass(1_000)

    record = told(run, Factory)
    states = [moment.is_on for moment in record.timeline if moment.lane is Lane.SUPPLY]
    assert states == [False, True, False, True, False]
