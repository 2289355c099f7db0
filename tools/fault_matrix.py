"""Generates docs/hil-matrix.md: which story is red with which fault of legacy-2020, and green without any.

`python -m tools.fault_matrix`, or `make matrix`: some minutes on two cores.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Final

from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryVerdict
from hil.stories.collecting import all_stories
from hil.stories.interlock import Interlock
from hil.stories.playing import play_story
from hil.stories.story import BenchStory

PAGE: Final = Path(__file__).parent.parent / "docs" / "hil-matrix.md"
_FIRMWARE: Final = "legacy-2020"
_GREEN: Final = (StoryVerdict.PASSED, StoryVerdict.MARGINAL)
_BEGIN: Final = "<!-- faults: written by `make matrix` -->"
_END: Final = "<!-- end of faults -->"


@cache
def _stories() -> Mapping[str, BenchStory]:
    return {each.name: each for each in all_stories()}


def verdict_of(story: str, *faults: str) -> StoryVerdict:
    """What becomes of a story with a card meter of 2020 that has these faults."""
    bench = virtual_bench(VirtualDut(_FIRMWARE, faults=faults))
    return play_story(_stories()[story], bench, Interlock(bench)).verdict


def green_stories() -> tuple[str, ...]:
    """The stories that a card meter of 2020 without a fault passes: only those may name a fault."""
    return tuple(name for name in _stories() if verdict_of(name) in _GREEN)


def red_stories(fault: str, stories: Iterable[str]) -> tuple[str, ...]:
    """Those of these stories that fail with this fault."""
    return tuple(name for name in stories if verdict_of(name, fault) is StoryVerdict.FAILED)


def page_of(red: Mapping[str, tuple[str, ...]], green: int, before: str) -> str:
    """The page with a row for each fault, in place of those that it has."""
    head, _, rest = before.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    seen_by = Counter(story for stories in red.values() for story in stories)
    rows = [f"{green} stories are green without a fault.\n", "| fault | red with it |", "|---|---|"]
    for fault, stories in red.items():
        rows.append(f"| `{fault}` | {_cell(fault, stories, seen_by)} |")
    return "\n".join((f"{head}{_BEGIN}\n", *rows, f"\n{_END}{tail}"))


def _cell(fault: str, stories: Iterable[str], seen_by: Mapping[str, int]) -> str:
    """The fault's own story first, then those that few faults make red."""
    own = f"/fault-{fault}"
    ordered = sorted(stories, key=lambda story: (not story.endswith(own), seen_by[story], story))
    return ", ".join(f"**{each}**" if seen_by[each] == 1 else each for each in ordered) or "none"


def main() -> int:
    """Write the page. Ends with 1 where a fault has no story."""
    green = green_stories()
    red: dict[str, tuple[str, ...]] = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        asked = {fault: pool.submit(red_stories, fault, green) for fault in CATALOGUE}
        for fault, future in asked.items():
            red[fault] = future.result()
            sys.stdout.write(f"{fault}: {len(red[fault])} stories are red\n")
    PAGE.write_text(page_of(red, len(green), PAGE.read_text("utf-8")), "utf-8")
    return 0 if all(red.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
