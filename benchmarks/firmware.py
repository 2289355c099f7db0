"""The guarded firmware: what the jump saves, decisions per second of a core, memory per meter."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from gc import get_referents
from statistics import median
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple, replace

from benchmarks import datetime_loop
from benchmarks.figures import Figure, Goal, Progress, alternate, figure_of, ratios, seconds
from benchmarks.full_meter import DAYS_LIVED, bring_money_orders
from benchmarks.households import DAYS, START_MS, Life, QuarterMeter, commission, jump, keyring, lives, tick
from emulator.firmware.effects import Ask
from emulator.firmware.events import AskTime, Document
from emulator.firmware.guarded.gate import judge
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.ticks import Tick
from protocols.documents.orders import TimeAnswer
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.link.question import Evidence, Flags, Interval, Question
from protocols.reasons import ClockStatus, Source, SupplyReason

# Load changes per day, what they stand for, and whether the goals of the issue are held against them.
RHYTHMS: Final = (
    (0, "load changes once in 4 days", True),
    (1, "load changes once a day", False),
    (12, "load changes every 2 hours", False),
    (96, "load changes every quarter of an hour", False),
)


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a run: the full one, and a tiny one for the tests."""

    meters: int = 60
    repetitions: int = 7
    judgements: int = 20_000
    rhythms: tuple[tuple[int, str, bool], ...] = RHYTHMS


_TICK_GOAL: Final = Goal("at least", 25)
_DATETIME_GOAL: Final = Goal("at least", 100)
# Room for a dozen more tables that are empty at most meters: each takes one reference.
_STATE_GOAL: Final = Goal("at most", 2_000)
# With tariff registers, a deferral, debt, a refund, parameters and payments all in use.
_MONEY_GOAL: Final = Goal("at most", 2_999)


def measure_jump(size: Size, progress: Progress) -> list[Figure]:
    """The jump against a quarter-hour tick of the same firmware, and against a naive datetime loop."""
    figures: list[Figure] = []
    for loads_per_day, words, judged in size.rhythms:
        taken = alternate(_variants(lives(size.meters, loads_per_day)), size.repetitions, progress)
        meter_days = size.meters * DAYS
        over_tick, over_datetime = (ratios(taken[name], taken["jump"]) for name in ("tick", "datetime"))
        figures += [
            figure_of("jump / tick", over_tick, "×", goal=_TICK_GOAL if judged else None, note=words),
            figure_of(
                "jump / datetime loop",
                over_datetime,
                "×",
                goal=_DATETIME_GOAL if judged else None,
                note=words,
            ),
            *(
                figure_of(f"meter-days, {name}", [meter_days / s for s in taken[name]], "1/s", note=words)
                for name in taken
            ),
        ]
    return figures


def _variants(lived: list[Life]) -> dict[str, Callable[[], Callable[[], object]]]:
    def make_jump() -> Callable[[], object]:
        meters = [commission(life) for life in lived]
        return lambda: jump(meters, lived)

    def make_tick() -> Callable[[], object]:
        meters = [commission(life, QuarterMeter) for life in lived]
        return lambda: tick(meters, lived)

    def make_datetime() -> Callable[[], object]:
        households = [(datetime_loop.datetime_meter(life), life) for life in lived]
        return lambda: datetime_loop.live_all(households)

    return {"jump": make_jump, "tick": make_tick, "datetime": make_datetime}


def measure_gate(size: Size, progress: Progress) -> list[Figure]:
    """Judgements of the gate on one core, over questions as a meter with a season's calendar asks them."""
    questions = _questions(commission(lives(1, 0)[0]), size.judgements)

    def make() -> Callable[[], object]:
        return lambda: [judge(question) for question in questions]

    taken = alternate({"gate": make}, size.repetitions, progress)["gate"]
    opened = sum(judge(question).open for question in questions)
    note = f"{len(questions)} questions over {DAYS} days, {opened} answered yes"
    return [figure_of("judgements of the gate", [len(questions) / s for s in taken], "1/s", note=note)]


