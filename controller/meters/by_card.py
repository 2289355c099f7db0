"""Meters that only cards reach, and whether their clocks are too wide to cut (design §4.1).

Ask and answer on a card leave the interval as wide as the time between two visits. After lost ticks no window
holds it any more, until a technician narrows it, or a link does: nothing else in a list would show that.
"""

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, func, select

from cardreader.explaining.rules import WINDOW_LONGEST_MS
from controller.database.tables import MeterRow
from controller.meters.registry import BY_CARD
from controller.meters.retired import in_fleet


def is_too_wide(link: str, earliest_ms: int | None, latest_ms: int | None) -> bool:
    """Whether a meter on cards has a clock that no window of a cut can hold, by its last report."""
    if link != BY_CARD or earliest_ms is None:
        return False
    return latest_ms is None or latest_ms - earliest_ms > WINDOW_LONGEST_MS


def count_too_wide(session: Session) -> int:
    """How many meters cannot cut until a technician comes."""
    query = select(func.count()).select_from(MeterRow).where(_too_wide(), in_fleet())
    return session.exec(query).one()


def _too_wide() -> ColumnElement[bool]:
    wide = col(MeterRow.latest_ms) - col(MeterRow.earliest_ms) > WINDOW_LONGEST_MS
    known = and_(col(MeterRow.link) == BY_CARD, col(MeterRow.earliest_ms).is_not(None))
    return and_(known, or_(col(MeterRow.latest_ms).is_(None), wide))
