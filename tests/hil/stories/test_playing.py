"""A story that fails, errs or is interrupted leaves a safe bench and a record that says what was expected."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from hil.capabilities import BenchError, Console, Factory, Load, Power, SupplySensor
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.interlock import Interlock
from hil.record.model import Lane, StoryRecord, StoryVerdict
from hil.stories.playing import InterruptedStory, play_story
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
    """A sensor that always sees supply, or a relay that does not switch any more."""

    def is_supplied(self) -> bool:
        return True

    def switch(self, *, on: bool) -> None:
        raise BenchError(f"relay: {'on' if on else 'off'} expected; found: no answer")


@pytest.mark.parametrize("interface", [SupplySensor, Power])
def test_a_bench_that_cannot_be_made_safe_runs_no_story_more(interface: type) -> None:
    bench = bench_with(None, **{interface.__name__: _Stuck()})
    run = StoryRun(bench)
    for _ in range(2):
        run.play(a_story(lambda _stage: None))
    first, second = run.record().stories
    assert first.verdict is StoryVerdict.ERROR
    assert "Not safe: " in first.why
    assert (second.verdict, second.why.partition(":")[0]) == (StoryVerdict.NOT_RUN, "the bench is not safe")


def test_current_flows_only_when_the_operator_has_released_it() -> None:
    asked: list[str] = []

    def refuse(question: str) -> bool:
        asked.append(question)
        return False

    bench = replace(bench_with(), ask=refuse)
    record = play_story(a_story(lambda _stage: None, draws_current=True), bench, Interlock(bench))
    assert (record.verdict, record.why) == (
        StoryVerdict.NOT_RUN,
        "the operator has not released the current",
    )
    assert asked == ["told: current will flow through the contactor. Is nobody at the installation?"]
    assert told(lambda _stage: None, bench=bench).verdict is StoryVerdict.PASSED
    assert len(asked) == 1


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
