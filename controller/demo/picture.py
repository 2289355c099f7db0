"""The live picture of the running demo, in as many rows and columns as the terminal has.

First the sentence that tells what happens, then day and progress, the supply, and the hours, the newest
first: where rows are few, only the oldest hours are missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from controller.demo import night
from controller.demo.camera import Fleet
from protocols.cutting.zones import load_zone
from protocols.instants import HOUR_MS, datetime_from_ms
from protocols.reasons import Supply

ZONE: Final = load_zone(night.ZONE)
NAMES: Final = {Fleet.LEGACY: "card meters", Fleet.GUARDED: "guarded meters"}

_COLOURS: Final = {Fleet.LEGACY: "dark_orange3", Fleet.GUARDED: "dodger_blue2"}
_HOURS_MAX: Final = 18
_BAR_CHARS_MAX: Final = 40
# Frame, sentence, progress, supply with its head, the head of the hours, blank lines and the last line.
_ROWS_BESIDE_THE_HOURS: Final = 2 + 2 + 1 + 3 + 1 + 2 + 1
# Frame and its padding, the name of an hour, a count for each fleet, and the gaps between columns.
_COLUMNS_BESIDE_THE_BARS: Final = 6 + 11 + 2 * 8
# A shorter sentence, such as "Act two", says nothing by itself.
_NAME_CHARS_MAX: Final = 12
# Before this share of the replay a guess at its end would jump about.
_SHARE_TO_GUESS: Final = 0.03


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The replay at one instant; `elapsed_s` is how long it has run by the machine's clock."""

    now_ms: int
    supply: Mapping[Fleet, Mapping[Supply, int]]
    openings_by_hour: Mapping[Fleet, Mapping[int, int]]
    messages: int
    elapsed_s: float


def picture(glimpse: Glimpse, rows: int, columns: int) -> Panel:
    """The picture: at most `rows` rows, wherever that leaves room for one hour."""
    supply = Table("", *(each.value for each in Supply), box=None, padding=(0, 2, 0, 0))
    for fleet in Fleet:
        counts = (str(glimpse.supply[fleet].get(each, 0)) for each in Supply)
        supply.add_row(Text(NAMES[fleet], style=_COLOURS[fleet]), *counts)
    hours = max(1, min(_HOURS_MAX, rows - _ROWS_BESIDE_THE_HOURS))
    messages = Text(f"{glimpse.messages:,} messages over MQTT", style="dim")
    return Panel(
        Group(
            _sentence(headline(glimpse.now_ms), columns - 4),
            Text(progress(glimpse), style="dim"),
            Text(),
            supply,
            Text(),
            _openings(glimpse, hours, columns),
            messages,
        ),
        title=f"[bold]{clock(glimpse.now_ms)} 2020[/bold]",
        padding=(0, 1),
        width=columns,
    )


def progress(glimpse: Glimpse) -> str:
    """`day 4 of 9, 46 %, about 40 s left`."""
    first, last, today = (
        datetime_from_ms(at_ms, ZONE).date() for at_ms in (night.START_MS, night.END_MS, glimpse.now_ms)
    )
    share = (glimpse.now_ms - night.START_MS) / (night.END_MS - night.START_MS)
    said = f"day {(today - first).days + 1} of {(last - first).days + 1}, {share:.0%}"
    if not _SHARE_TO_GUESS <= share < 1:
        return said
    return f"{said}, about {glimpse.elapsed_s * (1 - share) / share:.0f} s left"


def headline(now_ms: int) -> str:
    """What the timeline said last: its first sentence, and the second where the first only names a part."""
    texts = [entry.text for entry in night.TIMELINE if entry.at_ms <= now_ms]
    if not texts:
        return ""
    first, _, rest = texts[-1].partition(". ")
    return (first if len(first) > _NAME_CHARS_MAX else f"{first}. {rest.partition('. ')[0]}").rstrip(". ")


def clock(instant_ms: int) -> str:
    """An instant in the demo's local time."""
    return datetime_from_ms(instant_ms, ZONE).strftime("%a %d %b %H:%M")


def _sentence(text: str, columns: int) -> Text:
    """Two rows, whether the sentence needs them or not, so that the rest stays where it is."""
    sentence = Text(text, style="bold")
    if len(text) <= columns:
        sentence.append("\n")
    sentence.truncate(2 * columns - 12, overflow="ellipsis")
    return sentence


def _openings(glimpse: Glimpse, hours: int, columns: int) -> Table:
    """Cuts of the last hours, the newest first, a bar per fleet."""
    table = Table("hour", "cut by card meters", "cut by guarded meters", box=None, padding=(0, 2, 0, 0))
    bar_chars = max(4, min(_BAR_CHARS_MAX, (columns - _COLUMNS_BESIDE_THE_BARS) // 2))
    this = glimpse.now_ms // HOUR_MS
    shown = range(this, this - hours, -1)
    counts = {fleet: [glimpse.openings_by_hour[fleet].get(hour, 0) for hour in shown] for fleet in Fleet}
    most = max(bar_chars, *(count for fleet in Fleet for count in counts[fleet]))
    for place, hour in enumerate(shown):
        cells = []
        for fleet in Fleet:
            count = counts[fleet][place]
            bar = "█" * (-(-count * bar_chars // most))
            cells.append(Text(f"{bar} {count}" if count else "", style=_COLOURS[fleet]))
        table.add_row(datetime_from_ms(hour * HOUR_MS, ZONE).strftime("%a %H:00"), *cells)
    return table
