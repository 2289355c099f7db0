"""Shows the running demo: a live picture on a terminal, else a line for each simulated hour."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from controller.demo import night
from controller.demo.camera import Fleet
from controller.demo.stage import Stage
from protocols.cutting.zones import load_zone
from protocols.instants import HOUR_MS, MINUTE_MS, datetime_from_ms
from protocols.reasons import Supply

# How long an hour of the replay takes at least, so that people can watch; and a minute in `_SLOW_MS`.
_HOUR_S: Final = 0.12
_MINUTE_S: Final = 0.35
_SLOW_MS: Final = (
    (night.LIE_MS - 4 * MINUTE_MS, night.LIE_MS + 8 * MINUTE_MS),
    (night.WRONG_CUT_MS + 58 * MINUTE_MS, night.WRONG_CUT_MS + 63 * MINUTE_MS),
)
_REFRESH_S: Final = 0.1
_HOURS_SHOWN: Final = 18
_BAR_CHARS: Final = 40
_ZONE: Final = load_zone(night.ZONE)
_NAMES: Final = {Fleet.LEGACY: "card meters", Fleet.GUARDED: "guarded meters"}
_COLOURS: Final = {Fleet.LEGACY: "dark_orange3", Fleet.GUARDED: "dodger_blue2"}


class View:
    """Shows the state after each step; unless `fast`, it also waits so that people can watch."""

    def __init__(self, stage: Stage, live: Live | None, *, fast: bool) -> None:
        self._stage = stage
        self._live = live
        self._fast = fast
        self._hour = night.START_MS // HOUR_MS
        self._minute = -1
        self._shown_s = 0.0
        self._stepped_s = time.monotonic()

    async def look(self) -> None:
        """Show the state; call it after each step."""
        now_ms = self._stage.conductor.now_ms()
        hour, minute = now_ms // HOUR_MS, now_ms // MINUTE_MS
        if not self._fast:
            await self._give_time(hour, minute, now_ms)
        if self._live is None:
            for passed in range(max(self._hour, hour - 24) + 1, hour + 1):
                sys.stdout.write(self._line(passed) + "\n")
                sys.stdout.flush()
        elif time.monotonic() - self._shown_s >= _REFRESH_S:
            self._shown_s = time.monotonic()
            self._live.update(self._picture(now_ms), refresh=True)
        self._hour, self._minute = hour, minute

    async def _give_time(self, hour: int, minute: int, now_ms: int) -> None:
        slow = any(from_ms <= now_ms <= until_ms for from_ms, until_ms in _SLOW_MS)
        least_s = _MINUTE_S if slow and minute != self._minute else _HOUR_S if hour != self._hour else 0.0
        left_s = self._stepped_s + least_s - time.monotonic()
        if least_s:
            if left_s > 0:
                await asyncio.sleep(left_s)
            self._stepped_s = time.monotonic()

    def _line(self, hour: int) -> str:
        """The supply at the beginning of an hour, and the cuts in the hour before."""
        camera = self._stage.camera
        parts = [_clock(hour * HOUR_MS)]
        for fleet in Fleet:
            supply = camera.supply[fleet]
            parts.append(
                f"{_NAMES[fleet]}: {_dark(supply)} dark, {camera.openings_by_hour[fleet][hour - 1]} cut"
            )
        return " | ".join([*parts, f"{self._stage.post.published.total()} messages"])

    def _picture(self, now_ms: int) -> Panel:
        camera = self._stage.camera
        supply = Table("", *(each.value for each in Supply), box=None, padding=(0, 2, 0, 0))
        for fleet in Fleet:
            counts = (str(camera.supply[fleet][each]) for each in Supply)
            supply.add_row(Text(_NAMES[fleet], style=_COLOURS[fleet]), *counts)
        foot = Text(
            f"{self._stage.post.published.total():,} messages over MQTT".replace(",", " "), style="dim"
        )
        return Panel(
            Group(supply, Text(), self._openings(now_ms), Text(), foot),
            title=f"[bold]{_clock(now_ms)}[/bold]",
            subtitle=_headline(now_ms),
            padding=(1, 2),
        )

    def _openings(self, now_ms: int) -> Table:
        """Cuts of the last hours, a bar per fleet."""
        camera = self._stage.camera
        table = Table("hour", "cut by card meters", "cut by guarded meters", box=None, padding=(0, 2, 0, 0))
        hours = range(now_ms // HOUR_MS - _HOURS_SHOWN + 1, now_ms // HOUR_MS + 1)
        most = max([_BAR_CHARS, *(camera.openings_by_hour[fleet][hour] for fleet in Fleet for hour in hours)])
        for hour in hours:
            cells = []
            for fleet in Fleet:
                count = camera.openings_by_hour[fleet][hour]
                bar = "█" * (-(-count * _BAR_CHARS // most))
                cells.append(Text(f"{bar} {count}" if count else "", style=_COLOURS[fleet]))
            table.add_row(datetime_from_ms(hour * HOUR_MS, _ZONE).strftime("%a %H:00"), *cells)
        return table


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


def _clock(instant_ms: int) -> str:
    return datetime_from_ms(instant_ms, _ZONE).strftime("%a %d %B %Y %H:%M")


def _headline(now_ms: int) -> str:
    """The first sentence of the last entry of the timeline."""
    texts = [entry.text for entry in night.TIMELINE if entry.at_ms <= now_ms]
    return texts[-1].split(". ")[0].rstrip(".") if texts else ""
