"""Logs dates that nobody has signed; they change nothing else (design §4.1).

Each is emitted, for whoever watches. One an hour is journalled, with how many came since the last one:
whoever reaches an optical port or a DLMS client can send as many as he likes, and 512 of them would wash
everything else out of the black box.
"""

from typing import Final

from msgspec import UNSET

from emulator.firmware.guarded import clock
from emulator.firmware.guarded.memory import DatesNoted, Memory
from emulator.firmware.recorder import Recorder
from emulator.firmware.ticks import Tick
from protocols.instants import HOUR_MS, UtcMs
from protocols.link.records import ClaimHeard
from protocols.reasons import ClaimSource, ClaimVerdict

DATES_NOTED_EVERY_MS: Final = HOUR_MS


def log_date(time_ms: UtcMs, memory: Memory, recorder: Recorder, at_tick: Tick) -> None:
    """Log a date that came at a tick, or count it."""
    offset_ms = time_ms - clock.estimate_ms(memory.clock, at_tick)
    noted = memory.dates
    if noted is not None and at_tick - noted.logged_at < DATES_NOTED_EVERY_MS:
        memory.dates = DatesNoted(noted.logged_at, noted.passed_over + 1)
        recorder.emit_record(
            at_tick, ClaimHeard(ClaimSource.UNSIGNED, ClaimVerdict.LOGGED, offset_ms, time_ms)
        )
        return
    passed_over = 0 if noted is None else noted.passed_over
    memory.dates = DatesNoted(at_tick)
    logged = ClaimHeard(ClaimSource.UNSIGNED, ClaimVerdict.LOGGED, offset_ms, time_ms, passed_over or UNSET)
    recorder.journal(at_tick, logged)
