"""What a meter says that it holds, as a card has it."""

from protocols.link.messages import MeterHolds
from protocols.reasons import ClockStatus, Energy, Supply


def holdings(meter: str, cut_orders: tuple[str, ...] = ()) -> MeterHolds:
    """Of a meter that holds nothing but these cuts."""
    return MeterHolds(
        meter=meter,
        energy=Energy.ELECTRICITY,
        firmware="1",
        profile="electricity",
        supply=Supply.ON,
        clock=ClockStatus.TRUSTED,
        protections=(),
        calendars=(),
        lease_rev=0,
        lease_ends_ms=0,
        statements=(),
        cut_orders=cut_orders,
        tombstones=(),
        root_version=1,
    )
