"""The faces of a meter: telegrams of its customer port per second of one core."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.figures import Figure, Progress, alternate, figure_of, ratios
from emulator.faces.p1.crc import crc16
from emulator.faces.p1.telegram import telegram_of
from emulator.onsite.building import lone_scenario
from emulator.onsite.installed import InstalledMeter
from emulator.population.shipped import profile_named
from protocols.instants import SECOND_MS, UtcMs, ms_from_iso
from protocols.reasons import Energy
from protocols.units import quanta_from_eur

_START_MS: Final = ms_from_iso("2020-07-02T12:00:00+02:00")


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a run: the full one, and a tiny one for the tests."""

    telegrams: int = 1_000
    repetitions: int = 7


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
