"""How households got their supply back in 2020: a queue in each office, and ninety seconds a card. Pure.

A household that was cut goes to its office when that next opens, and waits for its turn. Who is not served
before closing time comes again when the office opens.
"""

from bisect import bisect_right
from collections.abc import Sequence

from controller.demo import night
from protocols.cutting.cut_calendar import compile_windows
from protocols.cutting.rules import parse_rule
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.spans import Window

# Of a hundred households cut while the offices were closed, so many wait at the door when they open.
_AT_THE_DOOR = 60
_MORNING_MS = 4 * HOUR_MS
# From a cut during office hours until somebody of the household is at the office.
_WAY_THERE_MS = 45 * MINUTE_MS
# Beyond the end of the demo, so that there is always a next opening.
_HORIZON_MS = 14 * DAY_MS


class Offices:
    """The queues of all offices. Call `serve` in the order of arrivals."""

    def __init__(self, count: int) -> None:
        self._free_ms = [0] * count
        self._hours: Sequence[Window] = compile_windows(
            parse_rule(night.OFFICE_HOURS), night.ZONE, "BE", night.START_MS, night.END_MS + _HORIZON_MS
        )

    def arrival_ms(self, cut_ms: int, lot: int) -> int:
        """When a household that was cut at `cut_ms` arrives; `lot` (0 to 99) decides how early."""
        window = self._window(cut_ms)
        if window.start_ms <= cut_ms:
            there_ms = cut_ms + _WAY_THERE_MS
            return there_ms if there_ms < window.end_ms else self._window(window.end_ms).start_ms
        if lot < _AT_THE_DOOR:
            return window.start_ms
        return window.start_ms + (lot - _AT_THE_DOOR) * _MORNING_MS // (100 - _AT_THE_DOOR)

    def serve(self, office: int, arrival_ms: int) -> int:
        """When the card of a household that arrives now is ready."""
        begins_ms = max(arrival_ms, self._free_ms[office])
        window = self._window(begins_ms)
        begins_ms = max(begins_ms, window.start_ms)
        if begins_ms + night.CARD_MS > window.end_ms:
            begins_ms = self._window(window.end_ms).start_ms
        self._free_ms[office] = begins_ms + night.CARD_MS
        return self._free_ms[office]

    def _window(self, instant_ms: int) -> Window:
        """The office hours that hold an instant, or the next ones."""
        index = bisect_right(self._hours, instant_ms, key=lambda hours: hours.end_ms)
        return self._hours[index]
