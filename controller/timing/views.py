"""The service's clock as commands show it. Reads only."""

from msgspec import Struct
from sqlmodel import Session

from controller.timing.comparing import ClockComparison, Here, compare
from controller.timing.store import ClockWritten, read_clock


class ClockSeen(Struct, frozen=True, kw_only=True):
    """What `serve` wrote of its clock (None: never), and this machine's beside it."""

    written: ClockWritten | None
    compared: ClockComparison


def see_clock(session: Session, here: Here) -> ClockSeen:
    """The service's clock, and how this machine's clock compares with it."""
    written = read_clock(session)
    return ClockSeen(written=written, compared=compare(None if written is None else written.judged, here))
