"""What is told to the world stands in the memory first (design §3): a power cut takes nothing back.

The power goes after any call. What the meter's memory holds then is the last image that a call handed out.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.effects import Ask, Effect, Persist, SetSupply, Show
from emulator.firmware.events import Event
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.ticks import Tick
from protocols.instants import HOUR_MS, SECOND_MS
from protocols.reasons import Source
from tests.emulator.firmware.guarded.programs import Step, balances_q, live, programs
from tests.emulator.firmware.guarded.workbench import Workbench

PROMISES = (SetSupply, Ask, Show)


class WatchedMeter(GuardedMeter):
    """Looks at the effects of each of its calls before anybody performs them."""

    __slots__ = ()
    calls: ClassVar[list[tuple[bool, tuple[Effect, ...], bytes]]] = []

    def handle(self, event: Event, at: int) -> tuple[Effect, ...]:
        return self._watched(self.journal.head.number, super().handle(event, Tick(at)))

    def advance(self, until: int) -> tuple[Effect, ...]:
        return self._watched(self.journal.head.number, super().advance(Tick(until)))

    def _watched(self, before: int, effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
        self.calls.append((self.journal.head.number > before, effects, self.image()))
        return effects


@given(balance_q=balances_q, program=programs)
def test_each_call_persists_all_that_it_knows_before_it_promises_anything(
    balance_q: int, program: list[Step]
) -> None:
    WatchedMeter.calls.clear()
    live(Workbench(balance_q=balance_q, meter_class=WatchedMeter), program)
    for has_written, effects, image in WatchedMeter.calls:
        if has_written or any(isinstance(each, PROMISES) for each in effects):
            assert isinstance(effects[0], Persist)
            assert effects[0].image == image


@dataclass
class Cell:
    """A meter whose power goes: all it has then is what it was told to persist."""

    bench: Workbench = field(default_factory=Workbench)
    asked: list[str] = field(default_factory=list)
    first: bytes = b""

    def __post_init__(self) -> None:
        self.first = self.bench.meter.image()

    def ask(self, source: Source) -> None:
        self.asked.append(self.bench.ask(source))

    def lose_power(self) -> None:
        old = self.bench.meter
        kept = [self.first, *(each.image for each in self.bench.effects if isinstance(each, Persist))]
        self.bench.meter = GuardedMeter.restore(
            old.identity,
            old.profile,
            old.root,
            kept[-1],
            load_w=old.point.load_w,
            head=old.journal.head,
        )


@given(
    st.lists(st.sampled_from([Source.HEADEND, Source.TIMESERVER, None]), min_size=2, max_size=12),
    st.sampled_from([0, 1, SECOND_MS, HOUR_MS]),
)
def test_no_nonce_is_used_twice_whenever_the_power_goes(acts: list[Source | None], wait_ms: int) -> None:
    """An old answer to a nonce that is used again would put an upper bound where it does not belong."""
    cell = Cell()
    for source in acts:
        cell.bench.wait(wait_ms)
        if source is None:
            cell.lose_power()
        else:
            cell.ask(source)
    assert len(set(cell.asked)) == len(cell.asked)


@given(
    balance_q=balances_q,
    program=programs,
    before=st.integers(0, 14),
    wait_ms=st.sampled_from([0, 1, 999, SECOND_MS, HOUR_MS]),
)
def test_a_meter_never_acts_in_the_past_that_it_was_restored_from(
    balance_q: int, program: list[Step], before: int, wait_ms: int
) -> None:
    cell = Cell(Workbench(balance_q=balance_q))
    for pause_ms, _, act in program[:before]:
        cell.bench.wait(pause_ms)
        act(cell.bench)
    cell.lose_power()
    remembered = cell.bench.meter.memory.tick
    cell.bench.effects.clear()
    cell.bench.wait(wait_ms)
    assert cell.bench.meter.memory.tick == cell.bench.tick
    assert all(each.at_tick >= remembered for each in cell.bench.effects)
