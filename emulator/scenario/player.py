r"""Plays a scenario: gives every meter its events and time, and lists what happened (design §9).

A meter knows only its ticks; the player knows true time, and the meter's crystal maps one to the
other. Meters do not affect each other, so each is played from start to end by itself. The items of all
meters are then sorted: by true time, then by the meter's order in the file, then as they happened.

At one instant a household's own load comes first, then the events in the order of the file, then
the expectations. Before an expectation, and at the end, the meter does all that is due up to and
including that instant; before an event only what is due strictly before it (`firmware.meter`).

`decisions_sha256` is the SHA-256, in hex, of the UTF-8 text of all lines

    METER TRUE_S opened REASON\n

sorted as strings, one for each change of supply to `off` that is a cut (`expectation.is_cut`: any
cause but safety), of every meter. TRUE_S is the true instant in whole seconds since 1970, rounded
down. Two runs that make the same cuts in the same seconds have the same digest.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from heapq import merge
from operator import itemgetter

from emulator.firmware.meter import Meter
from emulator.scenario.cards import check_files
from emulator.scenario.delivery import Delivery
from emulator.scenario.keyring import HomeKeys, Keyring
from emulator.scenario.meter_play import Input, MeterOutcome, MeterPlay, RecordSink, loads_of
from emulator.scenario.model import MeterSpec, Scenario
from emulator.scenario.trace import Failure, Item

# Makes one meter as commissioned at the start, with a load (W), and the delivery of events to it.
MeterMaker = Callable[[MeterSpec, Scenario, Keyring, int], tuple[Meter, Delivery]]
# Receives every meter in its state at the end, one after the other.
MeterSink = Callable[[MeterSpec, Meter], None]


@dataclass(frozen=True, slots=True)
class Played:
    """The result of a scenario. `failures` is in the order of `items`, `outcomes` in that of the meters."""

    items: tuple[Item, ...]
    failures: tuple[Failure, ...]
    decisions_sha256: str
    outcomes: tuple[MeterOutcome, ...]


def play(
    scenario: Scenario,
    make_meter: MeterMaker,
    *,
    trace: str | None = None,
    on_record: RecordSink | None = None,
    on_meter_played: MeterSink | None = None,
    home: HomeKeys | None = None,
) -> Played:
    """Play all meters of a scenario. The same scenario always gives the same result.

    With `trace`, `items` has only that meter's, but all of them; failures, decisions and outcomes still cover
    every meter. `home`: the keys of the home that the file names. Raises InputError for an event that no
    document can carry, and for a card that no kiosk serves.
    """
    check_files(scenario)
    keyring = Keyring(scenario.seed, scenario.end_ms, home)
    inputs = inputs_by_meter(scenario)
    ordered: list[tuple[int, int, int, Item]] = []
    failures: list[tuple[int, int, int, Failure]] = []
    decisions: list[str] = []
    outcomes: list[MeterOutcome] = []
    for index, spec in enumerate(scenario.meters):
        load_w, load_changes = loads_of(scenario, spec)
        meter, delivery = make_meter(spec, scenario, keyring, load_w)
        played = MeterPlay(scenario, spec, meter, delivery, is_traced=spec.id == trace, on_record=on_record)
        played.run(merge(load_changes, inputs.get(spec.id, ()), key=itemgetter(0, 1)))
        for number, item in enumerate(played.items):
            if trace in (None, spec.id):
                ordered.append((item.true_ms, index, number, item))
        failures += [(each.item.true_ms, index, n, each) for n, each in enumerate(played.failures)]
        decisions += played.decisions
        outcomes.append(played.outcome())
        if on_meter_played is not None:
            on_meter_played(spec, meter)
    in_order = itemgetter(0, 1, 2)
    return Played(
        tuple(item for *_, item in sorted(ordered, key=in_order)),
        tuple(failure for *_, failure in sorted(failures, key=in_order)),
        digest_of_decisions(decisions),
        tuple(outcomes),
    )


def digest_of_decisions(lines: Iterable[str]) -> str:
    """The digest over the lines of decisions, in any order: see the head of this module."""
    return sha256("".join(sorted(lines)).encode()).hexdigest()


def inputs_by_meter(scenario: Scenario) -> dict[str, list[Input]]:
    """Events and expectations of each meter, in playing order."""
    found: dict[str, list[Input]] = {}
    for event in scenario.events:
        for meter in event.meters:
            found.setdefault(meter, []).append((event.at_ms, 1, event))
    for expect in scenario.expects:
        for meter in expect.meters:
            found.setdefault(meter, []).append((expect.at_ms, 2, expect))
    for inputs in found.values():
        inputs.sort(key=itemgetter(0, 1))  # stable: the order of the file at equal instants
    return found
