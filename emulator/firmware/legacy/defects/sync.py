"""Defects in how dates reach the clock: late, twice, or in the wrong order."""

from typing import ClassVar

from emulator.firmware.legacy.defects.defect import Dates, Defect
from protocols.instants import DAY_MS, UtcMs
from protocols.reasons import Source

# A card lies in a pocket for one to nine days between terminal and meter.
_POCKET_DAYS_MAX = 9
_POCKET_DAYS_USUAL = 5


class StaleCardTime(Defect):
    """The card is a time message that lay in a pocket: the meter takes the terminal's hour for now."""

    name: ClassVar[str] = "stale_card_time"
    bugs: ClassVar[tuple[str, ...]] = ("B50",)
    does: ClassVar[str] = (
        "a date on a card is as old as its way home: 5 days with seed 0, else 1 to 9 by the seed"
    )
    needs: ClassVar[str] = "a date on a card"
    predicts: ClassVar[str] = "8 July 23:01: days late; a Saturday becomes a Monday and is cut like one"

    def dates_heard(self, dates: Dates, _previous_ms: UtcMs | None, source: str, /) -> Dates:
        if source != Source.CARD:
            return dates
        age_ms = ((self.seed + _POCKET_DAYS_USUAL - 1) % _POCKET_DAYS_MAX + 1) * DAY_MS
        return tuple(UtcMs(date_ms - age_ms) for date_ms in dates)


class ReplaySync(Defect):
    """The last date stays on the card, and each later pass of the card sets the clock to it again."""

    name: ClassVar[str] = "replay_sync"
    bugs: ClassVar[tuple[str, ...]] = ("B50",)
    does: ClassVar[str] = (
        "a card without a date brings the last one heard once more: the clock goes back to it"
    )
    needs: ClassVar[str] = "a date set, and any card later"
    predicts: ClassVar[str] = (
        "late by the time between sync and card; the hours of the day are wrong meanwhile"
    )

    def dates_heard(self, dates: Dates, previous_ms: UtcMs | None, source: str, /) -> Dates:
        if dates or source != Source.CARD or previous_ms is None:
            return dates
        return (previous_ms,)


class ReorderSync(Defect):
    """Of two dates the older arrives last: each sync ends with the date of the one before."""

    name: ClassVar[str] = "reorder_sync"
    bugs: ClassVar[tuple[str, ...]] = ("B51",)
    does: ClassVar[str] = "after each date the one heard before it arrives late, and is obeyed"
    needs: ClassVar[str] = "two dates set"
    predicts: ClassVar[str] = "late by the time between the two syncs"

    def dates_heard(self, dates: Dates, previous_ms: UtcMs | None, _source: str, /) -> Dates:
        return dates if not dates or previous_ms is None else (*dates, previous_ms)
