"""What a request does to a meter beyond its answer, and how an object says so. Pure.

No object touches the meter. It names a deed, which brings the firmware something that the firmware judges.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from emulator.faces.dlms.services import DlmsResult
from emulator.faces.dlms.values import Datum
from emulator.faces.view import FaceView
from protocols.instants import UtcMs


class BringUnsignedDate(NamedTuple):
    """Bring the meter this date, which nobody has signed."""

    time_ms: UtcMs


class BringUnsignedRequest(NamedTuple):
    """Bring the meter a request that takes signatures and has none, as the bytes that came."""

    pdu: bytes


class BringDocument(NamedTuple):
    """Bring the meter what should be a signed document: it judges it as one from a card or the network."""

    data: bytes


DlmsDeed = BringUnsignedDate | BringUnsignedRequest | BringDocument


@dataclass(slots=True)
class ClockPreset:
    """What method 5 of the clock has left for method 4: an instant, and from when to when it may be set."""

    time_ms: UtcMs | None = None
    from_ms: int = 0
    until_ms: int = 0


class GivenValue(NamedTuple):
    """What is written to an attribute, or given to a method. `pdu`: the bytes of the request."""

    value: Datum
    pdu: bytes


Outcome = tuple[DlmsResult, DlmsDeed | None]
# What a SET of an attribute or an ACTION of a method comes to.
Doing = Callable[[GivenValue, FaceView, ClockPreset], Outcome]


def unsigned_date(time_ms: UtcMs | None) -> Outcome:
    """A date is brought, and answered with success whatever the meter makes of it; None: none is meant."""
    if time_ms is None:
        return DlmsResult.TYPE_UNMATCHED, None
    return DlmsResult.SUCCESS, BringUnsignedDate(time_ms)


def refused_and_told(given: GivenValue, _view: FaceView, _preset: ClockPreset) -> Outcome:
    """It takes signatures, and has none: the firmware is told, and refuses it."""
    return DlmsResult.READ_WRITE_DENIED, BringUnsignedRequest(given.pdu)
