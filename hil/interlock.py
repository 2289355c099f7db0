"""The safety interlock: what must be so before a story, and is so again after it, however it ended.

A bench that cannot be made safe runs no story more. Whoever may be near it is asked before current flows.
"""

from collections.abc import Callable

from hil.binding import BoundBench
from hil.capabilities import BenchError, Factory, Load, MeterSlot, Power, SupplySensor
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory
from protocols.reasons import Energy


class Interlock:
    """The interlock of one run. `locked`: why no story may be run any more; empty while they may."""

    def __init__(self, bench: BoundBench) -> None:
        self.locked = ""
        self._bench = bench

    def why_not(self, story: BenchStory) -> str:
        """Why a story may not be run now; empty: it may. Asks the operator, where one is needed."""
        if self.locked:
            return f"the bench is not safe: {self.locked}"
        if story.draws_current and self._bench.ask is not None:
            question = (
                f"{story.name}: current will flow through the contactor. Is nobody at the installation?"
            )
            if not self._bench.ask(question):
                return "the operator has not released the current"
        return ""

    def make_ready(self, stage: StoryBench) -> None:
        """Before a story: card out, mains as they are when safe, and a sensor that is not stuck.

        Raises BenchError where the household has electricity although the mains are off.
        """
        for step in self._steps(stage):
            step()

    def make_safe(self, stage: StoryBench) -> str:
        """After a story: what is wrong now, or nothing. Every step is tried; a second Ctrl-C skips none."""
        troubles, interrupted = [], False
        for step in self._steps(stage):
            for _ in range(2):
                try:
                    step()
                except BenchError as error:
                    troubles.append(str(error))
                except KeyboardInterrupt:
                    interrupted = True
                    continue
                break
        if troubles:
            self.locked = "; ".join(troubles)
        if interrupted:
            raise KeyboardInterrupt
        return f"Not safe: {self.locked}" if troubles else ""

    def _steps(self, stage: StoryBench) -> list[Callable[[], None]]:
        steps: list[Callable[[], None]] = []
        if stage.has(MeterSlot):
            steps.append(stage.slot.take_out)
        if stage.has(Load):
            steps.append(lambda: stage.load.draw(0))
        if stage.has(Power):
            steps.append(lambda: stage.power.switch(on=self._bench.mains_when_safe))
            if stage.has(SupplySensor):
                steps.append(lambda: self._check_sensor(stage))
        return steps

    def _check_sensor(self, stage: StoryBench) -> None:
        has_factory = stage.has(Factory)
        energy = stage.factory.present.spec.profile.energy if has_factory else self._bench.dut.energy
        # A gas valve stays open without mains.
        is_dark = not self._bench.mains_when_safe and energy != Energy.GAS
        if is_dark and stage.sensor.is_supplied():
            raise BenchError("sensor: no supply expected while the mains are off; found: supplied")
