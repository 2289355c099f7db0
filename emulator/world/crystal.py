"""The crystal of one meter: true time to ticks and back, in exact integers.

A meter counts the milliseconds of its own crystal from its first power-up. The world knows true
time. Here is the map between them: `drift_ppm` ticks too many in a million (too few where it is
below 0), and spans in which the counter stands still because its cell is gone and the mains are off.

The bound that the interval clock relies on (design §4.1): between any two instants the counter differs
from true running time by at most `|drift_ppm|` in a million and one tick of rounding.
"""

from emulator.firmware.ticks import Tick
from protocols.instants import UtcMs

_MILLION = 1_000_000


class Crystal:
    """The tick counter of one meter, 0 at `origin_ms`, running unless stopped."""

    __slots__ = ("_origin_ms", "_rate", "_stood_ms", "_stopped_at_ms", "_stops")

    def __init__(self, drift_ppm: int, origin_ms: UtcMs) -> None:
        assert drift_ppm > -_MILLION, drift_ppm
        self._rate = _MILLION + drift_ppm
        self._origin_ms = origin_ms
        self._stops: list[tuple[UtcMs, UtcMs]] = []
        # The sum of all stops that are over.
        self._stood_ms = 0
        self._stopped_at_ms: UtcMs | None = None

    def stop(self, true_ms: UtcMs) -> None:
        """Stop the counter now. Of a counter that stands still already nothing changes."""
        self.tick_at(true_ms)  # refuses an instant before the last change
        if self._stopped_at_ms is None:
            self._stopped_at_ms = true_ms

    def resume(self, true_ms: UtcMs) -> None:
        """Let the counter run on from where it stood. Of a running one nothing changes."""
        self.tick_at(true_ms)  # refuses an instant before the last change
        if self._stopped_at_ms is not None:
            self._stops.append((self._stopped_at_ms, true_ms))
            self._stood_ms += true_ms - self._stopped_at_ms
            self._stopped_at_ms = None

    @property
    def stands_still(self) -> bool:
        return self._stopped_at_ms is not None

    def tick_at(self, true_ms: UtcMs) -> Tick:
        """What the counter reads at a true instant: whole ticks, never decreasing.

        Instants before the origin, or before the latest stop or resumption, are a caller's bug.
        """
        latest_change_ms = self._stops[-1][1] if self._stops else self._origin_ms
        assert true_ms >= latest_change_ms, (true_ms, latest_change_ms)
        until_ms = true_ms
        if self._stopped_at_ms is not None:
            assert true_ms >= self._stopped_at_ms, (true_ms, self._stopped_at_ms)
            until_ms = self._stopped_at_ms
        return Tick((until_ms - self._origin_ms - self._stood_ms) * self._rate // _MILLION)

    def true_at(self, tick: Tick) -> UtcMs:
        """The first true millisecond at which the counter reads `tick` or more.

        Raises ValueError for a tick that a counter standing still will not reach.
        """
        assert tick >= 0, tick
        true_ms = self._origin_ms - (-tick * _MILLION // self._rate)
        for stopped_ms, resumed_ms in self._stops:
            if true_ms <= stopped_ms:
                return UtcMs(true_ms)
            true_ms += resumed_ms - stopped_ms
        if self._stopped_at_ms is not None and true_ms > self._stopped_at_ms:
            raise ValueError(f"the counter stands still before tick {tick}")
        return UtcMs(true_ms)
