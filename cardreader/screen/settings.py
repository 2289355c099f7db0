"""What a screen is started with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from cardreader.kiosk.desk import Kiosk
from cardreader.kiosk.ports import PaymentPort
from cardreader.kiosk.rules import Moment
from cardreader.receipts.printer import PrinterPlace
from protocols.documents.till_receipts import PaymentMeans
from protocols.instants import UtcMs
from protocols.reasons import Language

# How long a session lasts without a touch, as the clerk chooses it (EN 301 549, 9.2.2.1: adjustable).
IDLE_MINUTES = (5, 15, 60)
IDLE_MINUTES_DEFAULT = 15
# So long before the end the screen warns; one touch prolongs it.
WARNED_S = 60


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """`kiosk_now`: the kiosk as its home says now: the line brings limits and keys while the screen runs.

    `readers`: where cards are put in; more than one card at a time is refused. `port`: the one that this
    machine's browser uses: part of the names that are allowed as Host. `moment`: the clocks of the machine.
    `pays`: how money is taken, by each means that there is. `phone`: of the call centre; empty: it is not
    shown. `keys`: the folder with the keys of clerks, `NAME.pem`; None: none is opened here. `printer`: for
    receipts; None: the browser prints them.
    """

    kiosk_now: Callable[[], Kiosk]
    readers: tuple[str, ...]
    zone: ZoneInfo
    port: int
    moment: Callable[[], Moment]
    pays: Mapping[PaymentMeans, PaymentPort]
    language: Language = Language.FRENCH
    phone: str = ""
    keys: Path | None = None
    printer: PrinterPlace | None = None

    @property
    def kiosk(self) -> Kiosk:
        """The kiosk as it is now. Raises InputError for a home that cannot be read."""
        return self.kiosk_now()

    def now_ms(self, kiosk: Kiosk) -> UtcMs:
        """The time as this kiosk believes it: see `Kiosk.now_ms`."""
        return kiosk.now_ms(self.moment().wall_ms)

    def tick_ms(self) -> int:
        """The machine's count since its boot, which nobody can set."""
        return self.moment().tick_ms

    @property
    def is_practice(self) -> bool:
        """Whether nothing that is done here counts for a real meter."""
        return bool(self.kiosk.home.practice)
