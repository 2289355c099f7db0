"""Who does something to the meter of a virtual bench with a key of its own: people, authorities, a kiosk.

Their keys come from the meter's seed: a practice's, which nobody else believes.
"""

from emulator.scenario.model import KioskSpec, TopUpSpec, WitnessSpec
from emulator.scenario.writing import SignedSpec
from hil.drivers.virtual.installed import VirtualMeter


class VirtualOrders:
    """`Orders`."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def bring(self, do: SignedSpec) -> None:
        """As `Orders`."""
        self._meter.do(do)

    def withdraw(self) -> None:
        """As `Orders`: nothing, since each story has another meter."""


class VirtualAuthorities:
    """`Authorities`."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def tell(self, do: WitnessSpec) -> None:
        """As `Authorities`."""
        self._meter.do(do)


class VirtualPaymentWays:
    """`PaymentWays`."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def pay(self, do: TopUpSpec) -> None:
        """As `PaymentWays`."""
        self._meter.do(do)


class VirtualKiosk:
    """`KioskVisit`."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def act(self, do: KioskSpec) -> None:
        """As `KioskVisit`."""
        self._meter.do(do)
