"""Prints what `relance-emulator run` has played: as JSON lines, or for people in their width."""

import os
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from typing import Final

from rich.console import Console
from rich.text import Text

from emulator.scenario.model import Scenario
from emulator.scenario.player import Played
from emulator.scenario.summary import summary
from emulator.scenario.timeline import Part, Timeline, end_line, head_line, plain, wrapped
from emulator.scenario.trace import BESIDE_THE_METER, json_end_line, json_line
from protocols.rim.terminal import complain

# How many failed expectations of a file are printed in full: in a fleet many fail for one reason.
FAILURES_SHOWN_MAX: Final = 10


def print_json(scenario: Scenario, played: Played, trace: str | None, *, quiet: bool) -> None:
    """A JSON object per item, and one at the end; `quiet`: that one alone. Raises BrokenPipeError."""
    for item in () if quiet else played.items:
        if trace is not None or item.event not in BESIDE_THE_METER:
            sys.stdout.write(json_line(item) + "\n")
    failed = len(played.failures)
    sys.stdout.write(json_end_line(scenario.file, failed, played.decisions_sha256) + "\n")
    sys.stdout.flush()


def print_timeline(scenario: Scenario, played: Played, trace: str | None, *, quiet: bool) -> None:
    """A line per item, a table of the meters, and the verdict; `quiet`: the verdict alone.

    Raises BrokenPipeError.
    """
    timeline = Timeline(scenario)
    if not quiet:
        _write(head_line(scenario))
        for item in played.items:
            _write(timeline.line(item), timeline.indent)
        _write([])
        for row in summary(timeline, [each for each in played.outcomes if trace in (None, each.meter)]):
            _write(row)
    expected = sum(len(each.meters) * len(each.wanted) for each in scenario.expects)
    verdict = end_line(expected, len(played.failures), played.decisions_sha256)
    _write([(f"{scenario.file}: ", ""), *verdict] if quiet else verdict)
    sys.stdout.flush()


def print_failures(scenario: Scenario, played: Played) -> None:
    """What failed, on standard error; what led there once for each meter and instant."""
    timeline = Timeline(scenario)
    failures = played.failures
    shown = failures[:FAILURES_SHOWN_MAX]
    for place, failure in enumerate(shown):
        _complain([(f"{scenario.file}: {timeline.explain(failure)}", "")])
        item = failure.item
        following = shown[place + 1].item if place + 1 < len(shown) else None
        if following is None or (following.meter, following.true_ms) != (item.meter, item.true_ms):
            for line in timeline.led_there(failure):
                _complain(line, timeline.indent + 4)
    if len(failures) > len(shown):
        complain(f"{scenario.file}: {len(failures) - len(shown):,} more expectations failed")


def _write(line: list[Part], indent: int = 2) -> None:
    """One line on standard output; colours only on a terminal."""
    for row in _fitted(line, indent, is_terminal=sys.stdout.isatty()):
        if sys.stdout.isatty():
            _terminal().print(Text.assemble(*row), soft_wrap=True)
        else:
            sys.stdout.write(plain(row) + "\n")


def _complain(line: list[Part], indent: int = 2) -> None:
    for row in _fitted(line, indent, is_terminal=sys.stderr.isatty()):
        complain(plain(row))


def _fitted(line: list[Part], indent: int, *, is_terminal: bool) -> Iterator[list[Part]]:
    """A line in the width of the terminal, or of COLUMNS; in a pipe or file without it an item is a line."""
    if is_terminal or os.environ.get("COLUMNS"):
        yield from wrapped(line, shutil.get_terminal_size().columns, indent)
    else:
        yield line


@cache
def _terminal() -> Console:
    return Console(highlight=False)
