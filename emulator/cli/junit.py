"""`relance-emulator run --junit FILE`: the expectations of a run as JUnit's XML, which CI turns into reports.

A suite per scenario file; a case per expectation and key; a failure names the meters for which it did not
hold.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self, TextIO

from emulator.scenario.model import Scenario
from emulator.scenario.player import Played
from emulator.scenario.timeline import Timeline, plain
from emulator.scenario.trace import Failure
from protocols.errors import InputError
from protocols.junit import HEAD, TAIL, CaseEnd, JunitCase, JunitSuite, suite_xml

# How many meters a failed case tells of in full.
METERS_TOLD_MAX = 10


class JunitFile:
    """The report of a run. The file is opened at once, so that a wrong name is told before anything runs.

    Raises InputError if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._suites: list[str] = []
        try:
            self._file: TextIO = path.open("w", encoding="utf-8")
        except OSError as error:
            raise InputError(f"--junit: {path}: cannot be written: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Write what was played, also if the run ended early."""
        with self._file:
            self._file.writelines([HEAD, *self._suites, TAIL])

    def add(self, scenario: Scenario, played: Played) -> None:
        """Add the suite of one scenario."""
        name = f"{scenario.file}: {scenario.name}"
        self._suites.append(suite_xml(JunitSuite(name, tuple(_cases(scenario, played)))))


def _cases(scenario: Scenario, played: Played) -> Iterator[JunitCase]:
    failures: dict[tuple[int, object], list[Failure]] = {}
    for failure in played.failures:
        failures.setdefault((failure.index, failure.item.fields["key"]), []).append(failure)
    timeline = Timeline(scenario)
    for expect in sorted(scenario.expects, key=lambda each: each.index):
        meters = len(expect.meters)
        for key, _ in expect.wanted:
            name = f"expect[{expect.index}].{key} of {meters:,} meter{'' if meters == 1 else 's'}"
            found = failures.get((expect.index, key), [])
            yield _failed(scenario, name, timeline, found) if found else JunitCase(scenario.file, name)


def _failed(scenario: Scenario, name: str, timeline: Timeline, found: Sequence[Failure]) -> JunitCase:
    told = [timeline.explain(each) for each in found[:METERS_TOLD_MAX]]
    if len(found) > len(told):
        told.append(f"{len(found) - len(told):,} more meters failed")
    led_there = [plain(line) for line in timeline.led_there(found[0])]
    return JunitCase(scenario.file, name, CaseEnd.FAILURE, told[0], "\n".join([*told, *led_there]))
