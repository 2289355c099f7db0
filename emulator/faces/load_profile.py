"""The register at the end of each quarter of an hour, by the meter's own clock: a bounded ring. Pure.

A row is of the instant that the clock showed then, and is never moved afterwards: a clock that is put right
later leaves rows behind that say so by their flags, whose bits are those of DSMR's profile status.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import Final

from emulator.faces.demand import QUARTER_MS
from protocols.instants import UtcMs
from protocols.reasons import ClockStatus

# Ten days, as DSMR asks of a meter (P3): whoever reads once a day can miss nine of them.
QUARTERS_KEPT: Final = 960


class QuarterFlag(IntFlag):
    """What is to be known of a row. `NOT_VALID`: the register is not of the row's very instant."""

    NONE = 0
    CLOCK_INVALID = 0x02
    NOT_VALID = 0x04
    CLOCK_ADJUSTED = 0x20
    POWER_DOWN = 0x80


@dataclass(frozen=True, slots=True)
class QuarterRow:
    """What the register showed when the clock showed `at_ms`, the end of a quarter."""

    at_ms: UtcMs
    energy_wh: int
    flags: QuarterFlag


@dataclass(frozen=True, slots=True)
class LoadProfile:
    """`quarter` counts quarters since 1970; `flags` are of the running one. `rows`: the latest last."""

    quarter: int
    flags: QuarterFlag = QuarterFlag.NONE
    rows: Sequence[QuarterRow] = ()


def begin_profile(estimate_ms: UtcMs) -> LoadProfile:
    """Before a row is written."""
    return LoadProfile(estimate_ms // QUARTER_MS)


def observe_quarter(
    profile: LoadProfile, estimate_ms: UtcMs, energy_wh: int, clock: ClockStatus, *, mains_on: bool
) -> LoadProfile:
    """What is kept once the clock shows `estimate_ms`. The meter must be met at each end of a quarter.

    While the mains are gone no row is written: the next one says so.
    """
    flags = profile.flags
    if clock is not ClockStatus.TRUSTED:
        flags |= QuarterFlag.CLOCK_INVALID
    if not mains_on:
        flags |= QuarterFlag.POWER_DOWN
    quarter = estimate_ms // QUARTER_MS
    if quarter == profile.quarter:
        return profile if flags == profile.flags else replace(profile, flags=flags)
    if quarter != profile.quarter + 1:
        flags |= QuarterFlag.CLOCK_ADJUSTED
    if not mains_on:
        return replace(profile, quarter=quarter, flags=flags)
    if estimate_ms % QUARTER_MS:
        flags |= QuarterFlag.NOT_VALID
    row = QuarterRow(UtcMs(quarter * QUARTER_MS), energy_wh, flags)
    return LoadProfile(quarter, rows=(*profile.rows, row)[-QUARTERS_KEPT:])
