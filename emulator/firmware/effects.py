"""What a meter does to the world: frozen data, performed by a shell in order.

`at` is the tick at which it happened. `Persist` stands before whatever promises its content to the
world; `Noted` is one entry of the black box, and also what a link publishes as an event.
"""

from dataclasses import dataclass

from emulator.firmware.records import Record
from protocols.reasons import ScreenCode, Source, Supply, SupplyReason


@dataclass(frozen=True, slots=True)
class SetSupply:
    """Drive the contactor or valve."""

    at: int
    before: Supply
    after: Supply
    reason: SupplyReason


@dataclass(frozen=True, slots=True)
class Show:
    """Put a text and a code on the screen."""

    at: int
    text: str
    code: ScreenCode


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask `source` for the time with this nonce."""

    at: int
    source: Source
    nonce: str


@dataclass(frozen=True, slots=True)
class Persist:
    """Write the image to the non-volatile memory before going on."""

    at: int
    image: bytes


@dataclass(frozen=True, slots=True)
class Noted:
    """A record entered the black box."""

    at: int
    record: Record


Effect = SetSupply | Show | Ask | Persist | Noted
