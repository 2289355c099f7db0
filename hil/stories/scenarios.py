"""Plays a meter of a scenario file (design §9) on a bench: its events are brought, its expectations judged.

Each event goes through the capability that brings such a thing. Supply is judged by the sensor and by the
meter's word, cuts by the black box, everything else by the console. An event is brought a millisecond before
its instant, since no bench can act between an instant and what the meter does at it.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import Final

from emulator.firmware.events import ButtonName
from emulator.scenario.expectation import is_cut
from emulator.scenario.model import (
    CardInSpec,
    CardOutSpec,
    Do,
    EventSpec,
    ExpectKey,
    ExpectSpec,
    KioskSpec,
    MeterSpec,
    OvercurrentSpec,
    PressSpec,
    RtcLostSpec,
    Scenario,
    SetClockSpec,
    SetLoadSpec,
    SetMainsSpec,
    TopUpSpec,
    WitnessSpec,
)
from hil.capabilities import BenchError, NewMeter
from hil.stories.stage import StoryBench
from protocols.instants import UtcMs, iso_from_ms
from protocols.link.records import SupplyChanged
from protocols.reasons import Energy

_NONE: Final = "none"
BEFORE_MS: Final = 1
# A black box that holds so many may have lost the first.
_RECORDS_MAX: Final = 1_000


def play_meter(bench: StoryBench, scenario: Scenario, spec: MeterSpec, before_ms: int = BEFORE_MS) -> None:
    """Put this meter onto the bench, and play what the file says, each event so long before its instant."""
    bench.factory.commission(
        NewMeter(
            spec, UtcMs(scenario.start_ms), UtcMs(scenario.end_ms), scenario.seed, has_customer_port=False
        )
    )
    events = ((each.at_ms, 0, each) for each in scenario.events if spec.id in each.meters)
    expects = ((each.at_ms, 1, each) for each in scenario.expects if spec.id in each.meters)
    has_mains = True
    for at_ms, _, step in merge(events, expects, key=itemgetter(0, 1)):
        match step:
            case EventSpec():
                _wait(bench, at_ms - before_ms)
                bring(bench, step.do)
                if isinstance(step.do, SetMainsSpec):
                    has_mains = step.do.on or spec.profile.energy is Energy.GAS
            case ExpectSpec():
                _wait(bench, at_ms)
                _judge(bench, step, has_mains=has_mains)


def bring(bench: StoryBench, do: Do) -> None:
    """A verb of a file, by the capability that brings such a thing."""
    match do:
        case SetMainsSpec():
            bench.power.switch(on=do.on)
        case RtcLostSpec():
            bench.clock_fault.lose_ticks()
        case SetClockSpec():
            offset_ms = do.offset_ms or 0
            bench.clock_fault.set_date(UtcMs(bench.now_ms + offset_ms if do.time_ms is None else do.time_ms))
        case PressSpec():
            bench.person.press(ButtonName(do.name))
        case SetLoadSpec():
            bench.load.draw(do.load_w)
        case CardInSpec():
            bench.slot.put_in(Path(do.card) if do.card else None, do.pull_after_ms)
        case CardOutSpec():
            bench.slot.take_out()
        case WitnessSpec():
            bench.authorities.tell(do)
        case TopUpSpec():
            bench.payment_ways.pay(do)
        case KioskSpec():
            bench.kiosk.act(do)
        case OvercurrentSpec():
            bench.short_circuit.make()
        case _:
            bench.orders.bring(do)


def _wait(bench: StoryBench, until_ms: int) -> None:
    if until_ms > bench.now_ms:
        bench.wait_until(until_ms)


def _judge(bench: StoryBench, expect: ExpectSpec, *, has_mains: bool) -> None:
    when = iso_from_ms(bench.now_ms)
    for key, expected in expect.wanted:
        if key == "supply":
            bench.check_supply(str(expected), when, has_mains=has_mains)
        elif key == "balance_eur":
            found = Decimal(bench.word("balance", "balance_eur"))
            # As the file has it: -0.00 is 0.00.
            bench.check(f"{when}: balance, EUR", Decimal(str(expected)), found)
        else:
            bench.check(f"{when}: {key}", expected, _FOUND[key](bench))


def _code(bench: StoryBench) -> str:
    found = bench.word("supply", "code")
    return "" if found == _NONE else found


def _cuts(bench: StoryBench) -> int:
    records = bench.journal.records()
    if len(records) >= _RECORDS_MAX:
        raise BenchError(f"journal: all records since the start expected; found: the last {len(records)}")
    return sum(
        isinstance(record, SupplyChanged) and is_cut(record.after, record.reason) for _, record in records
    )


_FOUND: Final[dict[ExpectKey, Callable[[StoryBench], object]]] = {
    "clock": lambda bench: bench.word("clock", "status"),
    "code": _code,
    "cuts": _cuts,
    "reason": lambda bench: bench.word("supply", "reason"),
}


def in_place_of(spec: MeterSpec, tested: MeterSpec) -> MeterSpec:
    """The meter of a file, with the firmware and the faults of the one that is tested."""
    return replace(spec, firmware=tested.firmware, faults=tested.faults)
