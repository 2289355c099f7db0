"""What it costs to leave the eves of closed days out of a calendar: hours, and who stays supplied."""

from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from controller.faces.cli.drawn_calendar import hours_in_words, length_ms
from controller.faces.cli.face import Face
from controller.faces.cli.showing import instants, print_lines, print_table
from controller.meters.choosing import METER_FIELDS
from controller.meters.views import MeterFilter, count_meters
from controller.query.rules import read_query
from protocols.cutting.zones import wall_clock
from protocols.rim.terminal import warn
from protocols.spans import Window
from protocols.words.en.times import short_local

# A supply that a window could end: on, and nothing left on the purse by the meter's last report.
EMPTY: Final = "supply==on;balance<=0"
_ROWS_SHOWN: Final = 12
_HEADS: Final = ("window", "until", "lost", "left")


class EveLeftOut(Struct, frozen=True):
    """A window of the rule, and how much of it is lost."""

    window: Window
    lost_ms: int


class EvesLeftOut(Struct, frozen=True):
    """The windows from which the eves have taken hours, and all hours of the rule.

    `stay`: meters that are on with an empty purse by their last report: in those hours none of them is cut.
    """

    eves: tuple[EveLeftOut, ...]
    of_ms: int
    stay: int

    @property
    def lost_ms(self) -> int:
        return sum(each.lost_ms for each in self.eves)


def eves_left_out(face: Face, of_rule: tuple[Window, ...], left: tuple[Window, ...]) -> EvesLeftOut:
    """What the eves have taken out of the windows of a rule."""
    shorter = set(of_rule) - set(left)
    eves = tuple(
        EveLeftOut(window, length_ms((window,)) - sum(_common_ms(window, each) for each in left))
        for window in of_rule
        if window in shorter
    )
    with face.office.reading() as session:
        query = read_query(EMPTY, METER_FIELDS, "")
        stay = count_meters(session, MeterFilter(query=query), now_ms=face.now_ms())
    return EvesLeftOut(eves, length_ms(of_rule), stay)


def eve_fields(cost: EvesLeftOut) -> dict[str, Any]:
    """For `--json`."""
    eves = [
        {"lost_ms": each.lost_ms, **instants(start=each.window.start_ms, end=each.window.end_ms)}
        for each in cost.eves
    ]
    return {
        "eves_left_out": {
            "windows": len(cost.eves),
            "length_ms": cost.lost_ms,
            "of_ms": cost.of_ms,
            "stay_supplied": cost.stay,
            "eves": eves,
        }
    }


def tell_eves(cost: EvesLeftOut, zone: ZoneInfo, *, as_json: bool) -> None:
    """Say what it costs, and for a person each window by its day."""
    shortened = "1 window is" if len(cost.eves) == 1 else f"{len(cost.eves)} windows are"
    lost, of = hours_in_words(cost.lost_ms), hours_in_words(cost.of_ms)
    stay = "1 meter is" if cost.stay == 1 else f"{cost.stay} meters are"
    hours = f"{shortened} shorter or gone: {lost} of {of} in which no meter can cut"
    warn([f"without the eves {hours}; now {stay} on with an empty purse"])
    if as_json or not cost.eves:
        return
    rows = [
        (
            short_local(each.window.start_ms, zone),
            f"{wall_clock(each.window.end_ms, zone):%H:%M}",
            hours_in_words(each.lost_ms),
            hours_in_words(length_ms((each.window,)) - each.lost_ms),
        )
        for each in cost.eves[:_ROWS_SHOWN]
    ]
    print_table("", _HEADS, rows)
    if len(cost.eves) > _ROWS_SHOWN:
        print_lines(f"and {len(cost.eves) - _ROWS_SHOWN} more windows: --json has all")


def _common_ms(one: Window, other: Window) -> int:
    return max(0, min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms))
