"""Shows the running demo: a live picture on a terminal, else a line for each hour that had an event."""

import asyncio
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.live import Live

from controller.demo import night
from controller.demo.camera import Fleet
from controller.demo.picture import NAMES, Glimpse, clock, headline, picture
from controller.demo.stage import Stage
from protocols.instants import HOUR_MS, MINUTE_MS
from protocols.reasons import Supply

# How long an hour of the replay takes at least, so that people can watch; and a minute in `_SLOW_MS`.
_HOUR_S: Final = 0.12
_MINUTE_S: Final = 0.35
_SLOW_MS: Final = (
    (night.LIE_MS - 4 * MINUTE_MS, night.LIE_MS + 8 * MINUTE_MS),
    (night.WRONG_CUT_MS + 58 * MINUTE_MS, night.WRONG_CUT_MS + 63 * MINUTE_MS),
)
_REFRESH_S: Final = 0.1
_INDENT: Final = "    "


class View:
    """Shows the state after each step; unless `fast`, it also waits so that people can watch."""

    def __init__(self, stage: Stage, live: Live | None, *, fast: bool) -> None:
        self._stage = stage
        self._live = live
        self._fast = fast
        self._hour = night.START_MS // HOUR_MS
        self._minute = -1
        self._shown_s = 0.0
        self._begun_s = self._stepped_s = time.monotonic()
        self._told: tuple[object, ...] = ()

    async def look(self) -> None:
        """Show the state; call it after each step."""
        now_ms = self._stage.conductor.now_ms()
        hour, minute = now_ms // HOUR_MS, now_ms // MINUTE_MS
        if not self._fast:
            await self._give_time(hour, minute, now_ms)
        if self._live is None:
            for passed in range(max(self._hour, hour - 24) + 1, hour + 1):
                self._tell(passed)
        elif time.monotonic() - self._shown_s >= _REFRESH_S:
            self._shown_s = time.monotonic()
            size = self._live.console.size
            # A row is left for the cursor.
            self._live.update(picture(self._glimpse(now_ms), size.height - 1, size.width), refresh=True)
        self._hour, self._minute = hour, minute

    async def _give_time(self, hour: int, minute: int, now_ms: int) -> None:
        slow = any(from_ms <= now_ms <= until_ms for from_ms, until_ms in _SLOW_MS)
        least_s = _MINUTE_S if slow and minute != self._minute else _HOUR_S if hour != self._hour else 0.0
        left_s = self._stepped_s + least_s - time.monotonic()
        if least_s:
            if left_s > 0:
                await asyncio.sleep(left_s)
            self._stepped_s = time.monotonic()

    def _tell(self, hour: int) -> None:
        """Write a line about an hour that has passed, and what the timeline says, if anything happened."""
        camera = self._stage.camera
        begun_ms = (hour - 1) * HOUR_MS
        said = [
            headline(entry.at_ms) for entry in night.TIMELINE if begun_ms <= entry.at_ms < begun_ms + HOUR_MS
        ]
        cuts = [camera.openings_by_hour[fleet][hour - 1] for fleet in Fleet]
        dark = [_dark(camera.supply[fleet]) for fleet in Fleet]
        if not said and not any(cuts) and self._told == tuple(dark):
            return
        self._told = tuple(dark)
        fleets = zip(Fleet, dark, cuts, strict=True)
        supply = [f"{NAMES[fleet]}: {off} dark, {cut} cut" for fleet, off, cut in fleets]
        sys.stdout.write(" | ".join([clock(hour * HOUR_MS), *supply]) + "\n")
        for sentence in said:
            sys.stdout.write(
                textwrap.fill(f"{sentence}.", 80, initial_indent=_INDENT, subsequent_indent=_INDENT)
            )
            sys.stdout.write("\n")
        sys.stdout.flush()

    def _glimpse(self, now_ms: int) -> Glimpse:
        camera = self._stage.camera
        elapsed_s = time.monotonic() - self._begun_s
        published = self._stage.post.published.total()
        return Glimpse(now_ms, camera.supply, camera.openings_by_hour, published, elapsed_s)


@contextmanager
def shown(stage: Stage, *, fast: bool) -> Iterator[View]:
    """The view of a replay; the end of the block takes the live picture off the terminal."""
    if not sys.stdout.isatty():
        yield View(stage, None, fast=fast)
        return
    with Live(console=Console(highlight=False), auto_refresh=False, transient=True) as live:
        yield View(stage, live, fast=fast)


def _dark(supply: dict[Supply, int]) -> int:
    return supply[Supply.OFF] + supply[Supply.ARMED]
