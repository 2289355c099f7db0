"""The faces of a meter: telegrams of its customer port per second of one core; the stories of the bench."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.figures import Figure, Goal, Progress, alternate, figure_of, ratios
from emulator.faces.p1.crc import crc16
from emulator.faces.p1.telegram import telegram_of
from emulator.onsite.building import lone_scenario
from emulator.onsite.installed import InstalledMeter
from emulator.population.shipped import profile_named
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryRecord
from hil.stories.collecting import all_stories
from hil.stories.interlock import Interlock
from hil.stories.playing import play_story
from hil.stories.story import BenchStory
from protocols.instants import SECOND_MS, UtcMs, ms_from_iso
from protocols.reasons import Energy
from protocols.units import quanta_from_eur

_SUITE_GOAL: Final = Goal("at most", 300)
_START_MS: Final = ms_from_iso("2020-07-02T12:00:00+02:00")


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a run: the full one, and a tiny one for the tests."""

    telegrams: int = 1_000
    repetitions: int = 7


@dataclass(frozen=True, slots=True)
class SuiteSize:
    """As `Size`; `stories` None: all of them."""

    stories: int | None = None
    repetitions: int = 3


def measure_faces(size: Size, progress: Progress) -> list[Figure]:
    """Telegrams of a meter that lives on a second before each, and the checksum alone."""
    telegram = telegram_of(lone_meter().view())

    def whole() -> Callable[[], object]:
        meter = lone_meter()

        def run() -> None:
            for number in range(1, size.telegrams + 1):
                meter.advance(UtcMs(_START_MS + number * SECOND_MS))
                telegram_of(meter.view())

        return run

    def checksums() -> Callable[[], object]:
        return lambda: [crc16(telegram) for _ in range(size.telegrams)]

    taken = alternate({"whole": whole, "crc": checksums}, size.repetitions, progress)
    per_second = [size.telegrams / s for s in taken["whole"]]
    note = f"{len(telegram)} bytes; the meter lives on a second before each"
    return [
        figure_of("P1 telegrams per core", per_second, "1/s", note=note),
        figure_of(
            "whole / checksum", ratios(taken["whole"], taken["crc"]), "×", note="in Python, a table of 256"
        ),
    ]


def measure_suite(size: SuiteSize, progress: Progress) -> list[Figure]:
    """Every story that a guarded meter can be asked, on the virtual bench in one process."""
    stories = [each for each in all_stories() if each.firmware in (None, "guarded")][: size.stories]

    def whole() -> Callable[[], object]:
        return lambda: [_told(each) for each in stories]

    taken = alternate({"suite": whole}, size.repetitions, progress)
    note = f"{len(stories)} stories, a new bench for each; goal: five minutes"
    return [figure_of("full virtual suite", taken["suite"], "s", goal=_SUITE_GOAL, note=note)]


def _told(story: BenchStory) -> StoryRecord:
    bench = virtual_bench(VirtualDut())
    return play_story(story, bench, Interlock(bench))


def lone_meter() -> InstalledMeter:
    """A household's meter that has just begun."""
    scenario = lone_scenario(
        "m1",
        "guarded",
        profile_named("wallonia-smart", Energy.ELECTRICITY),
        _START_MS,
        balance_q=quanta_from_eur("20.00"),
        load_w=None,
        seed=1,
    )
    return InstalledMeter(scenario, scenario.meters[0])
