"""What a scenario file says, once read and checked: resolved, typed, in integers (design §9).

`form` makes it from text; `player` plays it. Every meter pattern is expanded, every default filled
in, every instant in UTC milliseconds, every amount in integers. Events are in playing order.
"""

from dataclasses import dataclass
from typing import Literal

from emulator.firmware.events import ButtonName, Channel
from emulator.firmware.profile import Profile
from protocols.limits import ReleaseHours
from protocols.reasons import FlagName, Source
from protocols.spans import Window


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """`load_w` None: a seeded household profile."""

    id: str
    firmware: Literal["guarded", "legacy-2020"]
    profile: Profile
    balance_q: int
    load_w: int | None
    faults: tuple[str, ...]
    drift_ppm: int


@dataclass(frozen=True, slots=True)
class Witness:
    source: Source
    offset_ms: int | None
    time_ms: int | None
    fresh: bool
    spread_ms: int


@dataclass(frozen=True, slots=True)
class SetClock:
    offset_ms: int | None
    time_ms: int | None


@dataclass(frozen=True, slots=True)
class RtcLost:
    pass


@dataclass(frozen=True, slots=True)
class SetMains:
    """`mains_on` and `mains_off`."""

    on: bool


@dataclass(frozen=True, slots=True)
class Hold:
    id: str
    from_ms: int
    until_ms: int
    signatures: int


@dataclass(frozen=True, slots=True)
class LiftHold:
    id: str
    signatures: int


@dataclass(frozen=True, slots=True)
class ShortenHold:
    id: str
    until_ms: int
    signatures: int


@dataclass(frozen=True, slots=True)
class CutCalendar:
    """`windows` are already compiled, from the event's instant to `until_ms`."""

    rule: str
    zone: str
    holidays: str
    until_ms: int
    windows: tuple[Window, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProgrammedCut:
    """`time_ms` is for legacy meters, the interval for guarded ones."""

    id: str
    time_ms: int | None
    not_before_ms: int | None
    not_after_ms: int | None


@dataclass(frozen=True, slots=True)
class CancelCut:
    id: str


@dataclass(frozen=True, slots=True)
class TopUp:
    id: str
    amount_ueur: int
    channel: Channel


@dataclass(frozen=True, slots=True)
class Release:
    hours: ReleaseHours


@dataclass(frozen=True, slots=True)
class EmergencyCredit:
    pass


@dataclass(frozen=True, slots=True)
class Rebase:
    pass


@dataclass(frozen=True, slots=True)
class Press:
    name: ButtonName


@dataclass(frozen=True, slots=True)
class Flag:
    name: FlagName
    value: bool


@dataclass(frozen=True, slots=True)
class SetLoad:
    load_w: int


@dataclass(frozen=True, slots=True)
class Overcurrent:
    pass


Do = (
    Witness
    | SetClock
    | RtcLost
    | SetMains
    | Hold
    | LiftHold
    | ShortenHold
    | CutCalendar
    | ProgrammedCut
    | CancelCut
    | TopUp
    | Release
    | EmergencyCredit
    | Rebase
    | Press
    | Flag
    | SetLoad
    | Overcurrent
)


@dataclass(frozen=True, slots=True)
class EventSpec:
    """`index` is the place in the file, for messages."""

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
    file: str
    name: str
    start_ms: int
    end_ms: int
    seed: int
    meters: tuple[MeterSpec, ...]
    events: tuple[EventSpec, ...]
    expects: tuple[ExpectSpec, ...]
