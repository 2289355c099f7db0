"""When each meter of a link asks which authority for the time: in rounds, and again where none answers. Pure.

Every meter asks all authorities in a round, at a phase of its own. An authority that does not answer is
asked again after 1, 2, 4 … minutes, at last every hour, each time later by a part of a quarter of that wait
that follows from the meter's id: a timeserver that starts after its fleet must not wait for the next round,
and must not be asked by all at one instant (design §4.1: the width stays bounded by two sources that answer).
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from emulator.firmware.ticks import Tick
from emulator.links.agenda import Agenda
from protocols.instants import HOUR_MS, MINUTE_MS, UtcMs
from protocols.reasons import Source

# Who is asked, in this order.
ASKED: Final = (Source.HEADEND, Source.TIMESERVER)
_FIRST_WAIT_MS: Final = MINUTE_MS
_LONGEST_WAIT_MS: Final = HOUR_MS
_JITTER_SHARE: Final = 4

# Whether a meter has heard a fresh answer of an authority since a tick.
HasHeard = Callable[[Source, Tick], bool]


@dataclass(slots=True)
class _Wait:
    """One authority has not answered since `since_tick`; `due_ms`: when it is asked again."""

    since_tick: Tick
    retries: int
    due_ms: UtcMs


@dataclass(slots=True)
class _Plan:
    round_due_ms: UtcMs
    waits: dict[Source, _Wait]

    def due_ms(self) -> UtcMs:
        return min([self.round_due_ms, *(wait.due_ms for wait in self.waits.values())])


class Asking:
    """The asks of one connection's meters. `every_ms`: the rhythm of the rounds; `turn_ms`: of its phases."""

    __slots__ = ("_agenda", "_every_ms", "_plans", "_turn_ms")

    def __init__(self, every_ms: int, turn_ms: int) -> None:
        self._every_ms = every_ms
        self._turn_ms = turn_ms
        self._agenda: Agenda[str] = Agenda()
        self._plans: dict[str, _Plan] = {}

    def begin(self, meter: str, true_ms: UtcMs, at_tick: Tick) -> tuple[Source, ...]:
        """A round begins for this meter now, whatever it waited for. Returns whom it asks."""
        waits = {source: _Wait(at_tick, 0, _retry_ms(meter, 0, true_ms)) for source in ASKED}
        plan = self._plans[meter] = _Plan(self._next_round_ms(meter, true_ms), waits)
        self._agenda.put(meter, plan.due_ms())
        return ASKED

    def end(self) -> None:
        """The connection is gone: nobody asks until the next one."""
        self._agenda = Agenda()
        self._plans.clear()

    def hear(self, meter: str, has_heard: HasHeard) -> None:
        """Wait no more for the authorities that have answered."""
        plan = self._plans.get(meter)
        if plan is None or not plan.waits:
            return
        answered = [source for source, wait in plan.waits.items() if has_heard(source, wait.since_tick)]
        for source in answered:
            del plan.waits[source]
        if answered:
            self._agenda.put(meter, plan.due_ms())

    def next_due_ms(self) -> UtcMs | None:
        """When somebody asks next; None for nobody."""
        return self._agenda.next_due_ms()

    def pop_due(self, until_ms: UtcMs) -> str | None:
        """A meter that must ask up to and including `until_ms`: `ask_again` says whom."""
        due = self._agenda.pop_due(until_ms)
        return None if due is None else due[1]

    def ask_again(self, meter: str, true_ms: UtcMs, at_tick: Tick) -> tuple[Source, ...]:
        """Whom this meter asks now: all of them in its round, else those whose wait is over."""
        plan = self._plans[meter]
        is_round = plan.round_due_ms <= true_ms
        if is_round:
            plan.round_due_ms = self._next_round_ms(meter, true_ms)
        asked = []
        for source in ASKED:
            wait = plan.waits.get(source)
            if wait is None and is_round:
                plan.waits[source] = _Wait(at_tick, 0, _retry_ms(meter, 0, true_ms))
            elif wait is not None and (is_round or wait.due_ms <= true_ms):
                wait.retries += 1
                wait.due_ms = _retry_ms(meter, wait.retries, true_ms)
            else:
                continue
            asked.append(source)
        self._agenda.put(meter, plan.due_ms())
        return tuple(asked)

    def _next_round_ms(self, meter: str, true_ms: UtcMs) -> UtcMs:
        phase_ms = phase_of(meter, self._every_ms) // self._turn_ms * self._turn_ms
        return next_of_rhythm(true_ms, self._every_ms, phase_ms)


def phase_of(name: str, every_ms: int) -> int:
    """The phase of a name in a rhythm, in ms, so that not all act at once."""
    return int.from_bytes(sha256(b"phase/" + name.encode()).digest()[:8], "big") % every_ms


def next_of_rhythm(true_ms: UtcMs, every_ms: int, phase_ms: int) -> UtcMs:
    """The next instant of a rhythm, after `true_ms`."""
    return UtcMs((true_ms - phase_ms) // every_ms * every_ms + phase_ms + every_ms)


def _retry_ms(meter: str, retries: int, true_ms: UtcMs) -> UtcMs:
    """When an ask of now is repeated, after so many repetitions."""
    # No wait is longer than the longest one, which six doublings exceed: a shift without end would cost.
    wait_ms = min(_FIRST_WAIT_MS << min(retries, 6), _LONGEST_WAIT_MS)
    return UtcMs(true_ms + wait_ms + phase_of(meter, wait_ms // _JITTER_SHARE))
