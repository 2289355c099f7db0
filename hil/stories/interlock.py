"""The safety interlock: what must be so before a story, and is so again after it, however it ended.

The mains go first: whatever else fails, no current flows. A bench that cannot be made safe runs no story
more. Whoever may be near it is asked once, before current flows for the first time.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from hil.binding import BoundBench
from hil.capabilities import BenchError, Factory, Load, MeterSlot, Power, SupplySensor
from hil.stories.stage import StoryBench
from protocols.errors import RelanceError
from protocols.reasons import Energy

# An interruption skips no step of the bench's own, also where nothing holds signals back.
_TRIES: Final = 3


class MadeSafe(NamedTuple):
    """How a bench was left. `trouble`: what is not safe. `is_interrupted`: somebody broke a step off."""

    trouble: str
    is_interrupted: bool


class SafetyStep(NamedTuple):
    """One thing that makes a bench safer. `tries`: how often it is taken where somebody interrupts it."""

    name: str
    take: Callable[[], None]
    tries: int = _TRIES


class Interlock:
    """The interlock of one run. `locked`: why no story may be run any more; empty while they may."""

    def __init__(self, bench: BoundBench) -> None:
        self.locked = ""
        self._bench = bench

    def why_not(self) -> str:
        """Why no story may be run now; empty: one may. Asks the operator, where one is needed."""
        if self.locked:
            return f"the bench is not safe: {self.locked}"
        lets_flow = Power in self._bench.drivers or Load in self._bench.drivers
        if lets_flow and self._bench.is_released is not None and not self._bench.is_released():
            return "the operator has not released the current"
        return ""

    def make_ready(self, stage: StoryBench) -> None:
        """Before a story: mains off, no load, a sensor that is not stuck, and the card out.

        Raises BenchError where the household has electricity although the mains are off.
        """
        for step in self._steps(stage):
            step.take()

    def make_safe(self, stage: StoryBench) -> MadeSafe:
        """After a story. Every step is tried, whatever another raised: what was raised locks the bench.

        Signals are held back meanwhile (`hil.interrupts`); an operator may break off a prompt.
        """
        troubles, is_interrupted = [], False
        for step in self._steps(stage):
            trouble, broken_off = _taken(step)
            troubles += [trouble] if trouble else []
            is_interrupted |= broken_off
        if troubles:
            self.locked = "; ".join(troubles)
        return MadeSafe(f"Not safe: {self.locked}" if troubles else "", is_interrupted)

    def _steps(self, stage: StoryBench) -> list[SafetyStep]:
        steps: list[SafetyStep] = []
        if stage.has(Power):
            steps.append(SafetyStep("mains off", lambda: stage.power.switch(on=False)))
        if stage.has(Load):
            steps.append(SafetyStep("load", lambda: stage.load.draw(0)))
        if stage.has(Power) and stage.has(SupplySensor):
            steps.append(SafetyStep("sensor", lambda: self._check_sensor(stage)))
        # Last: a person may be asked, and thinks about it while no current flows. Who breaks it off means it.
        if stage.has(MeterSlot):
            steps.append(SafetyStep("card out", stage.slot.take_out, tries=1))
        return steps

    def _check_sensor(self, stage: StoryBench) -> None:
        has_factory = stage.has(Factory)
        energy = stage.factory.present.spec.profile.energy if has_factory else self._bench.dut.energy
        # A gas valve stays open without mains.
        if energy != Energy.GAS and not stage.settles(is_supplied=False):
            raise BenchError("sensor: no supply expected while the mains are off; found: supplied")


def _taken(step: SafetyStep) -> tuple[str, bool]:
    """What went wrong with a step, and whether somebody broke it off."""
    for tries_before in range(step.tries):
        try:
            step.take()
        except RelanceError as error:
            return str(error), False
        except Exception as error:  # noqa: BLE001 # whatever a driver raises, the next step is taken
            return f"{step.name}: {type(error).__name__}: {error}", False
        except KeyboardInterrupt:
            continue
        return "", tries_before > 0
    return f"{step.name}: done expected; found: broken off", True
