"""What can happen to a meter. A shell or a player hands each to `meter.handle(event, at_tick)`.

`at_tick` counts the milliseconds of the meter's own crystal since its first power-up: no event carries
true time, except in documents that claim it. Channels say how a document travelled; a meter decides
nothing by them, except that a card's result is shown as a card's.
"""

from dataclasses import dataclass
from enum import StrEnum, unique

from protocols.instants import UtcMs
from protocols.reasons import Source


@unique
class DocumentChannel(StrEnum):
    MQTT = "mqtt"
    CARD = "card"
    CODE = "code"


@unique
class ButtonName(StrEnum):
    RED = "red"
    BLUE = "blue"
    BREAKER = "breaker"


@dataclass(frozen=True, slots=True)
class SetLoad:
    """The household draws `load_w` whenever it is supplied."""

    load_w: int


@dataclass(frozen=True, slots=True)
class MainsOff:
    """The supply side is dead. The cell keeps the ticks."""


@dataclass(frozen=True, slots=True)
class MainsOn:
    """The supply side is back."""


@dataclass(frozen=True, slots=True)
class TicksLost:
    """The counter of ticks was lost or is doubted (cell, oscillator stop, copies that differ)."""


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """A technician on site, behind the seal, has the meter doubt its ticks: a rebase that names no dispute.

    It carries no time: until two witnesses have answered after it, the clock is lost (design §4.1). One
    person may do it, since all it can do is to stop cuts.
    """


@dataclass(frozen=True, slots=True)
class Overcurrent:
    """The over-current element tripped: a safety cause."""


@dataclass(frozen=True, slots=True)
class Button:
    """A person at the meter presses a button or raises the breaker."""

    name: ButtonName


@dataclass(frozen=True, slots=True)
class AskTime:
    """The link is up and `source` can be asked for the time: the meter makes a nonce."""

    source: Source


@dataclass(frozen=True, slots=True)
class Document:
    """A signed envelope arrived: an order, a lease or a time.

    `drawn`: 32 bytes of chance, of the meter's own; without them it draws no new key.
    """

    data: bytes
    channel: DocumentChannel = DocumentChannel.MQTT
    drawn: bytes = b""


@dataclass(frozen=True, slots=True)
class UnsignedDate:
    """A date without signature (a DLMS clock write, the console). Guarded: logged, never counted."""

    time_ms: UtcMs


@dataclass(frozen=True, slots=True)
class CardPass:
    """A card in the slot of the card meter of 2020: everything it carries is obeyed, in this order.

    `date_ms` is the date as the card brings it, `date_source` whose it was; `number` counts the
    card's writings and is looked at by no meter of 2020. Instants are in UTC here; the meter turns
    them into the legal local calendar it lives in. `top_up_ueur` is paid once per `payment`.
    """

    number: int
    date_ms: UtcMs | None = None
    date_source: Source = Source.CARD
    payment: str = ""
    top_up_ueur: int = 0
    suspend_from_ms: UtcMs | None = None
    suspend_until_ms: UtcMs | None = None
    programmed_cut: str = ""
    programmed_cut_ms: UtcMs | None = None
    cancel_cut: str = ""
    restart: bool = False


@dataclass(frozen=True, slots=True)
class CardInserted:
    """A chip card is in the slot, and has power: the meter answers with its first command (`SendToCard`).

    `drawn`: as of a `Document`, for what the card brings in this visit.
    """

    drawn: bytes = b""


@dataclass(frozen=True, slots=True)
class CardAnswered:
    """The card's answer to the last command. Fewer than two bytes: it has gone, whatever the reader says."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CardRemoved:
    """The slot is empty: the card was pulled out, at whatever moment."""


Event = (
    SetLoad
    | MainsOff
    | MainsOn
    | TicksLost
    | NewEpoch
    | Overcurrent
    | Button
    | AskTime
    | Document
    | UnsignedDate
    | CardPass
    | CardInserted
    | CardAnswered
    | CardRemoved
)
