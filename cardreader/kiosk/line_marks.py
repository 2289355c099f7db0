"""What the line remembers in the kiosk's store, by its names (`store.note_mark`).

`CLOCK_*`: what the kiosk believes of its clock, as
`protocols.timing` judges it, at which tick of which boot.
"""

from hashlib import sha256
from typing import Final

from msgspec import Struct
from sqlmodel import Session

from cardreader.kiosk.store import note_mark, noted_mark
from protocols.reasons import ClockStanding
from protocols.timing import CLAIM_AGE_MS_MAX, Judgement

SEQUENCE: Final = "line/sequence"
TAKEN: Final = "line/taken"
CLOCK_TRUSTED: Final = "line/clock_trusted"
CLOCK_TICK: Final = "line/clock_tick"
CLOCK_BOOT: Final = "line/clock_boot"
CLOCK_OFF_MS: Final = "line/clock_off_ms"
_BOOT_BYTES: Final = 7


class KioskClockSeen(Struct, frozen=True, kw_only=True):
    """What another program of this kiosk may take of its clock.

    `off_ms`: the estimate less the system clock, as it was judged. Doubtful wherever nobody has judged it
    lately in this boot.
    """

    standing: ClockStanding
    off_ms: int


def boot_number(boot: str) -> int:
    """The name of a boot as a number that the store can hold."""
    return int.from_bytes(sha256(boot.encode()).digest()[:_BOOT_BYTES])


def note_clock(session: Session, found: Judgement, system_ms: int) -> None:
    """Remember what the kiosk believes of its clock."""
    note_mark(session, CLOCK_TRUSTED, int(found.trusted))
    note_mark(session, CLOCK_TICK, found.tick_ms)
    note_mark(session, CLOCK_BOOT, boot_number(found.boot))
    note_mark(session, CLOCK_OFF_MS, found.estimate_ms - system_ms)


def clock_seen(session: Session, tick: int, boot: str) -> KioskClockSeen:
    """What the kiosk believes of its clock, at this tick of this boot."""
    at_tick, off_ms = noted_mark(session, CLOCK_TICK), noted_mark(session, CLOCK_OFF_MS) or 0
    trusted = (
        noted_mark(session, CLOCK_TRUSTED) == 1
        and noted_mark(session, CLOCK_BOOT) == boot_number(boot)
        and at_tick is not None
        and 0 <= tick - at_tick <= CLAIM_AGE_MS_MAX
    )
    return KioskClockSeen(
        standing=ClockStanding.TRUSTED if trusted else ClockStanding.DOUBTFUL, off_ms=off_ms
    )
