"""The parameters of a kind of meter: pure data; those that ship are TOML in `emulator/population/profiles/`.

Sources: domain.md §7.1 and §1.1; keys and their scenario overrides: design §9.
"""

from dataclasses import dataclass
from enum import StrEnum, unique

from protocols.reasons import Energy


@unique
class EmergencyStart(StrEnum):
    BUTTON = "button"
    AUTOMATIC = "automatic"


@unique
class Reconnect(StrEnum):
    CLOSE = "close"
    ARM = "arm"


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of meter, for one energy."""

    name: str
    energy: Energy
    zone: str
    keypad: bool
    emergency_credit_q: int
    emergency_start: EmergencyStart
    reconnect: Reconnect
    warning_s: int
    spread_max_s: int
    limiter_w: int
    leak_test_s: int
    crystal_ppm: int
    friendly: str
    low_credit_q: int
    # What of a payment a debt takes where the order about it, in a scenario, names no share.
    debt_share_percent: int
    price_ueur_per_kwh: int
    fixed_ueur_per_day: int

    @property
    def arms(self) -> bool:
        """Whether reconnection waits for a person; a gas valve never opens remotely (design §3)."""
        return self.energy is Energy.GAS or self.reconnect is Reconnect.ARM

    @property
    def has_limiter(self) -> bool:
        return self.energy is Energy.ELECTRICITY and self.limiter_w > 0
