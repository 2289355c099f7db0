"""A story's timeline, drawn: where each mark stands. Pure; the page puts it into SVG.

Between two instants lies the logarithm of the time between them: a night of hours and the seconds around its
cut are both seen. So no length can be read off the picture: how long each gap is stands between its instants,
and the page says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from itertools import pairwise
from math import log10
from typing import Final
from zoneinfo import ZoneInfo

from hil.record.model import Lane, StoryMoment, StoryRecord
from protocols.instants import SECOND_MS, UtcMs
from protocols.words.en.times import duration, local, short_local

WIDTH_PX: Final = 920
LABEL_PX: Final = 72
LANE_PX: Final = 26
TOP_PX: Final = 10
AXIS_PX: Final = 50
# Two texts at the axis stand no nearer than one is wide.
TICK_PX: Final = 190
# A gap that is narrower has no room for its length.
GAP_PX: Final = 44
_RIGHT_PX: Final = 16


@dataclass(frozen=True, slots=True)
class DrawnMark:
    """A moment at its place. `tone`: good, bad, or plain."""

    x_px: float
    tone: str
    text: str


@unique
class BarKind(StrEnum):
    """What a household had in a span: supply, none, or none because the bench had taken the mains away."""

    ON = "on"
    OFF = "off"
    NO_MAINS = "no-mains"


@dataclass(frozen=True, slots=True)
class DrawnBar:
    """A span of the supply."""

    x_px: float
    width_px: float
    kind: BarKind


@dataclass(frozen=True, slots=True)
class DrawnLane:
    name: str
    y_px: int
    marks: tuple[DrawnMark, ...]
    bars: tuple[DrawnBar, ...]


@dataclass(frozen=True, slots=True)
class DrawnTick:
    """An instant at the axis. Its text begins at `left_px`; at the right edge it ends at `x_px`."""

    x_px: float
    left_px: float
    text: str
    is_at_edge: bool


@dataclass(frozen=True, slots=True)
class DrawnGap:
    """How long it was between two instants; the text stands in the middle of them."""

    x_px: float
    text: str


@dataclass(frozen=True, slots=True)
class DrawnTimeline:
    """The picture. `told` says it in words, for people who do not see it."""

    width_px: int
    height_px: int
    lanes: tuple[DrawnLane, ...]
    ticks: tuple[DrawnTick, ...]
    gaps: tuple[DrawnGap, ...]
    told: str


def timeline_of(story: StoryRecord, zone: ZoneInfo) -> DrawnTimeline | None:
    """The picture of a story; None where nothing happened in it."""
    if not story.timeline:
        return None
    places = _places((story.began_ms, *(each.at_ms for each in story.timeline), story.ended_ms))
    lanes = [lane for lane in Lane if any(each.lane is lane for each in story.timeline)]
    drawn = tuple(_lane(lane, row, story, places) for row, lane in enumerate(lanes))
    height_px = TOP_PX + len(lanes) * LANE_PX + AXIS_PX
    return DrawnTimeline(
        WIDTH_PX, height_px, drawn, _ticks(story, places, zone), _gaps(places), _told(story, zone)
    )


def _places(instants_ms: Sequence[UtcMs]) -> Mapping[UtcMs, float]:
    """Where each instant stands, px, from left to right."""
    instants = sorted(set(instants_ms))
    gaps = [log10(1 + (after - before) / SECOND_MS) + 1 for before, after in pairwise(instants)]
    span_px = WIDTH_PX - LABEL_PX - _RIGHT_PX
    scale = span_px / sum(gaps) if gaps else 0
    places, x_px = {instants[0]: float(LABEL_PX)}, float(LABEL_PX)
    for instant_ms, gap in zip(instants[1:], gaps, strict=True):
        x_px += gap * scale
        places[instant_ms] = x_px
    return places


def _lane(lane: Lane, row: int, story: StoryRecord, places: Mapping[UtcMs, float]) -> DrawnLane:
    moments = sorted((each for each in story.timeline if each.lane is lane), key=lambda each: each.at_ms)
    is_state = lane is Lane.SUPPLY
    return DrawnLane(
        name=lane.value,
        y_px=TOP_PX + row * LANE_PX + LANE_PX // 2,
        marks=tuple(DrawnMark(places[each.at_ms], _tone(each), each.text) for each in moments),
        bars=_bars(moments, story, places) if is_state else (),
    )


def _tone(moment: StoryMoment) -> str:
    # A check is right or wrong. That the bench switches something, or that supply changes, is neither.
    if moment.is_on is None or moment.lane is not Lane.CHECK:
        return "plain"
    return "good" if moment.is_on else "bad"


def _bars(
    moments: Sequence[StoryMoment], story: StoryRecord, places: Mapping[UtcMs, float]
) -> tuple[DrawnBar, ...]:
    """From each state to the next one, and from the last to the story's end."""
    switched = [each for each in story.timeline if each.lane is Lane.BENCH and each.is_on is not None]
    changes = sorted((*switched, *moments), key=lambda each: each.at_ms)
    ends_ms = [*(each.at_ms for each in changes), story.ended_ms][1:]
    bars: list[DrawnBar] = []
    supplied: bool | None = None
    has_mains = True
    for change, end_ms in zip(changes, ends_ms, strict=True):
        if change.lane is Lane.BENCH:
            has_mains = bool(change.is_on)
        elif change.is_on is not None:
            supplied = change.is_on
        if supplied is None or change.at_ms == end_ms:
            continue
        kind = BarKind.ON if supplied else BarKind.OFF if has_mains else BarKind.NO_MAINS
        bars.append(DrawnBar(places[change.at_ms], max(places[end_ms] - places[change.at_ms], 0), kind))
    return tuple(bars)


def _gaps(places: Mapping[UtcMs, float]) -> tuple[DrawnGap, ...]:
    """How long each gap is that has room for it."""
    return tuple(
        DrawnGap((places[before] + places[after]) / 2, duration(after - before))
        for before, after in pairwise(sorted(places))
        if places[after] - places[before] >= GAP_PX
    )


def _ticks(story: StoryRecord, places: Mapping[UtcMs, float], zone: ZoneInfo) -> tuple[DrawnTick, ...]:
    """As many as there is room for: the beginning, then where supply changed or a check failed, then all."""
    matters = [each.at_ms for each in story.timeline if each.is_on is False or each.lane is Lane.SUPPLY]
    ticks: list[DrawnTick] = []
    for instant_ms in (min(places), *matters, *places):
        x_px = places[instant_ms]
        is_at_edge = x_px > WIDTH_PX - TICK_PX
        left_px = x_px - TICK_PX if is_at_edge else x_px
        if all(abs(left_px - each.left_px) >= TICK_PX for each in ticks):
            ticks.append(DrawnTick(x_px, left_px, _instant(instant_ms, zone), is_at_edge))
    return tuple(ticks)


def _instant(instant_ms: UtcMs, zone: ZoneInfo) -> str:
    """Local time alone, to the second: two instants of one minute are told apart."""
    return local(instant_ms, zone).partition(" (")[0]


def _told(story: StoryRecord, zone: ZoneInfo) -> str:
    supply = [each.text for each in story.timeline if each.lane is Lane.SUPPLY]
    began, ended = short_local(story.began_ms, zone), short_local(story.ended_ms, zone)
    seen = f"; supply: {', then '.join(supply)}" if supply else ""
    return f"From {began} to {ended}, {len(story.timeline)} moments{seen}. The table below has each."
