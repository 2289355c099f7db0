"""The contactor and the valve: the limiter at its power, the leak test, a trip, the hours of a release."""

from collections.abc import Iterator
from typing import Final

from emulator.firmware.events import ButtonName, DocumentChannel
from emulator.scenario.model import FlagSpec, ReleaseSpec, TopUpSpec
from hil.capabilities import (
    Authorities,
    ClockFault,
    Console,
    Load,
    Orders,
    Person,
    Power,
    ShortCircuit,
    SupplySensor,
)
from hil.stories.drafts import EMPTY_PURSE, permit_until
from hil.stories.plans import at, tell_time
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story
from hil.stories.strategy import BenchState, reach
from hil.stories.wishes import MeterWish
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import Energy, FlagName
from protocols.spans import Window
from protocols.units import UEUR_PER_EUR

_START: Final = "2020-06-24T08:00:00+02:00"
_CARD: Final = "wallonia-card-2020"
# 10 A at 230 V.
_LIMITER_W: Final = 2_300
# The most that a tight installation lets through: 13 l/h of natural gas.
_LEAK_W: Final = 130
_LEAK_TEST_S: Final = 720
_GAS: Final = MeterWish(_START, load_w=0, energy=Energy.GAS, profile=_CARD)
_NEAR_MS: Final = 20 * SECOND_MS


def _permit_always(bench: StoryBench) -> None:
    """A window whose spread is long over."""
    tell_time(bench)
    permit_until(bench, at(bench, 7 * DAY_MS), Window(bench.now_ms - DAY_MS, at(bench, 6 * DAY_MS)))


# ---------------------------------------------------------------- the limiter


def _limited() -> Iterator[BenchStory]:
    for name, load_w in {
        "under": 500,
        "at": _LIMITER_W,
        "a-watt-above": _LIMITER_W + 1,
        "far-above": 6_000,
    }.items():
        yield _limited_story(name, load_w)


def _limited_story(where: str, load_w: int) -> BenchStory:
    @story(
        name=f"limiter-with-a-load-{where}-its-power",
        title=f"A limited household that switches on {load_w} W draws no more than {_LIMITER_W} W",
        requirements=("I6", "QA-06", "L9"),
        needs=(Authorities, Console, Load, Orders, SupplySensor),
        tags=("credit", "limiter"),
        real_duration="3 h",
        firmware="guarded",
        meter=EMPTY_PURSE,
    )
    def run(bench: StoryBench) -> None:
        bench.orders.bring(FlagSpec(FlagName.PROTECTED, value=True))
        _permit_always(bench)
        bench.time.let_pass(HOUR_MS + _NEAR_MS)
        bench.check_supply("limited", "with nothing left and protected")
        bench.load.draw(load_w)
        flows_w = min(load_w, _LIMITER_W)
        bench.measure("drawn through the limiter", int(bench.word("load", "drawn_w")), "W", flows_w, flows_w)
        if load_w > _LIMITER_W:
            bench.expect_supply("tripped by its own breaker", is_on=False, within_ms=MINUTE_MS)
            return
        before_wh = int(bench.word("load", "energy_wh"))
        bench.time.let_pass(HOUR_MS)
        energy_wh = int(bench.word("load", "energy_wh")) - before_wh
        bench.measure("energy of an hour", energy_wh, "Wh", flows_w - 1, flows_w + 1)

    return run


LIMITED: Final = tuple(_limited())


# ---------------------------------------------------------------- the leak test


def _begin_leak_test(bench: StoryBench) -> None:
    reach(bench, BenchState.CUT)
    bench.orders.bring(ReleaseSpec(24))
    bench.check_supply("armed", "a release alone opens no valve")
    bench.person.press(ButtonName.BLUE)