def _questions(meter: GuardedMeter, number: int) -> list[Question]:
    every_ms = DAYS * DAY_MS // number
    asked = Question(
        SupplyReason.CREDIT,
        Interval(ClockStatus.TRUSTED, START_MS, START_MS),
        meter.known.permission,
        meter.known.holds,
        Evidence(nothing_left=True),
        Flags(),
    )
    return [
        replace(
            asked,
            interval=Interval(ClockStatus.TRUSTED, low_ms := START_MS + place * every_ms, low_ms + 2_000),
        )
        for place in range(number)
    ]


# -- memory -----------------------------------------------------------------------------------------


def measure_memory(size: Size, progress: Progress) -> list[Figure]:
    """The bytes of each further emulated meter: the objects reachable from it and from no other meter."""
    one, two = (commission(life) for life in lives(2, 0))
    fresh = own_bytes(one, two)
    for meter in (one, two):
        _hear_the_time(meter)
    lived, entries = own_bytes(one, two), one.journal.entries
    rich = _with_all_money()
    progress("memory")
    counted = "with 2 witnesses; without black box, and what a fleet shares: profile, root, its documents"
    return [
        Figure("state of a meter", lived.state, "B", goal=_STATE_GOAL, note=counted),
        Figure("state of a meter before its first witnesses", fresh.state, "B"),
        Figure("state of a meter with all that is ordered about money", rich.state, "B", goal=_MONEY_GOAL),
        Figure("its image as written to memory", len(one.image()), "B", note="a season's calendar inside"),
        Figure(
            "an entry of the black box",
            lived.black_box / len(entries),
            "B",
            note=f"mean of {len(entries)}; a ring holds 512",
        ),
        Figure(
            "commissioning with all documents",
            median(
                seconds(lambda: commission(lives(1, 0)[0])) * 1e6 for _ in range(max(size.repetitions, 3))
            ),
            "µs",
            note="signatures remembered",
        ),
    ]


@dataclass(frozen=True, slots=True)
class Held:
    """The bytes of one meter, with its black box's entries counted apart."""

    state: int
    black_box: int


def own_bytes(meter: GuardedMeter, other: GuardedMeter) -> Held:
    """The size of the objects reachable from `meter` and not from `other`, by sys.getsizeof."""
    shared = _reachable([other])
    box = _reachable([meter.journal.entries])
    own = {key: thing for key, thing in _reachable([meter]).items() if key not in shared}
    sizes = {key: sys.getsizeof(thing) for key, thing in own.items()}
    in_box = sum(size for key, size in sizes.items() if key in box)
    return Held(sum(sizes.values()) - in_box, in_box)


def _reachable(roots: Iterable[object]) -> dict[int, object]:
    found: dict[int, object] = {}
    ahead = list(roots)
    while ahead:
        thing = ahead.pop()
        if id(thing) not in found and not isinstance(thing, _PROGRAM):
            found[id(thing)] = thing
            ahead += _referents(thing)
    return found


def _referents(thing: object) -> Iterable[object]:
    """The objects that an object refers to. The garbage collector does not track structs with `gc=False`."""
    return astuple(thing) if isinstance(thing, Struct) else get_referents(thing)


# What a program has once: the members of enums too, whichever of them a meter is at.
_PROGRAM: Final = (type, ModuleType, FunctionType, BuiltinFunctionType, Enum)


def _with_all_money() -> Held:
    one, two = meters = [commission(life) for life in lives(2, 0)]
    for number, meter in enumerate(meters):
        bring_money_orders(meter, number)
        _hear_the_time(meter, DAYS_LIVED * DAY_MS + HOUR_MS + number * MINUTE_MS)
    return own_bytes(one, two)


def _hear_the_time(meter: GuardedMeter, at: int = HOUR_MS) -> None:
    for source in (Source.HEADEND, Source.TIMESERVER):
        asks = [effect for effect in meter.handle(AskTime(source), Tick(at)) if isinstance(effect, Ask)]
        answer = TimeAnswer(
            meter=meter.identity.id, nonce=asks[0].nonce, time_ms=START_MS + at, spread_ms=1_000
        )
        meter.handle(Document(keyring().seal_time(source, answer)), Tick(at))
    meter.advance(Tick(at + MINUTE_MS))
