"""What a screen is started with."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cardreader.kiosk.home import KioskHome
from protocols.reasons import Language

# How long a session lasts without a touch, as the clerk chooses it (EN 301 549, 9.2.2.1: adjustable).
IDLE_MINUTES = (5, 15, 60)
IDLE_MINUTES_DEFAULT = 15
# So long before the end the screen warns; one touch prolongs it.
WARNED_S = 60


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """`readers`: where cards are put in; more than one card at a time is refused.

    `port`: the one that this machine's browser uses: part of the names that are allowed as Host. `phone`: of
    the call centre; empty: it is not shown.
    """

    home: KioskHome
    readers: tuple[str, ...]
    zone: ZoneInfo
    port: int
    language: Language = Language.FRENCH
    phone: str = ""

    @property
    def is_practice(self) -> bool:
        """Whether nothing that is done here counts for a real meter."""
        return bool(self.home.practice)
