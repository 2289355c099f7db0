"""How much time has passed at a kiosk, by a count that no clock sets: for limits that are for so many hours.

It rises with the machine's count since its boot, from the first program after the boot on. How long it was
before that, and how long the machine was off, only the judged clock can say, once the kiosk trusts it
(`line_marks.clock_seen`); until then it counts as nothing: the store may have come from another machine. So a
clock that is set a day on forgets nothing, and one that is set back forbids nothing.
"""

from typing import Final

from sqlmodel import Session

from cardreader.kiosk.rules import Moment, passed_ms
from cardreader.kiosk.store import note_mark, noted_mark

_COUNTED: Final = "elapsed/counted_ms"
_TICK: Final = "elapsed/tick_ms"
_BOOT: Final = "elapsed/boot"
# The count when the clock was judged last, and what it said then.
_JUDGED_AT: Final = "elapsed/judged_at_ms"
_JUDGED: Final = "elapsed/judged_ms"


def pass_time(session: Session, now: Moment, judged_ms: int | None) -> int:
    """The count at this moment, which is remembered. `judged_ms`: what the kiosk believes the time to be.

    None: it doubts its clock.
    """
    counted_ms, tick, boot = (noted_mark(session, name) for name in (_COUNTED, _TICK, _BOOT))
    last = None if counted_ms is None or tick is None or boot is None else (counted_ms, tick, boot)
    at_ms, said_ms = noted_mark(session, _JUDGED_AT), noted_mark(session, _JUDGED)
    anchor = None if at_ms is None or said_ms is None else (at_ms, said_ms)
    counted = passed_ms(last, anchor, now, judged_ms)
    note_mark(session, _COUNTED, counted)
    note_mark(session, _TICK, now.tick_ms)
    note_mark(session, _BOOT, now.boot)
    if judged_ms is not None:
        note_mark(session, _JUDGED_AT, counted)
        note_mark(session, _JUDGED, judged_ms)
    return counted
