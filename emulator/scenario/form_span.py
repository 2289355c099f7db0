"""The span of a scenario, and the instants inside it."""

from dataclasses import dataclass

from emulator.forms.fields import Fields
from protocols.instants import DAY_MS, iso_from_ms
from protocols.limits import INSTANT_MS_MAX, INSTANT_MS_MIN, SCENARIO_DAYS_MAX


@dataclass(frozen=True, slots=True)
class ScenarioSpan:
    """From `start_ms` to `end_ms`, both included. If those of a file are wrong, every instant is inside."""

    start_ms: int
    end_ms: int

    def read_at(self, given: Fields) -> int | None:
        """The `at` of an event or expectation; None if it is wrong."""
        at_ms = given.instant_ms("at")
        if not given.right("at"):
            return None
        if self.start_ms <= at_ms <= self.end_ms:
            return at_ms
        allowed = (
            f"from scenario.start to scenario.end, {iso_from_ms(self.start_ms)} to {iso_from_ms(self.end_ms)}"
        )
        given.refuse("at", iso_from_ms(at_ms), allowed)
        return None


def read_span(scenario: Fields) -> ScenarioSpan:
    """`start` and `end` of `[scenario]`."""
    span = ScenarioSpan(scenario.instant_ms("start"), scenario.instant_ms("end"))
    if scenario.right("start", "end"):
        length_ms = span.end_ms - span.start_ms
        if length_ms <= 0:
            scenario.refuse("end", iso_from_ms(span.end_ms), f"after start, {iso_from_ms(span.start_ms)}")
        elif length_ms > SCENARIO_DAYS_MAX * DAY_MS:
            allowed = f"at most {SCENARIO_DAYS_MAX} days after start"
            scenario.refuse("end", iso_from_ms(span.end_ms), allowed)
    return span if scenario.right("start", "end") else ScenarioSpan(INSTANT_MS_MIN, INSTANT_MS_MAX)
