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
STATEMENTS: Final = "line/statements"
CLOCK_TRUSTED: Final = "line/clock_trusted"
CLOCK_TICK: Final = "line/clock_tick"
CLOCK_BOOT: Final = "line/clock_boot"
CLOCK_ESTIMATE_MS: Final = "line/clock_estimate_ms"
_BOOT_BYTES: Final = 7


class KioskClockSeen(Struct, frozen=True, kw_only=True):
    """What another program of this kiosk may take of its clock.

    `estimate_ms`: what the kiosk believes the time to be, carried on by the machine's count since its boot
    and not by the system clock, which anybody may have set since; None where it is doubtful. It is wherever
    nobody has judged it lately in this boot.
    """

    standing: ClockStanding
    estimate_ms: int | None


def boot_number(boot: str) -> int:
    """The name of a boot as a number that the store can hold."""
    return int.from_bytes(sha256(boot.encode()).digest()[:_BOOT_BYTES])


def note_clock(session: Session, found: Judgement) -> None:
    """Remember what the kiosk believes of its clock."""
    note_mark(session, CLOCK_TRUSTED, int(found.trusted))
    note_mark(session, CLOCK_TICK, found.tick_ms)
    note_mark(session, CLOCK_BOOT, boot_number(found.boot))
    note_mark(session, CLOCK_ESTIMATE_MS, found.estimate_ms)


def clock_seen(session: Session, tick: int, boot: str) -> KioskClockSeen:
    """What the kiosk believes of its clock, at this tick of this boot."""
    at_tick, at_ms = noted_mark(session, CLOCK_TICK), noted_mark(session, CLOCK_ESTIMATE_MS)
    trusted = (
        noted_mark(session, CLOCK_TRUSTED) == 1
        and noted_mark(session, CLOCK_BOOT) == boot_number(boot)
        and at_tick is not None
        and 0 <= tick - at_tick <= CLAIM_AGE_MS_MAX
    )
    if not trusted or at_tick is None or at_ms is None:
        return KioskClockSeen(standing=ClockStanding.DOUBTFUL, estimate_ms=None)
    return KioskClockSeen(standing=ClockStanding.TRUSTED, estimate_ms=at_ms + tick - at_tick)
