"""What a meter does to the world: frozen data that the caller performs in their order.

`at_tick` is the tick at which it happened. `Persist` comes first, since the other effects promise to the
world what the image holds.
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
    """Write the image to the non-volatile memory before any later effect is performed."""

    at_tick: Tick
    image: bytes


class SendToCard(Struct, frozen=True):
    """Send this command to the card in the slot, and bring its answer as `CardAnswered`."""

    at_tick: Tick
    command: bytes


class RecordEmitted(Struct, frozen=True):
    """A record for whoever watches; a link publishes some of them as events.

    `is_journalled`: the black box holds it too; not what `Recorder.emit_record` emitted.
    """

    at_tick: Tick
    record: Record
    is_journalled: bool = True


Effect = SetSupply | Show | Ask | Persist | SendToCard | RecordEmitted
