"""The scenario files that ship with the emulator, on the bench: the library of design §9.

`scenario/NAME` plays every meter of a file as the file says. `sound/NAME` puts the meter that is tested into
the place of the file's meter without a fault: a card meter of 2020 whose dates are sound behaves as that one.
"""

import tomllib
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Final

from emulator.cli.reading import read_files
from emulator.scenario.model import Scenario
from emulator.scenario.shipped import library
from hil.capabilities import (
    Authorities,
    ClockFault,
    Console,
    Factory,
    JournalReader,
    KioskVisit,
    Load,
    MeterSlot,
    Orders,
    PaymentWays,
    Person,
    Power,
    ShortCircuit,
    SupplySensor,
)
from hil.stories.scenarios import BEFORE_MS, in_place_of, play_meter
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story

_NEEDS: Final = (
    Factory, Console, SupplySensor, JournalReader, Orders, Power, ClockFault, Person, Load, MeterSlot,
    Authorities, PaymentWays, KioskVisit, ShortCircuit,
)  # fmt: skip
_LEGACY: Final = "legacy/"
# From here on people count days.
_HOURS_OF_DAYS: Final = 49
# Which requirement a file is evidence for, by how its name begins.
_REQUIREMENTS: Final = {
    "guarded/autumn": ("L7", "QA-04"),
    "guarded/cancel": ("I2", "QA-09"),
    "guarded/crystal": ("QA-01",),
    "guarded/emergency": ("I3", "L9"),
    "guarded/fault-re": ("QA-03", "QA-09"),
    "guarded/fault": ("I1", "I5", "QA-03"),
    "guarded/flags": ("L9", "QA-06"),
    "guarded/forty": ("QA-01",),
    "guarded/late": ("I4", "L6"),
    "guarded/lease": ("L7",),
    "guarded/lost": ("I1", "QA-01"),
    "guarded/names": ("L6", "QA-09"),
    "guarded/national": ("L7",),
    "guarded/night": ("L6", "L7"),
    "guarded/no-surprise": ("L7",),
    "guarded/release": ("I3",),
    "guarded/resa": ("I7", "L6"),
    "guarded/safety": ("L9",),
    "guarded/spread": ("L7",),
    "guarded/stays": ("I2",),
    "guarded/two-liars": ("I1", "I4"),
    "guarded/two-people": ("L6",),
    "guarded/wide": ("I1",),
    "legacy/fault": ("QA-03",),
    "legacy/night": ("QA-03",),
    "legacy/resa": ("I7", "QA-03"),
}


# A token's identifier counts whole minutes: these files pay in the first second of one.
_AT_THE_INSTANT: Final = ("guarded/fault-tid_rollover", "legacy/fault-tid_rollover")


def _before_ms(name: str) -> int:
    return 0 if name in _AT_THE_INSTANT else BEFORE_MS


@cache
def _scenario(name: str) -> Scenario:
    return read_files([name])[0]


def _requirements_of(name: str) -> tuple[str, ...]:
    return next(found for begins, found in _REQUIREMENTS.items() if name.startswith(begins))


def _duration_of(name: str) -> str:
    """How long each meter of the file takes where time cannot be stepped. Only its head is read."""
    head = tomllib.loads(library()[name].partition("\n[[")[0])["scenario"]
    hours = -(-(head["end"] - head["start"]) // timedelta(hours=1))
    return f"{hours} h" if hours < _HOURS_OF_DAYS else f"{-(-hours // 24)} d"


def _as_written() -> Iterator[BenchStory]:
    for name in library():
        yield _file_story(name)


def _file_story(name: str) -> BenchStory:
    @story(
        name=f"scenario/{name}",
        title=f"Every meter of {name} does what the scenario file expects",
        requirements=_requirements_of(name),
        needs=_NEEDS,
        tags=("scenario",),
        real_duration=_duration_of(name),
    )
    def run(bench: StoryBench) -> None:
        scenario = _scenario(name)
        for spec in scenario.meters:
            play_meter(bench, scenario, spec, _before_ms(name))

    return run


def _sound_ones() -> Iterator[BenchStory]:
    for name in library():
        if name.startswith(_LEGACY):
            yield _sound_story(name)


def _sound_story(name: str) -> BenchStory:
    file = name.removeprefix(_LEGACY)

    @story(
        name=f"sound/{file}",
        title=f"The meter does what {name} expects of one without a fault",
        requirements=_requirements_of(name),
        needs=_NEEDS,
        tags=("scenario", "sound"),
        real_duration=_duration_of(name),
        firmware="legacy-2020",
    )
    def run(bench: StoryBench) -> None:
        scenario = _scenario(name)
        for spec in scenario.meters:
            if not spec.faults:
                tested = in_place_of(spec, bench.factory.first.spec)
                play_meter(bench, scenario, tested, _before_ms(name))

    return run


AS_WRITTEN: Final = tuple(_as_written())
SOUND: Final = tuple(_sound_ones())
