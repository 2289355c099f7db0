"""The pictures of the report: as SVG inside the page, which loads no font, file or address; and as PNG.

The card fleet is orange, the guarded one blue: people with any kind of colour vision can tell them apart.
"""

import io
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from controller.demo import night
from controller.demo.camera import Fleet
from controller.demo.curves import COUNTED_MS, NIGHT_MS, WEEK_MS, cuts_by_hour, dark_counts
from controller.demo.result import Result
from protocols.cutting.zones import load_zone
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, datetime_from_ms

CARD: Final = "#be4e0b"
GUARDED: Final = "#1764ab"
INK: Final = "#22262b"
_FAINT: Final = "#d9d4c9"
_AXIS: Final = "#8b867c"
WRONG: Final = "#7a1f5c"
_ZONE: Final = load_zone(night.ZONE)
_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": _AXIS,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": _FAINT,
    "grid.linewidth": 0.8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
}
_LABEL: Final = {Fleet.LEGACY: "card meters of 2020", Fleet.GUARDED: "guarded meters"}
# The variables of the page for the colours of the drawings.
_THEME: Final = {CARD: "card", GUARDED: "guarded", INK: "ink", WRONG: "wrong", _FAINT: "line", _AXIS: "axis"}
# 9.6 inches wide: enough for half a page of print, or a slide.
_PNG_DPI: Final = 200
_COLOUR: Final = {Fleet.LEGACY: CARD, Fleet.GUARDED: GUARDED}


def night_histogram(result: Result) -> Figure:
    """Cuts per hour around the night, one fleet above the other, on one scale."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.6, 5.0), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, sharey=True)
        for axes, fleet in ((upper, Fleet.LEGACY), (lower, Fleet.GUARDED)):
            _bars(axes, result, fleet, NIGHT_MS)
            _mark_night(axes, named=axes is upper)
            axes.set_title(_LABEL[fleet], color=_COLOUR[fleet])
            axes.set_ylabel("cut per hour")
            _hours(axes, 3)
        if not any(cuts_by_hour(result, Fleet.GUARDED, *NIGHT_MS).values()):
            lower.text(0.5, 0.45, "nobody", transform=lower.transAxes, ha="center", color=GUARDED, size=15)
        lower.set_xlim(*map(_local, NIGHT_MS))
        return figure


def week_histogram(result: Result) -> Figure:
    """Cuts per hour over the whole replay, each fleet on its own scale."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.6, 4.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        for axes, fleet in ((upper, Fleet.LEGACY), (lower, Fleet.GUARDED)):
            _bars(axes, result, fleet, WEEK_MS)
            axes.set_title(_LABEL[fleet], color=_COLOUR[fleet])
            axes.set_ylabel("cut per hour")
            _days(axes)
            for at_ms in (night.LIE_MS, night.PLANNED_CUT_MS):
                axes.axvline(_local(at_ms), color=WRONG, linewidth=1, linestyle=(0, (4, 3)))
        lower.set_xlim(*map(_local, WEEK_MS))
        return figure


def dark_over_time(result: Result) -> Figure:
    """Households without supply, hour by hour, in both fleets."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.6, 3.4), layout="constrained")
        axes = figure.subplots()
        for fleet in Fleet:
            counts = dark_counts(result, fleet, COUNTED_MS)
            axes.step(
                [_local(each_ms) for each_ms in COUNTED_MS],
                counts,
                where="post",
                color=_COLOUR[fleet],
                linewidth=2,
                label=_LABEL[fleet],
                linestyle="-" if fleet is Fleet.LEGACY else (0, (5, 1.5)),
            )
        axes.set_ylabel("households in the dark")
        axes.set_ylim(bottom=0)
        axes.set_xlim(*map(_local, WEEK_MS))
        axes.legend(frameon=False, loc="upper left")
        _days(axes)
        return figure


def offsets_seen(result: Result) -> Figure:
    """Wrong dates that guarded meters refused: how far off each was, and when the controller received it."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.6, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.scatter(
            [_local(each.received_ms) for each in result.heard],
            [each.offset_ms / HOUR_MS for each in result.heard],
            s=26,
            color=WRONG,
            alpha=0.55,
            linewidths=0,
        )
        axes.axhline(0, color=GUARDED, linewidth=2)
        axes.set_xlim(_local(night.LIE_MS - 3 * HOUR_MS), _local(night.LIE_ENDS_MS + 4 * HOUR_MS))
        axes.set_ylim(-3, 28)
        axes.set_yticks([0, 6, 12, 18, 24], ["right", "+6 h", "+12 h", "+18 h", "+24 h"])
        axes.set_ylabel("date heard, against the meter's own")
        if result.heard:
            middle_ms = (night.LIE_MS + night.LIE_ENDS_MS) // 2
            axes.text(_local(middle_ms), 25.2, "+86,400 seconds: a whole day", ha="center", color=WRONG)
        axes.text(_local(night.LIE_MS - 170 * MINUTE_MS), 0.8, "what the meters went on by", color=GUARDED)
        for at_ms in (night.LIE_MS, night.LIE_ENDS_MS):
            axes.axvline(_local(at_ms), color=WRONG, linewidth=1, linestyle=(0, (4, 3)))
        _hours(axes, 2)
        return figure


