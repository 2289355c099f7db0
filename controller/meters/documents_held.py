"""Which root and which issuers document meters and kiosks hold: the next one is numbered above. Reads only.

A store that was restored from a backup may have given a version before. A meter or kiosk whose key was stolen
can name any version: one that is far above what is in force is not believed.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Struct
from sqlmodel import Session, col, func, select

from controller.database.kiosk_tables import KioskRow
from controller.database.tables import MeterRow
from protocols.limits import REV_STEP_MAX


class _KioskHolds(Struct):
    """Of a kiosk's status (`protocols.link.kiosk_words`): the versions that it holds."""

    root: int = 0
    issuers: int = 0


_holds: msgspec.json.Decoder[_KioskHolds] = msgspec.json.Decoder(_KioskHolds)


def root_version_held(session: Session, current: int) -> int:
    """The highest version of a root that any of them holds; `current` where none holds a later one."""
    column = col(MeterRow.root_version)
    highest = session.exec(select(func.max(column)).where(column <= current + REV_STEP_MAX)).one()
    return _highest(current, [highest or 0, *(each.root for each in _kiosks_hold(session))])


def issuers_version_held(session: Session, current: int) -> int:
    """The highest version of an issuers document that any of them holds; `current` where none is later."""
    column = col(MeterRow.issuers_version)
    highest = session.exec(select(func.max(column)).where(column <= current + REV_STEP_MAX)).one()
    return _highest(current, [highest or 0, *(each.issuers for each in _kiosks_hold(session))])


def _kiosks_hold(session: Session) -> Iterator[_KioskHolds]:
    query = select(KioskRow.status).where(col(KioskRow.revoked_ms).is_(None))
    return (_holds.decode(status) for status in session.exec(query) if status is not None)


def _highest(current: int, held: list[int]) -> int:
    return max([current, *(each for each in held if each <= current + REV_STEP_MAX)])
