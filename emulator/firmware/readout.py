"""What a meter shows now, as values: links, faces, views and scenarios read these and nothing else of it.

`Glance` costs nothing; `Readout` settles the credit and ages the clock. Both firmwares give both.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from emulator.firmware.credit import Credit, Emergency, account_of, settled_copy
from emulator.firmware.ticks import Tick
from protocols.documents.accounts import Account
from protocols.documents.bodies import TariffBody
from protocols.instants import UtcMs
from protocols.link.question import Permission
from protocols.reasons import ClockStatus, ScreenCode, Supply, SupplyReason
from protocols.spans import Span
from protocols.units import ueur_from_quanta

# Millijoules.
MJ_PER_WH: Final = 3_600_000


class Glance(NamedTuple):
    """What can be read without a calculation: inputs and steps change it, the passing of time does not.

    `reason`: why the supply last changed; a trip on top of a cut is named first. `dispute_nonce`: what a
    rebase must name; empty without a dispute.
    """

    supply: Supply
    reason: SupplyReason
    clock: ClockStatus
    dispute_nonce: str
    code: ScreenCode


@dataclass(frozen=True, slots=True)
class Purse:
    """Credit and register, settled to a tick. Quanta (`_q`) are exact; see `protocols.units`.

    `settled` is the record that they come from, which nobody changes.
    """

    balance_q: int
    emergency_left_q: int
    emergency: Emergency
    drawn_w: int
    energy_mj: int
    settled: Credit

    @property
    def account(self) -> Account:
        """What went in and out of it."""
        return account_of(self.settled)

    @property
    def balance_ueur(self) -> int:
        return ueur_from_quanta(self.balance_q)

    @property
    def emergency_ueur(self) -> int:
        return ueur_from_quanta(self.emergency_left_q)

    @property
    def energy_wh(self) -> int:
        return self.energy_mj // MJ_PER_WH


class StoredPlans(NamedTuple):
    """What a meter has stored about instants to come. By itself none of it moves anything: the gate is asked.

    `calendar`: the cut calendar that a lease keeps alive, with its rev; empty without one, and then
    `permission` has no windows. `cuts`: the intervals of the cut orders that wait, the earliest first.
    `tariff`: with the switches of its registers; None: its prices never change by a date.
    """

    calendar: str = ""
    permission: Permission = Permission()
    cuts: tuple[Span, ...] = ()
    tariff: TariffBody | None = None


NOTHING_PLANNED: Final = StoredPlans()


@dataclass(frozen=True, slots=True)
class Readout:
    """Everything that a meter shows at one tick; looking changes nothing.

    True time is believed in `[earliest_ms, latest_ms]` (None: unbounded); `estimate_ms` is what a screen
    would show. A card meter believes its register whole. `is_warned`: a cut is announced.
    `next_possible_ms`: the first instant at which a cut is possible, if nothing new arrives; None: none, as
    things stand, and of a card meter never. `journal_number`: of the black box's last entry; 0 without one.
    """

    glance: Glance
    text: str
    earliest_ms: UtcMs
    latest_ms: UtcMs | None
    estimate_ms: UtcMs
    purse: Purse
    mains_on: bool
    is_warned: bool
    next_possible_ms: int | None
    journal_number: int
    planned: StoredPlans = NOTHING_PLANNED


def purse_at(credit: Credit, at_tick: Tick) -> Purse:
    """The purse as it stands at a tick; the meter's own is left as it was."""
    now = settled_copy(credit, at_tick)
    return Purse(now.balance_q, now.emergency_left_q, now.emergency, now.drawn_w, now.energy_mj, now)
