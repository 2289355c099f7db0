"""Waits for a meter that the mains have just woken, by asking what changes nothing."""

from typing import Final

from hil.capabilities import BenchError, Console, Timebase

_POLL_MS: Final = 100


def wait_for_console(console: Console, timebase: Timebase, until_ms: int) -> None:
    """Return once it answers, or once the time is over: then whoever asks next is told what came instead."""
    while True:
        try:
            console.ask("identity")
        except BenchError:
            if timebase.now_ms() >= until_ms:
                return
            timebase.let_pass(_POLL_MS)
        else:
            return
