"""What a household draws: a seeded load, constant over each quarter of an hour.

The load of a quarter is a pure function of seed, meter and quarter: a hash over the three gives the
numbers, so that any quarter can be asked for in any order, and adding a meter changes no other.
A household has a night base (refrigerator, standby), a morning peak, a higher evening peak, a late
breakfast at the weekend, and now and then an appliance that runs for a quarter or two.

The amounts are an assumption, not a measurement: some 1,500 to 5,000 kWh a year.
"""

from collections.abc import Iterator
from hashlib import blake2b
from zoneinfo import ZoneInfo

from protocols.cutting.zones import load_zone, wall_clock
from protocols.instants import MINUTE_MS, UtcMs

QUARTER_MS = 15 * MINUTE_MS

# Multiples of the household's base per quarter, in percent, from the hour on the wall.
_WEEKDAY_PERCENT = (
    *(100, 95, 90, 90, 90, 110, 180, 320, 280, 180, 160, 180),
    *(240, 200, 160, 150, 180, 300, 460, 520, 480, 400, 260, 150),
)
_WEEKEND_PERCENT = (
    *(110, 100, 95, 90, 90, 95, 120, 180, 280, 340, 320, 320),
    *(360, 300, 240, 220, 240, 320, 440, 480, 440, 380, 280, 180),
)
# Appliances: W, and of how many waking quarters one has it running.
_APPLIANCES = ((2_000, 24), (1_100, 36), (3_200, 80))
_WAKING_HOURS = range(7, 22)


class HouseholdLoad:
    """The load of one household over time."""

    __slots__ = ("_base_w", "_meter", "_seed", "_zone")

    def __init__(self, seed: int, meter: str, zone: str) -> None:
        self._seed = seed
        self._meter = meter
        self._zone: ZoneInfo = load_zone(zone)
        self._base_w = 40 + _numbers(seed, meter, "household")[0] % 161

    def load_w(self, true_ms: UtcMs) -> int:
        """W drawn at an instant, as if it were supplied."""
        quarter = true_ms // QUARTER_MS
        wall = wall_clock(quarter * QUARTER_MS, self._zone)
        profile = _WEEKDAY_PERCENT if wall.weekday() < 5 else _WEEKEND_PERCENT  # noqa: PLR2004 Saturday
        wobble, *chances = _numbers(self._seed, self._meter, str(quarter))
        load_w = self._base_w * profile[wall.hour] * (75 + wobble % 51) // 10_000
        if wall.hour in _WAKING_HOURS:
            for (appliance_w, one_in), chance in zip(_APPLIANCES, chances, strict=True):
                load_w += appliance_w if chance % one_in == 0 else 0
        return load_w

    def changes(self, from_ms: UtcMs, until_ms: UtcMs) -> Iterator[tuple[UtcMs, int]]:
        """`(instant, W)` for each quarter that begins in `(from_ms, until_ms]` with another load."""
        drawn_w = self.load_w(from_ms)
        for quarter in range(from_ms // QUARTER_MS + 1, until_ms // QUARTER_MS + 1):
            start_ms = UtcMs(quarter * QUARTER_MS)
            load_w = self.load_w(start_ms)
            if load_w != drawn_w:
                drawn_w = load_w
                yield start_ms, load_w


def _numbers(seed: int, meter: str, what: str) -> tuple[int, int, int, int]:
    """Four 16-bit numbers that belong to this seed, meter and thing; the meter's name holds no `/`."""
    digest = blake2b(f"{seed}/{meter}/{what}".encode(), digest_size=8, person=b"load").digest()
    return (
        int.from_bytes(digest[0:2], "big"),
        int.from_bytes(digest[2:4], "big"),
        int.from_bytes(digest[4:6], "big"),
        int.from_bytes(digest[6:8], "big"),
    )
