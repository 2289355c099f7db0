"""The average power of each quarter of an hour, and the highest of each month. Pure.

A Belgian meter bills the highest quarter of a month (e-MUCS 1.7; a block demand, DLMS Blue Book, class 5). A
quarter counts if the clock has run through all of it; one in which the clock was set counts for nothing.
"""

from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import ZoneInfo

from protocols.cutting.zones import instants_of_wall, local_date
from protocols.instants import MINUTE_MS, UtcMs

QUARTER_MS: Final = 15 * MINUTE_MS
MONTHS_KEPT: Final = 13


@dataclass(frozen=True, slots=True)
class Peak:
    """The average of a quarter, and the instant at which that quarter ended."""

    average_w: int
    at_ms: UtcMs


@dataclass(frozen=True, slots=True)
class MonthPeak:
    """The highest quarter of a month that is over at `until_ms`. `peak` None: no whole quarter was seen."""

    until_ms: UtcMs
    peak: Peak | None


@dataclass(frozen=True, slots=True)
class Demand:
    """What a meter has averaged so far, by its own clock.

    `quarter` counts quarters since 1970; `began_mj`: what the register showed at its beginning. `is_whole`:
    whether that beginning was seen. `months`: those that are over, the latest last.
    """

    quarter: int
    month: int
    began_mj: int
    is_whole: bool = False
    peak: Peak | None = None
    months: tuple[MonthPeak, ...] = ()

    def average_w(self, energy_mj: int) -> int:
        """What of the running quarter's average is reached: it grows from 0 at each quarter's beginning."""
        return (energy_mj - self.began_mj) // QUARTER_MS


def begin(estimate_ms: UtcMs, energy_mj: int, zone: ZoneInfo) -> Demand:
    """Before anything is averaged."""
    return Demand(estimate_ms // QUARTER_MS, _month_of(estimate_ms, zone), energy_mj)


def ends_ms(demand: Demand) -> UtcMs:
    """When the running quarter ends: the meter must be observed at that instant."""
    return UtcMs((demand.quarter + 1) * QUARTER_MS)


def observe(demand: Demand, estimate_ms: UtcMs, energy_mj: int, zone: ZoneInfo) -> Demand:
    """What is averaged once the meter's clock shows `estimate_ms`. Within a quarter nothing changes."""
    quarter = estimate_ms // QUARTER_MS
    if quarter == demand.quarter:
        return demand
    followed = quarter == demand.quarter + 1
    peak = demand.peak
    if followed and demand.is_whole:
        ended = Peak(demand.average_w(energy_mj), ends_ms(demand))
        if peak is None or ended.average_w > peak.average_w:
            peak = ended
    now = replace(demand, quarter=quarter, began_mj=energy_mj, is_whole=followed, peak=peak)
    return _with_month(now, _month_of(estimate_ms, zone), zone)


def month_begins_ms(demand: Demand, zone: ZoneInfo) -> UtcMs:
    """When the running month began."""
    return _begin_of(demand.month, zone)


def _with_month(demand: Demand, month: int, zone: ZoneInfo) -> Demand:
    """With the month closed, where the clock shows a later one. A clock that was set back reopens none."""
    if month <= demand.month:
        return demand
    over = MonthPeak(_begin_of(demand.month + 1, zone), demand.peak)
    return replace(demand, month=month, peak=None, months=(*demand.months, over)[-MONTHS_KEPT:])


def _month_of(instant_ms: UtcMs, zone: ZoneInfo) -> int:
    day = local_date(instant_ms, zone)
    return day.year * 12 + day.month - 1


def _begin_of(month: int, zone: ZoneInfo) -> UtcMs:
    from_year, number = divmod(month, 12)
    first = local_date(0, zone).replace(year=from_year, month=number + 1, day=1)
    return UtcMs(instants_of_wall(first, 0, zone)[0])
