"""When a person can restore an armed gas meter: every tap must be closed during the leak test. Pure.

Source: domain.md §1.1.
"""

from emulator.firmware.service_point import LEAK_FLOW_W_MAX
from emulator.world.household import Load
from protocols.instants import DAY_MS, MINUTE_MS, UtcMs

_LOOK_EVERY_MS = 5 * MINUTE_MS
# The leak test takes 12 minutes; a load during the test would end it.
_QUIET_MS = 13 * MINUTE_MS


def quiet_from_ms(load: Load, load_every_ms: int, from_ms: int) -> int:
    """The first instant, in steps of five minutes, from which no tap is open for the whole test.

    `load` is sampled as the meter's household samples it: at every multiple of `load_every_ms`.
    """
    instant_ms = from_ms
    while instant_ms < from_ms + DAY_MS:
        slots = range(instant_ms // load_every_ms + 1, (instant_ms + _QUIET_MS) // load_every_ms + 1)
        if all(load(UtcMs(slot * load_every_ms)) <= LEAK_FLOW_W_MAX for slot in slots):
            return instant_ms
        instant_ms += _LOOK_EVERY_MS
    return instant_ms
