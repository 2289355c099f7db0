"""Whether a service serves, by its sign of life. Pure; no wall clock decides.

On the machine of the service the time since the boot tells how old the sign is. On another machine nothing
does: there a service lives whose beats go on while one looks.
"""

from enum import StrEnum, unique
from typing import Final

from msgspec import Struct

from protocols.instants import SECOND_MS

BEAT_MS: Final = 2 * SECOND_MS
# Five beats: a beat waits behind other writers.
SILENT_MS: Final = 10 * SECOND_MS
# How long one looks from another machine: two beats, and some time for the network.
LOOK_MS: Final = 5 * SECOND_MS


@unique
class ServiceState(StrEnum):
    """`no_broker`: it runs, and has no connection to its broker; `silent`: it was killed, or hangs."""

    SERVING = "serving"
    NO_BROKER = "no_broker"
    SILENT = "silent"
    ABSENT = "absent"


class LifeSign(Struct, frozen=True, kw_only=True):
    """The last sign of life of a service; its fields as those of `tables.ServiceRow`."""

    run: str
    host: str
    boot_id: str
    began_tick_ms: int
    tick_ms: int
    beat: int
    broker: str
    connected: int


class Uptime(Struct, frozen=True):
    """What the reader's machine counts: milliseconds since its boot of this name."""

    boot_id: str
    tick_ms: int


def is_elsewhere(sign: LifeSign | None, here: Uptime) -> bool:
    """Whether the sign is of another machine, or of this one before its last boot."""
    return sign is not None and sign.boot_id != here.boot_id


def age_ms(sign: LifeSign, here: Uptime) -> int | None:
    """How old the sign is; None where only its beats could tell."""
    return None if is_elsewhere(sign, here) else max(0, here.tick_ms - sign.tick_ms)


def presence_of(sign: LifeSign | None, here: Uptime, later: LifeSign | None = None) -> ServiceState:
    """How a service stands. `later`: its sign after `LOOK_MS`, which decides where it runs elsewhere."""
    if sign is None:
        return ServiceState.ABSENT
    old_ms = age_ms(sign, here)
    if old_ms is None:
        if later is None:
            return ServiceState.SILENT
        alive = (later.run, later.beat) != (sign.run, sign.beat)
        sign = later
    else:
        alive = old_ms < SILENT_MS
    if not alive:
        return ServiceState.SILENT
    return ServiceState.SERVING if sign.connected else ServiceState.NO_BROKER
