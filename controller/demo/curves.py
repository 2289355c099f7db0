"""The numbers behind each drawing of the report, as rows for a spreadsheet. Pure.

The drawings are made of the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from controller.demo import night
from controller.demo.camera import Fleet
from controller.demo.result import Result
from protocols.cutting.zones import load_zone
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS, datetime_from_ms, ms_from_iso

NIGHT_MS: Final = (ms_from_iso("2020-07-02T18:00+02:00"), ms_from_iso("2020-07-04T00:00+02:00"))
WEEK_MS: Final = (night.START_MS, night.END_MS)
# When households without supply are counted.
COUNTED_MS: Final = range(night.START_MS, night.END_MS + 1, 15 * MINUTE_MS)
_ZONE: Final = load_zone(night.ZONE)


@dataclass(frozen=True, slots=True)
class Curve:
    """A drawing as numbers: the names of its columns, and its rows. Instants are local, with their offset."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]


def curves_of(result: Result) -> dict[str, Curve]:
    """The curves by the name of their drawing."""
    return {
        "night": _cuts(result, *NIGHT_MS),
        "dark": Curve(
            ("at", "card_meters_dark", "guarded_meters_dark"),
            tuple(
                zip(
                    map(_local, COUNTED_MS),
                    *(dark_counts(result, fleet, COUNTED_MS) for fleet in Fleet),
                    strict=True,
                )
            ),
        ),
        "offsets": Curve(
            ("received", "meter", "source", "offset_ms"),
            tuple(
                (_local(each.received_ms), each.meter, each.source, each.offset_ms) for each in result.heard
            ),
        ),
        "back": Curve(
            ("way", "meter", "seconds"),
            tuple(
                ("card", way.meter, _seconds((way.back_ms - way.cut_ms) / SECOND_MS))
                for way in result.ways_back
            )
            + tuple(("release", meter, _seconds(took_s)) for meter, took_s in result.release_s.items()),
        ),
        "week": _cuts(result, *WEEK_MS),
    }


def cuts_by_hour(result: Result, fleet: Fleet, from_ms: int, until_ms: int) -> dict[int, int]:
    """How many cuts each hour had, by the instant at which it begins; hours without any too."""
    counts = dict.fromkeys(range(from_ms // HOUR_MS * HOUR_MS, until_ms, HOUR_MS), 0)
    for change in result.cuts(fleet):
        if from_ms <= change.true_ms < until_ms:
            counts[change.true_ms // HOUR_MS * HOUR_MS] += 1
    return counts


def dark_counts(result: Result, fleet: Fleet, instants_ms: Sequence[int]) -> list[int]:
    """How many households of a fleet have no supply at each of these ascending instants."""
    changes = sorted((each for each in result.changes if each.fleet is fleet), key=lambda each: each.true_ms)
    dark: set[str] = set()
    counts: list[int] = []
    index = 0
    for instant_ms in instants_ms:
        while index < len(changes) and changes[index].true_ms <= instant_ms:
            change = changes[index]
            (dark.add if change.after in {"off", "armed"} else dark.discard)(change.meter)
            index += 1
        counts.append(len(dark))
    return counts


def _cuts(result: Result, from_ms: int, until_ms: int) -> Curve:
    card, guarded = (cuts_by_hour(result, fleet, from_ms, until_ms) for fleet in Fleet)
    rows = tuple((_local(hour_ms), count, guarded[hour_ms]) for hour_ms, count in card.items())
    return Curve(("hour", "card_meters_cut", "guarded_meters_cut"), rows)


def _local(instant_ms: int) -> str:
    return datetime_from_ms(instant_ms, _ZONE).isoformat(timespec="seconds")


def _seconds(value: float) -> str:
    return f"{value:.3f}"
