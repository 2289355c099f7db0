"""What a store is known to have lost. Reads only."""

from typing import Final

from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.tables import CounterRow
from controller.office.audit import recorded_ms
from protocols.limits import INSTANT_MS_MAX

# The entries lost after one entry, by its number; and the entry in which that was recorded.
LOST: Final = "lost/"
LOST_AT: Final = "lost-at/"


class FoundLoss(Struct, frozen=True, kw_only=True):
    """Entries of the audit that are lost: `entries` of them, after the entry `after`.

    `found_at`: the entry that records it.
    """

    after: int
    entries: int
    found_at: int


def found_losses(session: Session, beyond: int = 0) -> list[FoundLoss]:
    """The losses that were recorded in an entry beyond this one, the earliest first."""
    lost, at = _counted(session, LOST), _counted(session, LOST_AT)
    found = [FoundLoss(after=after, entries=lost[after], found_at=at.get(after, 0)) for after in sorted(lost)]
    return [each for each in found if each.found_at > beyond]


def losses_found_ms(session: Session) -> list[int]:
    """When each loss was recorded, by the clock of then; one whose entry is gone counts as found just now."""
    entries = [each.found_at for each in found_losses(session)]
    return [recorded_ms(session, number) or INSTANT_MS_MAX for number in entries]


def _counted(session: Session, prefix: str) -> dict[int, int]:
    query = select(CounterRow.name, CounterRow.value).where(col(CounterRow.name).startswith(prefix))
    return {int(name.removeprefix(prefix)): value for name, value in session.exec(query)}