def ways_back(result: Result) -> Figure:
    """How long it took until there was supply again: hours by card, seconds by release."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.6, 3.4), layout="constrained")
        by_card, by_release = figure.subplots(1, 2)
        hours = [(way.back_ms - way.cut_ms) / HOUR_MS for way in result.ways_back]
        by_card.hist(hours, bins=24, color=CARD)
        by_card.set_title("by card, over an office", color=CARD)
        by_card.set_xlabel("hours in the dark")
        by_card.set_ylabel("households")
        by_card.set_xlim(left=0)
        by_card.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        by_release.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        by_release.hist(list(result.release_s.values()), bins=24, color=GUARDED)
        by_release.set_title("by release, over the network", color=GUARDED)
        by_release.set_xlabel("seconds from the order to the meter's word")
        by_release.set_xlim(left=0)
        return figure


DRAWN: Final = {
    "night": night_histogram,
    "dark": dark_over_time,
    "offsets": offsets_seen,
    "back": ways_back,
    "week": week_histogram,
}


def _bars(axes: Axes, result: Result, fleet: Fleet, span_ms: tuple[int, int]) -> None:
    counts = cuts_by_hour(result, fleet, *span_ms)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.bar(
        [_local(start_ms) for start_ms in counts],
        list(counts.values()),
        width=HOUR_MS / DAY_MS * 0.92,
        align="edge",
        color=_COLOUR[fleet],
    )


def _mark_night(axes: Axes, *, named: bool) -> None:
    for at_ms, words, side in (
        (night.LIE_MS, "22:59\nwrong date", "right"),
        (night.PLANNED_CUT_MS, "Friday 23:01\nplanned ", "right"),
    ):
        axes.axvline(_local(at_ms), color=WRONG, linewidth=1.2, linestyle=(0, (4, 3)))
        if named:
            transform: Any = axes.get_xaxis_transform()
            axes.text(
                _local(at_ms - 4 * MINUTE_MS),
                0.98,
                words,
                transform=transform,
                ha=side,
                va="top",
                color=WRONG,
                size=10,
            )


def _hours(axes: Axes, every: int) -> None:
    axes.xaxis.set_major_locator(mdates.HourLocator(byhour=range(0, 24, every), tz=_ZONE))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M\n%a %-d", tz=_ZONE))  # type: ignore[no-untyped-call]


def _days(axes: Axes) -> None:
    axes.xaxis.set_major_locator(mdates.DayLocator(tz=_ZONE))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%a\n%-d %b", tz=_ZONE))  # type: ignore[no-untyped-call]


def _local(instant_ms: int) -> Any:  # noqa: ANN401 # a date is a number to matplotlib, and not to its types
    moment: datetime = datetime_from_ms(instant_ms, _ZONE)
    return moment


def as_svg(figure: Figure, name: str) -> str:
    """The SVG element alone, without the XML header, metadata, and ids that other pictures have too."""
    out = io.StringIO()
    with mpl.rc_context(_STYLE | {"svg.hashsalt": f"relance {name}"}):
        figure.savefig(out, format="svg", transparent=True)
    text = out.getvalue()
    element = text[text.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r'id="(figure|axes|matplotlib\.axis|patch|line2d|text|xtick|ytick)_?\w*"', "", element)
    element = re.sub(
        r'<svg [^>]*viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', element, count=1
    )
    return _themed(element.strip())


def save_png(figure: Figure, path: Path) -> None:
    """Save a drawing on white paper. Raises OSError where the file cannot be written."""
    with mpl.rc_context(_STYLE):
        figure.savefig(path, format="png", dpi=_PNG_DPI, facecolor="white")


def _themed(element: str) -> str:
    """The drawing in the page's own colours, which are others in the dark; a picture alone keeps its own."""
    for colour, name in _THEME.items():
        element = re.sub(f"{colour}(?![0-9a-f])", f"var(--{name}, {colour})", element)
    return element