def _leaks() -> Iterator[BenchStory]:
    for name, after_s in {"at-once": 1, "halfway": _LEAK_TEST_S // 2, "at-its-end": _LEAK_TEST_S - 2}.items():
        yield _leak_story(name, after_s)


def _leak_story(when: str, after_s: int) -> BenchStory:
    @story(
        name=f"a-leak-{when}-fails-the-leak-test",
        title=f"A flow {after_s} s after the test began keeps the valve shut until it has stopped",
        requirements=("I3", "QA-06"),
        needs=(Console, Load, Orders, Person, SupplySensor),
        tags=("recovery", "gas", "leak"),
        real_duration="5 h",
        firmware="guarded",
        energy=Energy.GAS,
        meter=_GAS,
    )
    def run(bench: StoryBench) -> None:
        _begin_leak_test(bench)
        bench.time.let_pass(after_s * SECOND_MS)
        bench.check_supply("armed", "while leaks are looked for")
        bench.load.draw(_LEAK_W + 1)
        bench.time.let_pass(5 * SECOND_MS)
        bench.check_supply("off", "with a leak")
        bench.check("reason", "leak", bench.word("supply", "reason"))
        bench.time.let_pass(_LEAK_TEST_S * SECOND_MS)
        bench.check_supply("off", "when the test would have been over")
        bench.load.draw(0)
        bench.person.press(ButtonName.BLUE)
        bench.check_supply("armed", "while leaks are looked for again")
        bench.time.let_pass((_LEAK_TEST_S - 2) * SECOND_MS)
        bench.check_supply("armed", "2 s before the second test is over")
        bench.time.let_pass(4 * SECOND_MS)
        bench.check_supply("on", "after another test that found nothing")

    return run


LEAKS: Final = tuple(_leaks())


@story(
    requirements=("I3",),
    needs=(Console, Load, Orders, Person, SupplySensor),
    tags=("recovery", "gas", "leak"),
    real_duration="5 h",
    firmware="guarded",
    energy=Energy.GAS,
    meter=_GAS,
)
def the_leak_test_runs_its_whole_time(bench: StoryBench) -> None:
    """The valve opens after 720 s of a leak test, not one before, with as much flow as is no leak yet."""
    _begin_leak_test(bench)
    bench.load.draw(_LEAK_W)
    ends_ms = at(bench, _LEAK_TEST_S * SECOND_MS)
    for left_s in (_LEAK_TEST_S - 1, _LEAK_TEST_S // 2, 60, 2):
        bench.wait_until(ends_ms - left_s * SECOND_MS)
        bench.check_supply("armed", f"{left_s} s before the leak test is over")
    bench.time.let_pass(4 * SECOND_MS)
    bench.check_supply("on", "after the whole leak test")


# ---------------------------------------------------------------- a trip, and the hours of a release


@story(
    requirements=("I3", "L9"),
    needs=(Console, Load, Orders, Person, ShortCircuit, SupplySensor),
    tags=("recovery", "limiter"),
    real_duration="5 min",
    firmware="guarded",
    energy=Energy.ELECTRICITY,
)
def a_trip_is_cleared_by_a_person_alone(bench: StoryBench) -> None:
    """After a trip neither a release nor a payment closes the contactor; a person at the breaker does."""
    bench.short_circuit.make()
    bench.time.let_pass(SECOND_MS)
    bench.check_supply("off", "after a trip")
    bench.load.draw(0)
    bench.orders.bring(ReleaseSpec(24))
    bench.orders.bring(TopUpSpec("trip", 20 * UEUR_PER_EUR, DocumentChannel.MQTT))
    bench.time.let_pass(MINUTE_MS)
    bench.check_supply("off", "after a trip, a release and a payment")
    bench.check("reason", "safety", bench.word("supply", "reason"))
    bench.person.press(ButtonName.BREAKER)
    bench.check_supply("on", "after a trip and the breaker")


_ARMING: Final = MeterWish(_START, load_w=0, energy=Energy.ELECTRICITY, profile="smets2-like")


@story(
    requirements=("I3", "L9", "QA-06"),
    needs=(Console, Load, Orders, Person, SupplySensor),
    tags=("recovery",),
    real_duration="5 h",
    firmware="guarded",
    energy=Energy.ELECTRICITY,
    meter=_ARMING,
)
def where_a_person_must_press_a_release_only_arms(bench: StoryBench) -> None:
    """A contactor that a person must close is armed by a release, and closed by the breaker alone."""
    reach(bench, BenchState.CUT)
    for _ in range(2):
        bench.orders.bring(ReleaseSpec(24))
        bench.time.let_pass(MINUTE_MS)
        bench.check_supply("armed", "after a release")
    bench.person.press(ButtonName.BREAKER)
    bench.check_supply("on", "after the breaker")


def _supplied() -> Iterator[BenchStory]:
    yield _supplied_story("gas", _GAS)
    yield _supplied_story("electricity", _ARMING)


def _supplied_story(name: str, wish: MeterWish) -> BenchStory:
    @story(
        name=f"a-release-takes-no-{name}-from-whoever-has-it",
        title=f"A release or a payment that reaches a household with {name} leaves its supply on",
        requirements=("QA-06", "QA-09"),
        needs=(Console, Load, Orders, SupplySensor),
        tags=("recovery",),
        real_duration="5 min",
        firmware="guarded",
        energy=wish.energy,
        meter=wish,
    )
    def run(bench: StoryBench) -> None:
        bench.check_supply("on", "before a release")
        bench.orders.bring(ReleaseSpec(24))
        bench.time.let_pass(MINUTE_MS)
        bench.check_supply("on", "after a release that nobody needed")
        bench.orders.bring(TopUpSpec("supplied", 20 * UEUR_PER_EUR, DocumentChannel.MQTT))
        bench.time.let_pass(MINUTE_MS)
        bench.check_supply("on", "after a payment")

    return run


SUPPLIED: Final = tuple(_supplied())


def _be_released(bench: StoryBench) -> None:
    """Cut for an empty purse in a window of days, and given back for 24 hours, of which one has passed."""
    _permit_always(bench)
    took_ms = bench.wait_for_supply(is_on=False, within_ms=2 * HOUR_MS, every_ms=MINUTE_MS)
    bench.check("cut with nothing left", expected=True, found=took_ms is not None)
    bench.orders.bring(ReleaseSpec(24))
    bench.check_supply("on", "after a release")
    bench.time.let_pass(HOUR_MS)


@story(
    requirements=("I3", "QA-01", "QA-06"),
    needs=(Authorities, ClockFault, Console, Orders, SupplySensor),
    tags=("recovery", "battery", "edge"),
    real_duration="28 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def lost_ticks_shorten_no_release(bench: StoryBench) -> None:
    """A release of 24 hours holds for all of them, also where the count of time is lost and told anew."""
    _be_released(bench)
    ends_ms = at(bench, 23 * HOUR_MS)
    bench.clock_fault.lose_ticks()
    tell_time(bench)
    bench.wait_until(ends_ms - SECOND_MS)
    bench.check_supply("on", "a second before the release is over")
    took_ms = bench.wait_for_supply(is_on=False, within_ms=2 * HOUR_MS, every_ms=MINUTE_MS)
    bench.check("cut once the release was over", expected=True, found=took_ms is not None)


@story(
    requirements=("QA-01", "QA-06"),
    needs=(Authorities, ClockFault, Console, Orders, Power, SupplySensor),
    tags=("recovery", "battery", "mains", "edge"),
    real_duration="4 d",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def a_release_ends_by_its_date_where_no_ticks_were_counted(bench: StoryBench) -> None:
    """A release whose hours passed while the meter stood still is over once two have told the time."""
    _be_released(bench)
    bench.clock_fault.lose_ticks()
    bench.power.switch(on=False)
    bench.time.let_pass(2 * DAY_MS)
    bench.power.switch(on=True)
    bench.check_supply("on", "without the time")
    tell_time(bench)
    bench.time.let_pass(HOUR_MS - MINUTE_MS)
    bench.check_supply("on", "until the warning was over")
    took_ms = bench.wait_for_supply(is_on=False, within_ms=2 * HOUR_MS, every_ms=MINUTE_MS)
    bench.check("cut two days after a release of one", expected=True, found=took_ms is not None)
