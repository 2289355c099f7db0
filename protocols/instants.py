"""Instants as UTC integers, in milliseconds since 1970-01-01T00:00:00Z (`_ms`).

One unit everywhere: on the wire, in the firmware, in the store. Local time exists only at the
edges, with a zone beside it. Durations are in milliseconds too (`_ms`), or in whole seconds
(`_s`) where a person writes them.

`UtcMs` is the type of an instant wherever a count that is none could be taken for one: a meter's ticks
are milliseconds too (`emulator.firmware.ticks`), and are no date.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import NewType

UtcMs = NewType("UtcMs", int)

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# What a datetime can hold, with room for any zone: years 1 to 9999 less a day on either side.
EARLIEST_MS = -62_135_510_400_000
LATEST_MS = 253_402_214_400_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_MS = timedelta(milliseconds=1)


def ms_from_datetime(moment: datetime) -> UtcMs:
    """The instant of an aware datetime, rounded down to a millisecond.

    Raises ValueError for a datetime without an offset: its instant is not known.
    """
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no offset from UTC")
    return UtcMs((moment - _EPOCH) // _ONE_MS)


def datetime_from_ms(instant_ms: int, zone: tzinfo = UTC) -> datetime:
    """The aware datetime of an instant, in `zone`. Raises OverflowError outside years 1 to 9999."""
    return (_EPOCH + timedelta(milliseconds=instant_ms)).astimezone(zone)


def iso_from_ms(instant_ms: int) -> str:
    """`2020-07-03T21:01:00Z`; milliseconds appear only where there are any."""
    moment = datetime_from_ms(instant_ms).replace(tzinfo=None)
    precision = "milliseconds" if instant_ms % SECOND_MS else "seconds"
    return moment.isoformat(timespec=precision) + "Z"


def iso_or_none(instant_ms: int | None) -> str | None:
    """As `iso_from_ms`; None for None, and outside years 1 to 9999.

    Whatever came from outside or out of a store is shown by this: a faulty register may hold any number.
    """
    if instant_ms is None or not EARLIEST_MS <= instant_ms <= LATEST_MS:
        return None
    return iso_from_ms(instant_ms)


def ms_from_iso(text: str) -> UtcMs:
    """The instant of an ISO 8601 text with an offset. Raises ValueError for any other text."""
    return ms_from_datetime(datetime.fromisoformat(text))
