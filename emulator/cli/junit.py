"""`relance-emulator run --junit FILE`: the expectations of a run as JUnit's XML, which CI turns into reports.

A suite per scenario file; a case per expectation and key; a failure names the meters for which it did not
hold.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self, TextIO
from xml.sax.saxutils import escape, quoteattr

from emulator.scenario.model import Scenario
from emulator.scenario.player import Played
from emulator.scenario.timeline import Timeline, plain
from emulator.scenario.trace import Failure
from protocols.errors import InputError

_NEVER_IN_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
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
            self._file.write('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n')
            self._file.writelines(self._suites)
            self._file.write("</testsuites>\n")

    def add(self, scenario: Scenario, played: Played) -> None:
        """Add the suite of one scenario."""
        self._suites.append("".join(_suite(scenario, played)))


def _suite(scenario: Scenario, played: Played) -> Iterator[str]:
    failures: dict[tuple[int, object], list[Failure]] = {}
    for failure in played.failures:
        failures.setdefault((failure.index, failure.item.fields["key"]), []).append(failure)
    expects = sorted(scenario.expects, key=lambda each: each.index)
    cases = [(each.index, key, len(each.meters)) for each in expects for key, _ in each.wanted]
    yield f"  <testsuite name={_attribute(f'{scenario.file}: {scenario.name}')}"
    yield f' tests="{len(cases)}" failures="{len(failures)}" errors="0" skipped="0">\n'
    timeline = Timeline(scenario)
    for index, key, meters in cases:
        name = f"expect[{index}].{key} of {meters:,} meter{'' if meters == 1 else 's'}"
        yield f"    <testcase classname={_attribute(scenario.file)} name={_attribute(name)}"
        found = failures.get((index, key), [])
        yield _failure(timeline, found) if found else "/>\n"
    yield "  </testsuite>\n"


def _failure(timeline: Timeline, found: Sequence[Failure]) -> str:
    told = [timeline.explain(each) for each in found[:METERS_TOLD_MAX]]
    if len(found) > len(told):
        told.append(f"{len(found) - len(told):,} more meters failed")
    led_there = [plain(line) for line in timeline.led_there(found[0])]
    text = escape(_allowed("\n".join([*told, *led_there])))
    return f">\n      <failure message={_attribute(told[0])}>{text}</failure>\n    </testcase>\n"


def _attribute(text: str) -> str:
    return quoteattr(_allowed(text))


def _allowed(text: str) -> str:
    """A text without the characters that XML 1.0 cannot hold at all (section 2.2)."""
    return _NEVER_IN_XML.sub("?", text)
