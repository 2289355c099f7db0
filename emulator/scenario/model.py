"""The content of a scenario file, read and checked: resolved, typed, in integers (design §9).

`form` reads it from text; `player` plays it. Every meter pattern is expanded, every default filled in,
every instant is in UTC milliseconds, every amount an integer. Events are in playing order.
"""

from dataclasses import dataclass
from typing import Literal

from emulator.firmware.events import ButtonName, DocumentChannel
from emulator.firmware.profile import Profile
from protocols.documents.bodies import RegisterPrice, Switch
from protocols.limits import ReleaseHours
from protocols.reasons import FlagName, PaymentMode, Source
from protocols.spans import Window


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """One meter. `load_w` None: the load of a household, from the seed. `mode`: guarded meters only."""

    id: str
    firmware: Literal["guarded", "legacy-2020"]
    profile: Profile
    balance_q: int
    load_w: int | None
    faults: tuple[str, ...]
    drift_ppm: int
    mode: PaymentMode = PaymentMode.PREPAID


@dataclass(frozen=True, slots=True)
class WitnessSpec:
    source: Source
    offset_ms: int | None
    time_ms: int | None
    fresh: bool
    spread_ms: int


@dataclass(frozen=True, slots=True)
class SetClockSpec:
    offset_ms: int | None
    time_ms: int | None


@dataclass(frozen=True, slots=True)
class RtcLostSpec:
    pass


@dataclass(frozen=True, slots=True)
class SetMainsSpec:
    """`mains_on` and `mains_off`."""

    on: bool


@dataclass(frozen=True, slots=True)
class HoldSpec:
    id: str
    from_ms: int
    until_ms: int
    signatures: int


@dataclass(frozen=True, slots=True)
class LiftHoldSpec:
    id: str
    signatures: int


@dataclass(frozen=True, slots=True)
class ShortenHoldSpec:
    id: str
    until_ms: int
    signatures: int


@dataclass(frozen=True, slots=True)
class CutCalendarSpec:
    """`windows` are already compiled, from the event's instant to `until_ms`."""

    rule: str
    zone: str
    holidays: str
    until_ms: int
    windows: tuple[Window, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProgrammedCutSpec:
    """`time_ms` is for legacy meters, the interval for guarded ones."""

    id: str
    time_ms: int | None
    not_before_ms: int | None
    not_after_ms: int | None


@dataclass(frozen=True, slots=True)
class CancelCutSpec:
    id: str


@dataclass(frozen=True, slots=True)
class TopUpSpec:
    """`countersigned`: two people sign its statement too, so that no allowance limits it."""

    id: str
    amount_ueur: int
    channel: DocumentChannel
    countersigned: bool = False


@dataclass(frozen=True, slots=True)
class IssuersSpec:
    """People name the scenario's issuer: payments after it are signed with the issuer's key of this epoch."""

    epoch: int
    allowance_ueur_per_day: int
    signatures: int


@dataclass(frozen=True, slots=True)
class TariffSpec:
    """`registers` and `switches` are already compiled, from the event's instant to the file's `until`."""

    price_ueur_per_kwh: int
    fixed_ueur_per_day: int
    registers: tuple[RegisterPrice, ...] = ()
    switches: tuple[Switch, ...] = ()


@dataclass(frozen=True, slots=True)
class DeferralSpec:
    id: str
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class DebtSpec:
    """All debt that was ever put on the meter, and how payments bring it back.

    `share_permille` None: the share that the meter's profile names.
    """

    total_ueur: int
    share_permille: int | None
    payment_cap_ueur: int
    period_cap_ueur: int
    period_days: int


@dataclass(frozen=True, slots=True)
class RefundSpec:
    """All that was ever paid back out of the purse."""

    total_ueur: int


@dataclass(frozen=True, slots=True)
class ParametersSpec:
    """A version of a meter's parameters; versions are counted from 1. `back_to`: of that earlier version."""

    from_ms: int
    mode: PaymentMode | None
    back_to: int | None


@dataclass(frozen=True, slots=True)
class ReleaseSpec:
    """`until_ms`: until when it may be presented; None: no end is meant."""

    hours: ReleaseHours
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class EmergencyCreditSpec:
    pass


@dataclass(frozen=True, slots=True)
class RebaseSpec:
    pass


@dataclass(frozen=True, slots=True)
class PressSpec:
    name: ButtonName


@dataclass(frozen=True, slots=True)
class FlagSpec:
    name: FlagName
    value: bool


@dataclass(frozen=True, slots=True)
class SetLoadSpec:
    load_w: int


@dataclass(frozen=True, slots=True)
class OvercurrentSpec:
    pass


@dataclass(frozen=True, slots=True)
class CardInSpec:
    """A card is put in: that of a file, or (empty) the meter's own; it is pulled out after so many ms."""

    card: str
    pull_after_ms: int | None


@dataclass(frozen=True, slots=True)
class CardOutSpec:
    pass


KioskAct = Literal["read", "topup", "reactivate", "recover"]


@dataclass(frozen=True, slots=True)
class KioskSpec:
    """A pass at a kiosk. `id`: of the payment, or of the cut to cancel. `card`: as for `CardInSpec`."""

    act: KioskAct
    id: str
    amount_ueur: int
    card: str


Do = (
    WitnessSpec
    | SetClockSpec
    | RtcLostSpec
    | SetMainsSpec
    | HoldSpec
    | LiftHoldSpec
    | ShortenHoldSpec
    | CutCalendarSpec
    | ProgrammedCutSpec
    | CancelCutSpec
    | TopUpSpec
    | IssuersSpec
    | TariffSpec
    | DeferralSpec
    | DebtSpec
    | RefundSpec
    | ParametersSpec
    | ReleaseSpec
    | EmergencyCreditSpec
    | RebaseSpec
    | PressSpec
    | FlagSpec
    | SetLoadSpec
    | OvercurrentSpec
    | CardInSpec
    | CardOutSpec
    | KioskSpec
)


@dataclass(frozen=True, slots=True)
class EventSpec:
    """`index` is the event's number in the file, for messages."""

    at_ms: int
    index: int
    meters: tuple[str, ...]
    do: Do


ExpectKey = Literal["supply", "balance_eur", "clock", "code", "cuts", "reason"]


@dataclass(frozen=True, slots=True)
class ExpectSpec:
    """All of `wanted` must hold for each of `meters` at `at_ms`. Values as in the file, checked.

    `balance_eur` keeps its text: it is compared half-even to the decimals given.
    """

    at_ms: int
    index: int
    meters: tuple[str, ...]
    wanted: tuple[tuple[ExpectKey, str | int], ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`warnings`: a line for each thing that the file may say, and probably does not mean.

    `home`: the folder of a controller's home, whose root and fleet key the meters are given; empty: none, and
    all keys are for practice, of the seed.
    """

    file: str
    name: str
    start_ms: int
    end_ms: int
    seed: int
    meters: tuple[MeterSpec, ...]
    events: tuple[EventSpec, ...]
    expects: tuple[ExpectSpec, ...]
    warnings: tuple[str, ...] = ()
    home: str = ""

    @property
    def uses_cards(self) -> bool:
        """Whether a card or a kiosk is in it: then meters have the keys that cards are made with."""
        return any(isinstance(event.do, CardInSpec | CardOutSpec | KioskSpec) for event in self.events)
