"""What a meter does to the world: frozen data, performed by a shell in order.

`at_tick` is the tick at which it happened. `Persist` stands before whatever promises its content to the
world; `RecordEmitted` is one entry of the black box, and also what a link publishes as an event.
"""

from msgspec import Struct

from emulator.firmware.ticks import Tick
from protocols.link.records import Record
from protocols.reasons import ScreenCode, Source, Supply, SupplyReason


class SetSupply(Struct, frozen=True):
    """Drive the contactor or valve."""

    at_tick: Tick
    before: Supply
    after: Supply
    reason: SupplyReason


class Show(Struct, frozen=True):
    """Put a text and a code on the screen."""

    at_tick: Tick
    text: str
    code: ScreenCode


class Ask(Struct, frozen=True):
    """Ask `source` for the time with this nonce."""

    at_tick: Tick
    source: Source
    nonce: str


class Persist(Struct, frozen=True):
    """Write the image to the non-volatile memory before going on."""

    at_tick: Tick
    image: bytes


class RecordEmitted(Struct, frozen=True):
    """A record entered the black box."""

    at_tick: Tick
    record: Record


Effect = SetSupply | Show | Ask | Persist | RecordEmitted
