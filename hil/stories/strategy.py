"""Reaches a state of the bench from anywhere, by whatever way it has: a table of steps, tried one by one.

off        the mains are off
fresh      another meter, as it leaves the factory
supplied   mains on, and the household has electricity or gas
cut        cut off by an order, with everything that such an order needs
held       supplied, and a hold forbids every cut for a month
"""

from enum import StrEnum, unique
from typing import Final

from emulator.firmware.events import ButtonName, DocumentChannel
from emulator.scenario.model import HoldSpec, ReleaseSpec, TopUpSpec
from hil.capabilities import BenchError, Orders, Person, Power
from hil.stories.plans import LONG_PLAN_MS, is_legacy, plan_cut
from hil.stories.stage import SUPPLIED, StoryBench
from protocols.instants import DAY_MS, MINUTE_MS
from protocols.reasons import Energy, Supply, SupplyReason
from protocols.units import UEUR_PER_EUR

# From a trip on top of a cut for credit: clear the trip, pay, press, and wait for the leak test.
_STEPS_MAX: Final = 6
_TOP_UP_EUR: Final = 50
_LEAK_TEST_MS: Final = 15 * MINUTE_MS
_HOLD_MS: Final = 30 * DAY_MS


@unique
class BenchState(StrEnum):
    OFF = "off"
    FRESH = "fresh"
    SUPPLIED = "supplied"
    CUT = "cut"
    HELD = "held"


def reach(stage: StoryBench, state: BenchState) -> tuple[str, ...]:
    """Go there, and say by which steps; none: there was nothing to do. Raises BenchError without a way."""
    match state:
        case BenchState.OFF:
            return _off(stage)
        case BenchState.FRESH:
            return _fresh(stage)
        case BenchState.SUPPLIED:
            return _supplied(stage)
        case BenchState.CUT:
            return _cut(stage)
        case BenchState.HELD:
            return _held(stage)


def _off(stage: StoryBench) -> tuple[str, ...]:
    if stage.mains_on is False:
        return ()
    stage.power.switch(on=False)
    return ("mains off",)


def _fresh(stage: StoryBench) -> tuple[str, ...]:
    stage.factory.commission(stage.factory.first)
    return ("another meter",)


def _supplied(stage: StoryBench) -> tuple[str, ...]:
    done: list[str] = []
    # What was switched, not what the meter says: one that is dead without mains says nothing.
    if stage.has(Power) and stage.mains_on is not True:
        stage.power.switch(on=True)
        done.append("mains on")
    while not stage.settles(is_supplied=True):
        if len(done) >= _STEPS_MAX:
            raise BenchError(f"strategy: supply expected after {', '.join(done)}; found: none")
        done.append(_towards_supply(stage))
    return tuple(done)


def _towards_supply(stage: StoryBench) -> str:
    """One step of the way back, as the meter's word says where it stands. Raises BenchError without a way."""
    supply, reason = stage.word("supply", "supply"), stage.word("supply", "reason")
    if supply in SUPPLIED:
        # A sensor that is late or broken: no order would bring back what the meter has never taken away.
        raise BenchError(f"sensor: supply expected, which the meter says is {supply}; found: none")
    standing = supply == Supply.ARMED or reason in (SupplyReason.SAFETY, SupplyReason.LEAK)
    if standing and stage.has(Person):
        gas = stage.word("identity", "energy") == Energy.GAS
        stage.person.press(ButtonName.BLUE if gas else ButtonName.BREAKER)
        if gas:
            stage.time.let_pass(_LEAK_TEST_MS)
        return "pressed"
    if not standing and stage.has(Orders):
        if reason == SupplyReason.CREDIT:
            ueur = _TOP_UP_EUR * UEUR_PER_EUR
            stage.orders.bring(TopUpSpec(f"bench-{stage.now_ms}", ueur, DocumentChannel.MQTT))
            return "paid"
        stage.orders.bring(ReleaseSpec(24))
        return "released"
    raise BenchError(f"strategy: a way back from {supply} ({reason}) expected; found: none on this bench")


def _cut(stage: StoryBench) -> tuple[str, ...]:
    if stage.word("supply", "supply") == Supply.OFF:
        return ()
    done = _supplied(stage)
    # A card meter takes no date that is not ahead.
    at_ms = stage.now_ms + MINUTE_MS if is_legacy(stage) else stage.now_ms
    plan_cut(stage, at_ms, "bench", LONG_PLAN_MS)
    if stage.wait_for_supply(is_on=False, within_ms=LONG_PLAN_MS, every_ms=MINUTE_MS) is None:
        raise BenchError("strategy: a cut expected within four hours of its order; found: supplied")
    return (*done, "cut ordered")


def _held(stage: StoryBench) -> tuple[str, ...]:
    done = _supplied(stage)
    stage.orders.bring(HoldSpec(f"bench-{stage.now_ms}", stage.now_ms, stage.now_ms + _HOLD_MS, 1))
    return (*done, "held")
