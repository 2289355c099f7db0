"""The reports of the fleet as one voice of the service's clock (design §6.1).

A report carries the meter's own interval, under the meter's own MAC, and counts only while the meter trusts
it. `serve` looks at the meters page by page. A number that is another than at the last look is a new report,
received between the two looks: a lower one is of a new life of the meter, and 0 says that this life has not
reported yet. A report is taken to have been on its way for at most `REPORT_DELAY_MS`. Reports that were
longer on their way, when a network returns after hours, make the fleet say that it is earlier: one wrong
voice, until the next reports.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlmodel import Session, col

from controller.database.tables import MeterRow
from protocols.instants import MINUTE_MS
from protocols.reasons import ClockStatus
from protocols.timing import CLAIM_AGE_MS_MAX, WIDTH_MS_MAX, Carried, claim, fleet_claim

REPORT_DELAY_MS: Final = 10 * MINUTE_MS
# Meters of one look: some milliseconds. Of a greater fleet each meter is looked at every few looks.
_METERS_AT_ONCE: Final = 2_000


class FleetReports:
    """The latest reports that were seen to arrive, by meter."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}
        self._said: dict[str, Carried] = {}
        self._beyond = ""
        # When the present round over all pages began, and the last one that is complete.
        self._round_tick = 0
        self._whole_tick: int | None = None

    def look(self, session: Session, tick: int) -> Carried | None:
        """Look at the next page of meters. Returns what the fleet says; None where no report is recent."""
        if not self._beyond:
            self._round_tick = tick
        # A meter that a whole round has not seen was not known then: its report has come since.
        unseen = None if self._whole_tick is None else (-1, self._whole_tick)
        rows = _page(session, self._beyond)
        for meter, number, clock, earliest_ms, latest_ms in rows:
            before = self._seen.get(meter, unseen)
            self._seen[meter] = (number, tick)
            if before is None or number in {0, before[0]} or clock != ClockStatus.TRUSTED:
                continue
            if earliest_ms is None or latest_ms is None or not 0 <= latest_ms - earliest_ms <= WIDTH_MS_MAX:
                continue
            self._said[meter] = claim(earliest_ms, tick, latest_ms, before[1] - REPORT_DELAY_MS)
        self._beyond = rows[-1][0] if len(rows) == _METERS_AT_ONCE else ""
        if not self._beyond:
            self._whole_tick = self._round_tick
        self._said = {
            meter: said for meter, said in self._said.items() if tick - said.lower_tick <= CLAIM_AGE_MS_MAX
        }
        return fleet_claim(list(self._said.values()), tick)


def _page(session: Session, beyond: str) -> Sequence[tuple[str, int, str | None, int | None, int | None]]:
    """The next meters by id: id, number of the last report, state and interval of the clock then."""
    query = select(
        col(MeterRow.id),
        col(MeterRow.report_number),
        col(MeterRow.clock),
        col(MeterRow.earliest_ms),
        col(MeterRow.latest_ms),
    )
    page = query.where(col(MeterRow.id) > beyond).order_by(col(MeterRow.id)).limit(_METERS_AT_ONCE)
    return [
        (meter, number, clock, earliest_ms, latest_ms)
        for meter, number, clock, earliest_ms, latest_ms in session.execute(page)
    ]
