"""Time zones: converts wall-clock times to instants and back.

Zones are read from the `tzdata` package, never from the system, so that every machine compiles the
same windows from the same rule. Reading a zone's file is loading data that ships with the program,
like an import: it is done once per zone, and nothing here reads a clock or the machine's own zone.
"""

from bisect import bisect_left
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from protocols.errors import InputError, quoted
from protocols.instants import SECOND_MS, datetime_from_ms, ms_from_datetime


@cache
def zone_names() -> frozenset[str]:
    """Every IANA zone name that is known."""
    return frozenset((resources.files("tzdata") / "zones").read_text(encoding="utf-8").split())


def load_zone(name: str, where: str = "zone") -> ZoneInfo:
    """The time zone of an IANA name. Raises InputError, with `where`, for an unknown one.

    Only a name that is in the list of zone names becomes part of a path.
    """
    if name not in zone_names():
        near = get_close_matches(name[:64], sorted(zone_names()), n=1) or ["Europe/Brussels"]
        raise InputError(f"{where}: {quoted(name)}; allowed: an IANA zone name such as {near[0]}")
    return _zone(name)


@cache
def _zone(name: str) -> ZoneInfo:
    file = resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with file.open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def instants_of_wall(day: date, second_of_day: int, zone: ZoneInfo) -> tuple[int, int]:
    """The earlier and the later instant at which clocks on the wall show a second of a day (0 to 86,400).

    They differ where a clock is set back over that time. Where it is set forward over it, so that
    it is never shown, both are the instant at which the gap ends.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    wall = midnight + timedelta(seconds=second_of_day)  # wall-clock arithmetic, which ignores transitions
    earlier_ms = ms_from_datetime(wall.replace(fold=0))
    later_ms = ms_from_datetime(wall.replace(fold=1))
    if earlier_ms <= later_ms:
        return earlier_ms, later_ms
    # In a gap PEP 495 gives the instants the wrong way round, on either side of the transition.
    seconds = range(later_ms // SECOND_MS, earlier_ms // SECOND_MS)
    shown = wall.replace(tzinfo=None)
    passed = bisect_left(seconds, True, key=lambda s: wall_clock(s * SECOND_MS, zone) >= shown)
    gap_end_ms = (seconds.start + passed) * SECOND_MS
    return gap_end_ms, gap_end_ms


def wall_clock(instant_ms: int, zone: ZoneInfo) -> datetime:
    """What clocks on the wall show at an instant, as a datetime without a zone."""
    return datetime_from_ms(instant_ms, zone).replace(tzinfo=None)


def local_date(instant_ms: int, zone: ZoneInfo) -> date:
    """The date on the wall at an instant."""
    return datetime_from_ms(instant_ms, zone).date()
