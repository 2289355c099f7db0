"""Looks whether `relance serve` serves: without it an order waits in the store, whatever the command says."""

import time
from dataclasses import dataclass
from typing import Final

from controller.office.opening import Office
from controller.service.liveness import (
    LOOK_MS,
    LifeSign,
    ServiceState,
    Uptime,
    age_ms,
    is_elsewhere,
    presence_of,
)
from controller.service.views import life_sign
from protocols.instants import SECOND_MS
from protocols.rim.clocks import boot_id, tick_ms
from protocols.words.en.times import duration

_POLL_MS: Final = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """How `relance serve` stands, by its sign of life. `age_ms` None: no clock here can tell."""

    presence: ServiceState
    sign: LifeSign | None
    age_ms: int | None

    @property
    def serves(self) -> bool:
        return self.presence is ServiceState.SERVING


def look(office: Office) -> Seen:
    """Look at once; where the service runs on another machine, until its next beat, five seconds at most."""
    with office.reading() as session:
        sign = life_sign(session)
    here = Uptime(boot_id(), tick_ms())
    later = _next_sign(office, sign, here.tick_ms + LOOK_MS) if is_elsewhere(sign, here) else None
    old_ms = None if sign is None else age_ms(sign, here)
    return Seen(presence_of(sign, here, later), later or sign, old_ms)


def unserved_in_words(seen: Seen) -> str | None:
    """Why nobody sends what waits; None where the service serves."""
    match seen.presence:
        case ServiceState.SERVING:
            return None
        case ServiceState.ABSENT:
            return "`relance serve` is not running"
        case ServiceState.NO_BROKER:
            at = "its broker" if seen.sign is None else seen.sign.broker
            return f"`relance serve` has no connection to {at}"
        case ServiceState.SILENT:
            since = "now" if seen.age_ms is None else duration(seen.age_ms // SECOND_MS * SECOND_MS)
            lasting = "gives no sign of life" if since == "now" else f"gave its last sign of life {since} ago"
            host = "" if seen.sign is None else f" on {seen.sign.host}"
            return f"`relance serve`{host} {lasting}"


def _next_sign(office: Office, sign: LifeSign | None, until_tick_ms: int) -> LifeSign | None:
    later = sign
    while later == sign and tick_ms() < until_tick_ms:
        time.sleep(_POLL_MS / SECOND_MS)
        with office.reading() as session:
            later = life_sign(session)
    return later
