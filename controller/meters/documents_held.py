"""Which root and which issuers document meters prove to hold: the next one is numbered above. Reads only.

A store that was restored from a backup may have given a version before. A meter whose key was stolen can name
any version: one that is far above what is in force is not believed.
"""

from sqlmodel import Session, col, func, select

from controller.database.tables import MeterRow
from protocols.limits import REV_STEP_MAX


def root_version_held(session: Session, current: int) -> int:
    """The highest version of a root that any meter holds; `current` where none holds a later one."""
    column = col(MeterRow.root_version)
    highest = session.exec(select(func.max(column)).where(column <= current + REV_STEP_MAX)).one()
    return max(current, highest or 0)


def issuers_version_held(session: Session, current: int) -> int:
    """The highest version of an issuers document that any meter holds; `current` where none is later."""
    column = col(MeterRow.issuers_version)
    highest = session.exec(select(func.max(column)).where(column <= current + REV_STEP_MAX)).one()
    return max(current, highest or 0)
